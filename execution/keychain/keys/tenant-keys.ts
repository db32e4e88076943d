/**
 * A tenant's key material as stored: regional secret, L2 and L3 versions, each an envelope, and the manifest that says
 * what to expect of them. Here stand the contexts and the parents; who may open what is decided elsewhere.
 */
import type { TenantId } from '../../../contracts/index.ts';
import {
  type EnvelopeContext,
  encodeContext,
  hkdfSha256,
  l3Parent,
  open,
  type ParentKey,
  ParentKind,
  SecretBytes,
  seal,
} from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import type { Realm } from '../realm.ts';
import type { Db } from '../tables.ts';
import { type KeyVersion, type Manifest, openManifest, sealManifest } from './manifest.ts';

export interface StoredTenant {
  readonly tenant: TenantId;
  readonly counter: number;
  readonly manifest: Manifest;
  /** Envelope under an IVK. */
  readonly regionalSecret: Buffer;
}

/** @throws KeychainError TENANT_UNKNOWN, RECORD_REJECTED, SEALED. */
export async function loadTenant(db: Db, realm: Realm, tenant: TenantId): Promise<StoredTenant> {
  const stored = await findTenant(db, realm, tenant);
  if (stored === null) throw new KeychainError('TENANT_UNKNOWN', tenant);
  return stored;
}

export async function findTenant(db: Db, realm: Realm, tenant: TenantId): Promise<StoredTenant | null> {
  const row = await db
    .selectFrom('keychain.tenants')
    .selectAll()
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  if (row === undefined) return null;
  const counter = row.manifest_counter;
  const manifest = openManifest(realm.root(), realm.region, tenant, counter, row.manifest);
  return { tenant, counter, manifest, regionalSecret: row.regional_secret };
}

export async function saveManifest(
  tx: Db,
  realm: Realm,
  stored: StoredTenant,
  manifest: Manifest,
): Promise<void> {
  const counter = stored.counter + 1;
  await tx
    .updateTable('keychain.tenants')
    .set({
      manifest: sealManifest(realm.root(), realm.region, stored.tenant, counter, manifest),
      manifest_counter: counter,
    })
    .where('tenant', '=', stored.tenant)
    .execute();
}

export function regionalSecretContext(realm: Realm, tenant: TenantId): EnvelopeContext {
  return contextOf(realm, tenant, 'regional-secret', tenant, 1);
}

/** Of the HPKE key that waits for an epoch's secret. */
export function linkKeyContext(realm: Realm, tenant: TenantId, epoch: number): EnvelopeContext {
  return contextOf(realm, tenant, 'link-private-key', tenant, epoch);
}

/**
 * The key that wraps L2 in one epoch (D1): HKDF-SHA256 over the regional secret and, when linked, the link secret, so
 * that neither alone gives it. Epoch 0 is the regional secret alone. The caller wipes it.
 */
export function tenantWrappingKey(
  realm: Realm,
  stored: Pick<StoredTenant, 'tenant' | 'regionalSecret'>,
  epoch: number,
  linkSecret: SecretBytes | null,
): ParentKey {
  if ((epoch === 0) !== (linkSecret === null))
    throw new RangeError('epoch 0, and only it, has no link secret');
  const { tenant } = stored;
  using regional = openingRecord(`regional secret of ${tenant}`, () =>
    realm.root().open(stored.regionalSecret, regionalSecretContext(realm, tenant)),
  );
  using material = joined(regional, linkSecret);
  const info = encodeContext(contextOf(realm, tenant, 'tenant-wrapping-key', tenant, epoch));
  const key = hkdfSha256(material, WRAPPING_SALT, info);
  return { kind: ParentKind.TenantWrapping, id: tenant, version: epoch, key };
}

const WRAPPING_SALT = Buffer.from('openkcm/tenant-wrapping-key/v1', 'latin1');

function joined(first: SecretBytes, second: SecretBytes | null): SecretBytes {
  return SecretBytes.fill(first.sizeBytes + (second?.sizeBytes ?? 0), (bytes) => {
    first.use((part) => bytes.set(part));
    second?.use((part) => bytes.set(part, first.sizeBytes));
  });
}

export function sealL2(
  realm: Realm,
  tenant: TenantId,
  wrapping: ParentKey,
  entry: KeyVersion,
  l2: SecretBytes,
): Buffer {
  return Buffer.from(seal(wrapping, l2, keyContext(realm, tenant, '', 'L2', entry)));
}

/** @throws EnvelopeError */
export function openL2(
  realm: Realm,
  tenant: TenantId,
  wrapping: ParentKey,
  entry: KeyVersion,
  wrapped: Buffer,
): SecretBytes {
  return open(wrapping, wrapped, keyContext(realm, tenant, '', 'L2', entry));
}

export function l2Parent(tenant: TenantId, version: number, key: SecretBytes): ParentKey {
  return { kind: ParentKind.L2, id: tenant, version, key };
}

export function sealL3(
  realm: Realm,
  tenant: TenantId,
  service: string,
  l2: ParentKey,
  entry: KeyVersion,
  l3: SecretBytes,
): Buffer {
  return Buffer.from(seal(l2, l3, keyContext(realm, tenant, service, 'L3', entry)));
}

/** @throws KeychainError RECORD_REJECTED */
export function openL3(
  realm: Realm,
  tenant: TenantId,
  service: string,
  l2: ParentKey,
  entry: KeyVersion,
  wrapped: Buffer,
): ParentKey {
  const key = openingRecord(`L3 ${tenant}/${service} version ${entry.version}`, () =>
    open(l2, wrapped, keyContext(realm, tenant, service, 'L3', entry)),
  );
  return l3Parent(tenant, service, entry.version, key);
}

/** @throws KeychainError RECORD_REJECTED when a version that the manifest names has no row. */
export async function readL2Rows(
  db: Db,
  tenant: TenantId,
  entries: readonly KeyVersion[],
): Promise<Map<number, Buffer>> {
  const rows = await db
    .selectFrom('keychain.l2_keys')
    .select(['version', 'wrapped'])
    .where('tenant', '=', tenant)
    .execute();
  return byVersion(`L2 of ${tenant}`, entries, rows);
}

export async function readL3Rows(
  db: Db,
  tenant: TenantId,
  service: string,
  entries: readonly KeyVersion[],
): Promise<Map<number, Buffer>> {
  const rows = await db
    .selectFrom('keychain.l3_keys')
    .select(['version', 'wrapped'])
    .where('tenant', '=', tenant)
    .where('service', '=', service)
    .execute();
  return byVersion(`L3 of ${tenant}/${service}`, entries, rows);
}

function byVersion(
  what: string,
  entries: readonly KeyVersion[],
  rows: readonly { version: number; wrapped: Buffer }[],
): Map<number, Buffer> {
  const found = new Map(rows.map((row) => [row.version, row.wrapped]));
  for (const { version } of entries) rowOf(found, version, what);
  return found;
}

export function rowOf(rows: ReadonlyMap<number, Buffer>, version: number, what: string): Buffer {
  const row = rows.get(version);
  if (row === undefined) throw new KeychainError('RECORD_REJECTED', `${what}: version ${version} is missing`);
  return row;
}

function keyContext(
  realm: Realm,
  tenant: TenantId,
  service: string,
  level: 'L2' | 'L3',
  entry: KeyVersion,
): EnvelopeContext {
  const { version, revision } = entry;
  return { region: realm.region, tenant, service, level, objectId: service || tenant, version, revision };
}

function contextOf(
  realm: Realm,
  tenant: TenantId,
  level: string,
  objectId: string,
  version: number,
): EnvelopeContext {
  return { region: realm.region, tenant, service: '', level, objectId, version, revision: 1 };
}
