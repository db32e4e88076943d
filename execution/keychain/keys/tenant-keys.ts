/**
 * A tenant's key material as stored: regional secret, L2 and L3 versions, each an envelope, and the manifest that says
 * what to expect of them. Here stand the contexts and the parents; who may open what is decided elsewhere.
 */
import type { TenantId } from '../../../contracts/index.ts';
import {
  type EnvelopeContext,
  encodeContext,
  hkdfSha256,
  KEY_BYTES,
  l3Parent,
  open,
  type ParentKey,
  ParentKind,
  SecretBytes,
  seal,
} from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import type { Realm } from '../realm.ts';
import { holdActiveIvk, ivkOf, rootFor } from '../root/ivks.ts';
import type { RootOfTrust } from '../root/root-of-trust.ts';
import { type KeyName, type KeyRecord, L2, NO_KEYS } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import { activeOf, type KeyHistory, type KeyVersion } from './key-history.ts';
import { encodeManifest, type Manifest, manifestContext, openManifest } from './manifest.ts';
import { dueAtMs } from './schedule.ts';

export interface StoredTenant {
  readonly tenant: TenantId;
  readonly counter: number;
  readonly manifest: Manifest;
  /** Envelope under an IVK. */
  readonly regionalSecret: Buffer;
  /** Envelopes of the services that were asked for; `recordOf` finds one. */
  readonly keys: ReadonlyMap<string, Buffer>;
}

/** @throws KeychainError TENANT_UNKNOWN, RECORD_REJECTED, SEALED, STORE_UNAVAILABLE. */
export async function loadTenant(
  db: Db,
  realm: Realm,
  tenant: TenantId,
  services: readonly string[] = [],
): Promise<StoredTenant> {
  const stored = await findTenant(db, realm, tenant, services);
  if (stored === null) throw new KeychainError('TENANT_UNKNOWN', tenant);
  return stored;
}

/** @param services whose keys are read, too; `L2` for the tenant's own. */
export async function findTenant(
  db: Db,
  realm: Realm,
  tenant: TenantId,
  services: readonly string[] = [],
): Promise<StoredTenant | null> {
  const records = await realm.store.read(db, tenant, services);
  if (records === null) return null;
  const { counter, regionalSecret } = records;
  await rootFor(db, realm, regionalSecret);
  const root = await rootFor(db, realm, records.manifest);
  const manifest = openManifest(root, realm.region, tenant, counter, records.manifest);
  const keys = new Map(records.keys.map((key) => [keyName(key.service, key.version), key.wrapped]));
  return { tenant, counter, manifest, regionalSecret, keys };
}

/** What a change of a tenant writes beside its manifest. */
export interface KeyChanges {
  readonly put: readonly KeyRecord[];
  readonly remove: readonly KeyName[];
}

/** Makes the tenant. @throws KeychainError CONFLICT, SEALED, BUSY, STORE_UNAVAILABLE. */
export async function createTenant(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  manifest: Manifest,
  regionalSecret: SecretBytes,
  put: readonly KeyRecord[],
): Promise<void> {
  const root = await holdActiveIvk(tx, realm);
  const sealed = root.seal(regionalSecret, regionalSecretContext(realm, tenant, manifest));
  await write(tx, realm, root, { tenant, counter: 1, manifest, regionalSecret: sealed }, { put, remove: [] });
}

/**
 * Everything that changes a tenant's keys ends here. What stood under an older IVK stands under the active one
 * afterwards (D2). @throws KeychainError CONFLICT, SEALED, BUSY, LIMIT_REACHED, STORE_UNAVAILABLE.
 */
export async function saveTenant(
  tx: Db,
  realm: Realm,
  stored: StoredTenant,
  manifest: Manifest,
  changes: KeyChanges = NO_KEYS,
): Promise<void> {
  const root = await holdActiveIvk(tx, realm);
  const kept = resealed(realm, root, stored, manifest);
  await write(tx, realm, root, { tenant: stored.tenant, counter: stored.counter + 1, ...kept }, changes);
}

/** As `saveTenant`, with another regional secret: the manifest names its version. */
export async function saveTenantWithSecret(
  tx: Db,
  realm: Realm,
  stored: StoredTenant,
  manifest: Manifest,
  regionalSecret: SecretBytes,
  changes: KeyChanges,
): Promise<void> {
  const root = await holdActiveIvk(tx, realm);
  const { tenant, counter } = stored;
  const sealed = root.seal(regionalSecret, regionalSecretContext(realm, tenant, manifest));
  await write(tx, realm, root, { tenant, counter: counter + 1, manifest, regionalSecret: sealed }, changes);
}

/** The regional secret under the active IVK: the same envelope where it stands there, else one revision further. */
function resealed(realm: Realm, root: RootOfTrust, stored: StoredTenant, manifest: Manifest) {
  if (ivkOf(stored.regionalSecret) === root.activeIvk)
    return { manifest, regionalSecret: stored.regionalSecret };
  using secret = openRegionalSecret(realm, stored);
  const { version, revision } = manifest.regionalSecret;
  const next: Manifest = { ...manifest, regionalSecret: { version, revision: revision + 1 } };
  const regionalSecret = root.seal(secret, regionalSecretContext(realm, stored.tenant, next));
  return { manifest: next, regionalSecret };
}

async function write(
  tx: Db,
  realm: Realm,
  root: RootOfTrust,
  { tenant, counter, manifest, regionalSecret }: Omit<StoredTenant, 'keys'>,
  { put, remove }: KeyChanges,
): Promise<void> {
  const sealed = root.seal(encodeManifest(manifest), manifestContext(realm.region, tenant, counter));
  await realm.store.write(tx, tenant, { record: { counter, manifest: sealed, regionalSecret }, put, remove });
  const dueMs = dueAtMs(manifest, realm.rotation, realm.now());
  await tx
    .updateTable('keychain.link_heads')
    .set({
      manifest_counter: counter,
      ivk: root.activeIvk,
      due_at: dueMs === null ? null : new Date(dueMs),
    })
    .where('tenant', '=', tenant)
    .execute();
}

function openRegionalSecret(
  realm: Realm,
  { tenant, manifest, regionalSecret }: Omit<StoredTenant, 'counter' | 'keys'>,
): SecretBytes {
  return openingRecord(`regional secret of ${tenant}`, () =>
    realm.root().open(regionalSecret, regionalSecretContext(realm, tenant, manifest)),
  );
}

function regionalSecretContext(realm: Realm, tenant: TenantId, manifest: Manifest): EnvelopeContext {
  const { version, revision } = manifest.regionalSecret;
  return contextOf(realm, tenant, 'regional-secret', tenant, version, revision);
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
  stored: Omit<StoredTenant, 'counter' | 'keys'>,
  epoch: number,
  linkSecret: SecretBytes | null,
): ParentKey {
  using regional = openRegionalSecret(realm, stored);
  return deriveWrappingKey(realm, stored.tenant, epoch, regional, linkSecret);
}

export function deriveWrappingKey(
  realm: Realm,
  tenant: TenantId,
  epoch: number,
  regional: SecretBytes,
  linkSecret: SecretBytes | null,
): ParentKey {
  if ((epoch === 0) !== (linkSecret === null))
    throw new RangeError('epoch 0, and only it, has no link secret');
  using material = joined(regional, linkSecret);
  const info = encodeContext(contextOf(realm, tenant, 'tenant-wrapping-key', tenant, epoch));
  const key = hkdfSha256(material, WRAPPING_SALT, info);
  return { kind: ParentKind.TenantWrapping, id: tenant, version: epoch, key };
}

const WRAPPING_SALT = Buffer.from('openkcm/tenant-wrapping-key/v1', 'latin1');

export function newSecret(): SecretBytes {
  return SecretBytes.random(KEY_BYTES);
}

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
): KeyRecord {
  const wrapped = Buffer.from(seal(wrapping, l2, keyContext(realm, tenant, L2, entry)));
  return { service: L2, version: entry.version, wrapped };
}

/** @throws EnvelopeError */
export function openL2(
  realm: Realm,
  tenant: TenantId,
  wrapping: ParentKey,
  entry: KeyVersion,
  wrapped: Buffer,
): SecretBytes {
  return open(wrapping, wrapped, keyContext(realm, tenant, L2, entry));
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
): KeyRecord {
  const wrapped = Buffer.from(seal(l2, l3, keyContext(realm, tenant, service, entry)));
  return { service, version: entry.version, wrapped };
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
    open(l2, wrapped, keyContext(realm, tenant, service, entry)),
  );
  return l3Parent(tenant, service, entry.version, key);
}

/** The envelope of one version. @throws KeychainError RECORD_REJECTED when the manifest names it and nobody holds it. */
export function recordOf(
  { keys, tenant }: Pick<StoredTenant, 'keys' | 'tenant'>,
  service: string,
  version: number,
): Buffer {
  const record = keys.get(keyName(service, version));
  const what = service === L2 ? `L2 of ${tenant}` : `L3 of ${tenant}/${service}`;
  if (record === undefined)
    throw new KeychainError('RECORD_REJECTED', `${what}: version ${version} is missing`);
  return record;
}

/** No service's name holds a slash. */
function keyName(service: string, version: number): string {
  return `${service}/${version}`;
}

export function activeL2(manifest: Pick<Manifest, 'l2'>): number {
  return activeOf(manifest.l2).version;
}

/** The youngest version of a history, which whoever just added one knows to be there. */
export function youngest(history: KeyHistory): KeyVersion {
  const last = history.at(-1);
  if (last === undefined) throw new KeychainError('RECORD_REJECTED', 'a key has no version');
  return last;
}

function keyContext(realm: Realm, tenant: TenantId, service: string, entry: KeyVersion): EnvelopeContext {
  const level = service === L2 ? 'L2' : 'L3';
  const { version, revision } = entry;
  return { region: realm.region, tenant, service, level, objectId: service || tenant, version, revision };
}

function contextOf(
  realm: Realm,
  tenant: TenantId,
  level: string,
  objectId: string,
  version: number,
  revision = 1,
): EnvelopeContext {
  return { region: realm.region, tenant, service: '', level, objectId, version, revision };
}
