/**
 * The sovereign link's life in the region (D1): prepare, open, renew, close. Each function runs in its caller's
 * transaction, under the lock of the tenant's head, so that a closure and an opening never pass each other.
 */
import type { Sealed, TenantId } from '../../../contracts/index.ts';
import { openLinkSecret, SealingError } from '../../../contracts/sealing.ts';
import { generateKeyPair, type ParentKey, SecretBytes } from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import { activeOf, type KeyVersion, living, rewrapped, versionOf } from '../keys/key-history.ts';
import { assertNotRolledBack } from '../keys/l2-access.ts';
import type { Manifest } from '../keys/manifest.ts';
import {
  activeL2,
  deriveWrappingKey,
  findTenant,
  linkKeyContext,
  loadTenant,
  newSecret,
  openL2,
  recordOf,
  type StoredTenant,
  saveTenant,
  saveTenantWithSecret,
  sealL2,
  tenantWrappingKey,
  youngest,
} from '../keys/tenant-keys.ts';
import { MAX_REASON_CHARACTERS } from '../limits.ts';
import type { Realm } from '../realm.ts';
import { rootFor, sealUnderIvk } from '../root/ivks.ts';
import { type KeyRecord, L2 } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import { openLease, sealLease } from './lease.ts';
import { assertProof, livingEpoch, onClose, onOpen, onPrepare, onRenew } from './link-rules.ts';
import {
  closeRows,
  insertClosed,
  insertPrepared,
  type LinkFacts,
  lockTenant,
  lookAgainAt,
  markOpen,
  markRenewed,
  raiseClosedEpoch,
  readLink,
} from './link-store.ts';

export interface OpenLinkRequest {
  readonly tenant: TenantId;
  readonly epoch: number;
  /** Only while an older epoch is open: a rotation of the link never brings a closed one back. */
  readonly rotation?: boolean;
  readonly provedAt: Date;
  readonly expiresAt: Date;
  /** As the LINK job carries it: sealed to the key that `prepareLink` returned. */
  readonly secret: Sealed;
  /** The secret of the epoch under which L2 stands, sealed to the new epoch's key with purpose `previous`. */
  readonly previous?: { readonly epoch: number; readonly secret: Sealed };
  /** Id of the LINK job, to which the secrets are bound. */
  readonly job: string;
}
export interface RenewLinkRequest {
  readonly tenant: TenantId;
  readonly epoch: number;
  readonly provedAt: Date;
  readonly expiresAt: Date;
}
export interface CloseLinkRequest {
  readonly tenant: TenantId;
  readonly epoch: number;
  readonly reason: string;
}
export interface PreparedLink {
  readonly publicKey: Uint8Array;
  /** The epoch whose secret the LINK must carry as `previous`; 0: none. */
  readonly standsOnEpoch: number;
}

/** Idempotent. @throws KeychainError EPOCH_CLOSED, TENANT_UNKNOWN, SEALED, INVALID_PAYLOAD. */
export async function prepareLink(
  tx: Db,
  realm: Realm,
  tenant: TenantId,
  epoch: number,
): Promise<PreparedLink> {
  const facts = await lockTenant(tx, tenant);
  const { epochs } = facts;
  const stored = await loadTenant(tx, realm, tenant);
  assertNotRolledBack(facts, stored);
  const standsOnEpoch = living(stored.manifest.l2).reduce(
    (highest, entry) => Math.max(highest, entry.parent),
    0,
  );
  if (onPrepare(epochs, epoch) === 'repeat') {
    const row = await readLink(tx, tenant, epoch);
    if (row === undefined || row.public_key === null)
      throw new KeychainError('EPOCH_UNKNOWN', `epoch ${epoch}`);
    return { publicKey: new Uint8Array(row.public_key), standsOnEpoch };
  }
  const now = new Date(realm.now());
  if (epochs.prepared > 0)
    await closeRows(tx, tenant, { only: epochs.prepared }, 'a newer epoch was prepared', now);
  const { publicKey, privateKey } = await generateKeyPair();
  using key = privateKey;
  const wrapped = await sealUnderIvk(tx, realm, key, linkKeyContext(realm, tenant, epoch));
  await insertPrepared(tx, tenant, epoch, { publicKey: Buffer.from(publicKey), privateKey: wrapped }, now);
  return { publicKey, standsOnEpoch };
}

/**
 * Opens the epoch and wraps every L2 version anew, in the same transaction in which the old wrappings go. Idempotent.
 * @throws KeychainError EPOCH_CLOSED, EPOCH_UNKNOWN, SECRET_REJECTED, LINK_EXPIRED, TENANT_UNKNOWN, SEALED, INVALID_PAYLOAD.
 */
export async function openLink(
  tx: Db,
  realm: Realm,
  request: OpenLinkRequest,
): Promise<{ l2Version: number }> {
  const { tenant, epoch, provedAt, expiresAt } = request;
  const facts = await lockTenant(tx, tenant);
  const stored = await loadTenant(tx, realm, tenant, [L2]);
  assertNotRolledBack(facts, stored);
  const l2Version = activeL2(stored.manifest);
  if (onOpen(facts.epochs, epoch) === 'repeat') return { l2Version };
  if (request.rotation === true) livingLink(facts, realm);
  assertProof(provedAt.getTime(), expiresAt.getTime(), realm.now());

  const row = await readLink(tx, tenant, epoch);
  const wrappedKey = row?.private_key ?? null;
  if (wrappedKey === null) throw new KeychainError('EPOCH_UNKNOWN', `epoch ${epoch}`);
  const root = await rootFor(tx, realm, wrappedKey);
  using privateKey = openingRecord(`HPKE key of ${tenant} epoch ${epoch}`, () =>
    root.open(wrappedKey, linkKeyContext(realm, tenant, epoch)),
  );
  using secret = await received(realm, request, privateKey, request.secret, 'fresh');
  await rewrapL2(tx, realm, facts, stored, request, privateKey, secret);

  const now = new Date(realm.now());
  if (facts.epochs.open > 0) {
    // The older epoch ends here, as closed as by an UNLINK: no message of it counts any more.
    await closeRows(tx, tenant, { upTo: facts.epochs.open }, 'a newer epoch was opened', now);
    await raiseClosedEpoch(tx, tenant, facts.epochs.open, now);
  }
  const lease = await sealLease(tx, realm, tenant, epoch, expiresAt, secret);
  await markOpen(tx, tenant, epoch, { secret: lease, provedAt, expiresAt, openedAt: now });
  return { l2Version };
}

/**
 * Carries the open epoch to a later expiry. Late and repeated renewals change nothing: only a newer proof counts.
 * @throws KeychainError EPOCH_CLOSED, EPOCH_UNKNOWN, LINK_EXPIRED, INVALID_PAYLOAD.
 */
export async function renewLink(
  tx: Db,
  realm: Realm,
  request: RenewLinkRequest,
): Promise<{ expiresAt: Date }> {
  const { tenant, epoch, provedAt, expiresAt } = request;
  const facts = await lockTenant(tx, tenant);
  onRenew(facts.epochs, epoch);
  if (facts.provedAtMs !== null && facts.expiresAtMs !== null && provedAt.getTime() <= facts.provedAtMs) {
    return { expiresAt: new Date(facts.expiresAtMs) };
  }
  assertProof(provedAt.getTime(), expiresAt.getTime(), realm.now());
  using secret = await openLease(tx, realm, tenant, facts);
  const lease = await sealLease(tx, realm, tenant, epoch, expiresAt, secret);
  await markRenewed(tx, tenant, epoch, { secret: lease, provedAt, expiresAt });
  return { expiresAt };
}

/**
 * Closes the epoch, and every older one, for ever; deletes lease and HPKE key. Needs no unsealed region, no tenant and
 * no open link: an UNLINK that comes first, or alone, is remembered. Idempotent.
 */
export async function closeLink(
  tx: Db,
  realm: Realm,
  request: CloseLinkRequest,
): Promise<{ closedAt: Date }> {
  const { tenant, epoch } = request;
  const facts = await lockTenant(tx, tenant);
  const now = new Date(realm.now());
  if (onClose(facts.epochs, epoch) === 'repeat') {
    const row = await readLink(tx, tenant, epoch);
    const head = await tx
      .selectFrom('keychain.link_heads')
      .select('closed_at')
      .where('tenant', '=', tenant)
      .executeTakeFirst();
    return { closedAt: row?.closed_at ?? head?.closed_at ?? now };
  }
  const reason = request.reason.slice(0, MAX_REASON_CHARACTERS);
  await closeRows(tx, tenant, { upTo: epoch }, reason, now);
  await insertClosed(tx, tenant, epoch, reason, now);
  await raiseClosedEpoch(tx, tenant, epoch, now);
  if (realm.store.isTransactional) await recordClosure(tx, realm, tenant, epoch);
  // Nothing that may hang stands between a closure and its commit (D1): upkeep records it.
  else await lookAgainAt(tx, tenant, realm.now());
  return { closedAt: now };
}

/** Where it can be: a sealed region and a tenant whose manifest is damaged are closed all the same. */
async function recordClosure(tx: Db, realm: Realm, tenant: TenantId, epoch: number): Promise<void> {
  try {
    const stored = await findTenant(tx, realm, tenant);
    if (stored !== null) await saveTenant(tx, realm, stored, { ...stored.manifest, closedEpoch: epoch });
  } catch (error) {
    if (!(error instanceof KeychainError)) throw error;
  }
}

async function received(
  realm: Realm,
  request: OpenLinkRequest,
  privateKey: SecretBytes,
  sealed: Sealed,
  purpose: 'fresh' | 'previous',
): Promise<SecretBytes> {
  const { tenant, epoch, job } = request;
  const context = { tenant, region: realm.region, epoch, purpose, job };
  // Outside the runtime's heap, which moves small arrays and so leaves copies of them.
  const key = new Uint8Array(new ArrayBuffer(privateKey.sizeBytes));
  privateKey.use((bytes) => key.set(bytes));
  try {
    return SecretBytes.take(await openLinkSecret(key, sealed, context));
  } catch (cause) {
    if (cause instanceof SealingError) throw new KeychainError('SECRET_REJECTED', purpose, { cause });
    throw cause;
  } finally {
    key.fill(0);
  }
}

/**
 * Opens every L2 version under what it stands on and wraps it under the new epoch, one revision further. The region's own
 * half of the wrapping key is new with every epoch, too: what an old backup holds of it is of no use afterwards.
 */
async function rewrapL2(
  tx: Db,
  realm: Realm,
  facts: LinkFacts,
  stored: StoredTenant,
  request: OpenLinkRequest,
  privateKey: SecretBytes,
  secret: SecretBytes,
): Promise<void> {
  const { tenant, epoch } = request;
  const { manifest } = stored;
  const entries = living(manifest.l2);
  if (entries.every((entry) => entry.parent === epoch)) return assertOpens(realm, stored, epoch, secret);
  using regionalSecret = newSecret();
  const fresh = deriveWrappingKey(realm, tenant, epoch, regionalSecret, secret);
  using _wipesFresh = fresh.key;
  const standing = new Map<number, ParentKey>();
  try {
    let l2 = manifest.l2;
    const put: KeyRecord[] = [];
    for (const entry of entries) {
      const old =
        standing.get(entry.parent) ??
        (await standingKey(tx, realm, facts, stored, request, privateKey, entry));
      standing.set(entry.parent, old);
      using key = openStanding(realm, tenant, old, entry, recordOf(stored, L2, entry.version));
      l2 = rewrapped(l2, entry.version, epoch);
      put.push(sealL2(realm, tenant, fresh, versionOf(l2, entry.version), key));
    }
    const next: Manifest = {
      ...manifest,
      closedEpoch: closedBy(realm, facts),
      regionalSecret: { version: manifest.regionalSecret.version + 1, revision: 1 },
      l2,
      exposed: standing.has(0) ? exposedOf(manifest) : manifest.exposed,
    };
    await saveTenantWithSecret(tx, realm, stored, next, regionalSecret, { put, remove: [] });
  } finally {
    for (const { key } of standing.values()) key.wipe();
  }
}

/**
 * The older epoch ends with this one's opening. A store of its own is told by the tenant's upkeep, once the opening is
 * committed: it would otherwise know of a closure that this database may yet undo.
 */
function closedBy({ store }: Realm, { epochs }: LinkFacts): number {
  return store.isTransactional ? Math.max(epochs.closed, epochs.open) : epochs.closed;
}

/** A store of its own has kept what this database had to undo: the secret must be the one that it was done with. */
function assertOpens(realm: Realm, stored: StoredTenant, epoch: number, secret: SecretBytes): void {
  const wrapping = tenantWrappingKey(realm, stored, epoch, secret);
  using _wipesWrapping = wrapping.key;
  const entry = activeOf(stored.manifest.l2);
  openStanding(realm, stored.tenant, wrapping, entry, recordOf(stored, L2, entry.version)).wipe();
}

/** Whatever is active now was once open to the region alone: it is replaced, and the tenant's upkeep sees to it. */
function exposedOf({ l2, services }: Manifest): Record<string, number> {
  const versions = Object.entries(services).map(([name, history]) => [name, youngest(history).version]);
  return { ...Object.fromEntries(versions), [L2]: youngest(l2).version };
}

/** @throws KeychainError LINK_CLOSED, LINK_EXPIRED. */
function livingLink(facts: LinkFacts, realm: Realm): void {
  if (livingEpoch(facts.epochs, facts.expiresAtMs, realm.now()) === 0)
    throw new KeychainError('LINK_CLOSED', 'no epoch is open');
}

/** The key under which `entry` stands: from the carried secret, or, while the older link still lives, from its lease. */
async function standingKey(
  tx: Db,
  realm: Realm,
  facts: LinkFacts,
  stored: StoredTenant,
  request: OpenLinkRequest,
  privateKey: SecretBytes,
  entry: KeyVersion,
): Promise<ParentKey> {
  if (entry.parent === 0) return tenantWrappingKey(realm, stored, 0, null);
  const { previous } = request;
  if (previous?.epoch === entry.parent) {
    using secret = await received(realm, request, privateKey, previous.secret, 'previous');
    return tenantWrappingKey(realm, stored, entry.parent, secret);
  }
  if (facts.epochs.open === entry.parent) {
    livingEpoch(facts.epochs, facts.expiresAtMs, realm.now());
    using secret = await openLease(tx, realm, stored.tenant, facts);
    return tenantWrappingKey(realm, stored, entry.parent, secret);
  }
  throw new KeychainError(
    'SECRET_REJECTED',
    `L2 stands under epoch ${entry.parent}, whose secret must be carried`,
  );
}

/** A wrong secret and a damaged record look alike here; the secret came from outside, so it is named. */
function openStanding(
  realm: Realm,
  tenant: TenantId,
  old: ParentKey,
  entry: KeyVersion,
  wrapped: Buffer,
): SecretBytes {
  try {
    return openL2(realm, tenant, old, entry, wrapped);
  } catch (cause) {
    const code = old.version === 0 ? 'RECORD_REJECTED' : 'SECRET_REJECTED';
    throw new KeychainError(code, `L2 ${tenant} version ${entry.version}`, { cause });
  }
}
