/**
 * Internal versioned keys (D2): what the MasterKey wraps, and what wraps a region's secrets. Rotating one is lazy. A new
 * version seals from then on; what stands under an older one is sealed anew whenever it changes, and by a scrubber
 * otherwise; when nothing stands under the older one any more it is destroyed.
 *
 * Several cores do this at once, and one that was paused may wake up and seal under a version that is about to go. So
 * whoever seals holds the version's row until the commit, and whoever destroys waits for that row and then counts again.
 */
import { type EnvelopeContext, parseHeader, type SecretBytes } from '../../envelope/index.ts';
import { KeychainError } from '../errors.ts';
import { IVK_SETTLE_MS } from '../limits.ts';
import type { Realm } from '../realm.ts';
import type { Db } from '../tables.ts';
import { type RootOfTrust, readIvks } from './root-of-trust.ts';

export interface SealedUnderIvk {
  readonly envelope: Buffer;
  readonly ivk: number;
}

/** Seals under the active IVK, which lives at least until the transaction ends. @throws KeychainError SEALED, BUSY. */
export async function sealUnderIvk(
  tx: Db,
  realm: Realm,
  plaintext: SecretBytes | Uint8Array,
  context: EnvelopeContext,
): Promise<SealedUnderIvk> {
  const root = await holdActiveIvk(tx, realm);
  return { envelope: root.seal(plaintext, context), ivk: root.activeIvk };
}

/** The root, whose active IVK is not destroyed before the transaction ends. @throws KeychainError SEALED, BUSY. */
export async function holdActiveIvk(tx: Db, realm: Realm): Promise<RootOfTrust> {
  const root = realm.root();
  if (await isHeld(tx, root.activeIvk)) return root;
  root.learn(await readIvks(tx));
  if (await isHeld(tx, root.activeIvk)) return root;
  throw new KeychainError('BUSY', 'the internal key was replaced meanwhile');
}

/** Only the active one seals: one that was compromised meanwhile must not. */
async function isHeld(tx: Db, version: number): Promise<boolean> {
  const held = await tx
    .selectFrom('keychain.ivks')
    .select('version')
    .where('version', '=', version)
    .where('state', '=', 'active')
    .forShare()
    .executeTakeFirst();
  return held !== undefined;
}

/** The root, able to open this envelope: it learns of an IVK that another core has made. @throws KeychainError SEALED. */
export async function rootFor(db: Db, realm: Realm, envelope: Uint8Array): Promise<RootOfTrust> {
  const root = realm.root();
  if (!root.canOpen(envelope)) root.learn(await readIvks(db));
  return root;
}

export function ivkOf(envelope: Uint8Array): number {
  return parseHeader(envelope).parentVersion;
}

/**
 * A new active IVK; the one before it only opens from then on. Returns its version.
 * @param compromised the one before it must not be trusted: it says so for ever (NIST SP 800-57 part 1 §8.3.5).
 * @throws KeychainError SEALED.
 */
export async function rotateIvk(tx: Db, realm: Realm, { compromised = false } = {}): Promise<number> {
  const root = realm.root();
  // One at a time: whoever comes second rotates what the first one made.
  const rows = await tx.selectFrom('keychain.ivks').select(['version', 'state']).forUpdate().execute();
  const version = Math.max(...rows.map((row) => row.version)) + 1;
  const state = compromised ? 'compromised' : 'deactivated';
  await tx
    .updateTable('keychain.ivks')
    .set({ state, changed_at: new Date(realm.now()) })
    .where('state', '=', 'active')
    .execute();
  await tx
    .insertInto('keychain.ivks')
    .values({ version, state: 'active', wrapped: root.wrapNewIvk(version) })
    .execute();
  return version;
}

/** When the active IVK was made, and how many envelopes it has sealed as far as processes have said. */
export async function activeIvkUse(db: Db): Promise<{ version: number; createdAtMs: number; seals: number }> {
  const row = await db
    .selectFrom('keychain.ivks')
    .select(['version', 'created_at', 'seals'])
    .where('state', '=', 'active')
    .executeTakeFirstOrThrow();
  return { version: row.version, createdAtMs: row.created_at.getTime(), seals: Number(row.seals) };
}

export async function countSeals(db: Db, root: RootOfTrust): Promise<void> {
  const version = root.activeIvk;
  const seals = root.takeSeals();
  if (seals === 0) return;
  await db
    .updateTable('keychain.ivks')
    .set((eb) => ({ seals: eb('seals', '+', seals) }))
    .where('version', '=', version)
    .execute();
}

/**
 * Destroys one IVK version under which nothing stands any more; returns it, or null when there is none to destroy.
 * @throws KeychainError SEALED.
 */
export async function destroySpentIvk(tx: Db, realm: Realm): Promise<number | null> {
  const before = new Date(realm.now() - IVK_SETTLE_MS);
  const spent = await tx
    .selectFrom('keychain.ivks')
    .select(['version', 'state'])
    .where('state', 'in', ['deactivated', 'compromised'])
    .where('changed_at', '<', before)
    .orderBy('version')
    .limit(1)
    .forUpdate()
    .executeTakeFirst();
  if (spent === undefined || (await standsUnder(tx, spent.version))) return null;
  const state = spent.state === 'compromised' ? 'destroyed-compromised' : 'destroyed';
  await tx
    .updateTable('keychain.ivks')
    .set({ state, wrapped: null, changed_at: new Date(realm.now()) })
    .where('version', '=', spent.version)
    .execute();
  return spent.version;
}

async function standsUnder(tx: Db, version: number): Promise<boolean> {
  for (const table of ['keychain.link_heads', 'keychain.links', 'keychain.ceremony_key'] as const) {
    const found = await tx
      .selectFrom(table)
      .select('ivk')
      .where('ivk', '<=', version)
      .limit(1)
      .executeTakeFirst();
    if (found !== undefined) return true;
  }
  return false;
}
