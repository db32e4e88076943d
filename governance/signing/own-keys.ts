/**
 * The keys by which governance signs. A new one is announced to every region first, signs when all of them trust it, and the
 * one before is retired by a decision of its own: so no message is ever refused on the way, and afterwards the old key is
 * worth nothing to whoever has it (D11). Private halves lie in files and nowhere else.
 */
import { sql } from 'kysely';
import { MAX_SIGNING_KEYS } from '../../contracts/index.ts';
import { type NamedKey, publicPemOf } from '../../orbital/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createInstead } from '../dispatch/jobs.ts';
import { regionNames } from '../domain/lookups.ts';
import { instant } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_KEPT_SIGNING_KEYS, SIGNING_OVERLAP_MS } from '../limits.ts';
import type { SigningKeyState } from '../store/signing-tables.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';

export interface SigningKeyView {
  keyId: string;
  publicKey: string;
  state: SigningKeyState;
  since: string;
  /** Regions that have said that they trust it; those that have only their configuration say nothing. */
  trustedBy: string[];
}

const rowsOf = (trx: Trx) => trx.selectFrom('signing_keys').selectAll().orderBy('since').orderBy('key_id');

type KeyRow = Awaited<ReturnType<ReturnType<typeof rowsOf>['execute']>>[number];

/** One decision about keys at a time. Taken before Orbital's locks, always. */
async function lockedKeys(trx: Trx) {
  await sql`LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE`.execute(trx);
  return await rowsOf(trx).execute();
}

export async function listSigningKeys(cmk: Pick<Cmk, 'db'>): Promise<{ items: SigningKeyView[] }> {
  return await asPlatform(cmk.db, async (trx) => {
    const rows = await rowsOf(trx).limit(MAX_KEPT_SIGNING_KEYS).execute();
    const trusts = await trx.selectFrom('region_trusts').selectAll().orderBy('region').execute();
    return {
      items: rows.map(({ key_id, public_key, state, since }) => ({
        keyId: key_id,
        publicKey: public_key,
        state,
        since: instant(since),
        trustedBy: trusts.filter((trust) => trust.key_id === key_id).map(({ region }) => region),
      })),
    };
  });
}

async function viewOf(cmk: Pick<Cmk, 'db'>, keyId: string): Promise<SigningKeyView> {
  const view = (await listSigningKeys(cmk)).items.find((key) => key.keyId === keyId);
  if (view === undefined) throw new CmkError('SIGNING_KEY_UNKNOWN', `there is no signing key ${keyId}`);
  return view;
}

/** Every region hears which keys count; what it was told before and has not done yet is called off. */
async function tellRegions(cmk: Cmk, trx: Trx, who: Actor, regions: readonly string[]): Promise<void> {
  const rows = await rowsOf(trx).where('state', '<>', 'retired').execute();
  const keys = rows.map(({ key_id, public_key }) => ({ keyId: key_id, publicKey: public_key }));
  for (const region of regions)
    await createInstead(cmk, trx, {
      kind: 'GOVERNANCE_KEYS',
      task: { region, payload: { keys } },
      correlationId: who.correlationId,
      deadlineMs: null,
    });
}

/** A region that has just been enrolled knows what its configuration names: the newest keys may not be among that. */
export async function signingKeysInto(cmk: Cmk, trx: Trx, who: Actor, region: string): Promise<void> {
  const { known } = await trx
    .selectFrom('signing_keys')
    .select((eb) => eb.fn.countAll<string>().as('known'))
    .executeTakeFirstOrThrow();
  if (Number(known) > 1) await tellRegions(cmk, trx, who, [region]);
}

/**
 * Makes the key of that name unless its file is there, and announces it; asked again it tells every region once more. It
 * signs as soon as all of them trust it. Throws SIGNING_KEY_STATE.
 */
export async function announceSigningKey(cmk: Cmk, who: Actor, keyId: string): Promise<SigningKeyView> {
  // A file is written for a name alone that may be announced and is not known yet: the key of one that is lies elsewhere, and
  // another one under its name would be of no use. Before the transaction (D13): a key that nobody was told of does no harm.
  const first = await asPlatform(cmk.db, async (trx) => presentIn(await rowsOf(trx).execute(), keyId));
  const publicKey = first?.public_key ?? publicPemOf((await cmk.signing.keyOf(keyId)).privateKey);
  await asPlatform(cmk.db, async (trx) => {
    const present = presentIn(await lockedKeys(trx), keyId);
    if (present !== undefined && present.public_key !== publicKey)
      throw new CmkError('SIGNING_KEY_STATE', `${keyId} is another key`);
    if (present === undefined)
      await trx
        .insertInto('signing_keys')
        .values({ key_id: keyId, public_key: publicKey, state: 'announced' })
        .execute();
    await tellRegions(cmk, trx, who, await regionNames(trx));
    await tell(trx, who, 'announce', keyId);
  });
  cmk.signing.wake();
  return await viewOf(cmk, keyId);
}

/** The key of that name, undefined where there is none and one may be made. Throws SIGNING_KEY_STATE, LIMIT_REACHED. */
function presentIn(known: readonly KeyRow[], keyId: string): KeyRow | undefined {
  const present = known.find(({ key_id }) => key_id === keyId);
  if (present?.state === 'retired') throw new CmkError('SIGNING_KEY_STATE', `${keyId} is retired`);
  if (present !== undefined) return present;
  if (known.filter(({ state }) => state !== 'retired').length >= MAX_SIGNING_KEYS)
    throw new CmkError('SIGNING_KEY_STATE', `${MAX_SIGNING_KEYS} keys count already: retire one first`);
  if (known.length >= MAX_KEPT_SIGNING_KEYS)
    throw new CmkError('LIMIT_REACHED', `${MAX_KEPT_SIGNING_KEYS} signing keys are kept`);
  return undefined;
}

/**
 * The key signs from now on, whether every region trusts it or not: those that do not refuse what it signs until somebody there
 * says that they shall. Throws SIGNING_KEY_UNKNOWN, SIGNING_KEY_STATE.
 */
export async function activateSigningKey(cmk: Cmk, who: Actor, keyId: string): Promise<SigningKeyView> {
  await asPlatform(cmk.db, async (trx) => {
    const state = stateOf(await lockedKeys(trx), keyId);
    if (state !== 'announced') throw new CmkError('SIGNING_KEY_STATE', `${keyId} is ${state}`);
    await goOver(trx, keyId);
    await tell(trx, who, 'activate', keyId);
  });
  cmk.signing.wake();
  return await viewOf(cmk, keyId);
}

/**
 * `stolen`: at once, also where a process of CMK may still sign by it; what that has signed is sent anew under the next one.
 * The key that signs is never retired, so one always counts. Throws SIGNING_KEY_UNKNOWN, SIGNING_KEY_STATE, SIGNING_KEY_IN_USE.
 */
export async function retireSigningKey(
  cmk: Cmk,
  who: Actor,
  { keyId, stolen = false }: { readonly keyId: string; readonly stolen?: boolean | undefined },
): Promise<SigningKeyView> {
  await asPlatform(cmk.db, async (trx) => {
    const known = await lockedKeys(trx);
    const state = stateOf(known, keyId);
    if (state === 'active')
      throw new CmkError('SIGNING_KEY_STATE', `${keyId} signs now: announce its successor first`);
    if (state === 'retired') return;
    const since = known.find(({ key_id }) => key_id === keyId)?.since.getTime() ?? 0;
    // Every process of CMK goes over within that time.
    if (!stolen && state === 'retiring' && Date.now() - since < SIGNING_OVERLAP_MS)
      throw new CmkError('SIGNING_KEY_IN_USE', `${keyId} has signed a moment ago`);
    await setState(trx, keyId, 'retired');
    await tellRegions(cmk, trx, who, await regionNames(trx));
    await tell(trx, who, 'retire', keyId, stolen ? { stolen } : undefined);
  });
  return await viewOf(cmk, keyId);
}

/** Goes over to the announced key that every region trusts, the newest first; answers the key that signs. */
export async function activateTrusted(cmk: Pick<Cmk, 'db'>): Promise<NamedKey | undefined> {
  return await asPlatform(cmk.db, async (trx) => {
    const announced = await rowsOf(trx).where('state', '=', 'announced').execute();
    const ready = await trustedEverywhere(trx, announced.map(({ key_id }) => key_id).toReversed());
    // Others look at the same time: who comes first goes over.
    if (ready !== undefined && stateOf(await lockedKeys(trx), ready) === 'announced') {
      await goOver(trx, ready);
      await tell(
        trx,
        { actor: 'system:signing-keys', correlationId: `signing-key:${ready}`.slice(0, 64) },
        'activate',
        ready,
      );
    }
    const active = await rowsOf(trx).where('state', '=', 'active').executeTakeFirst();
    return active && { keyId: active.key_id, publicKey: active.public_key };
  });
}

async function trustedEverywhere(trx: Trx, keyIds: readonly string[]): Promise<string | undefined> {
  for (const keyId of keyIds) {
    const { rows } = await sql`
      SELECT FROM regions r WHERE NOT EXISTS (
        SELECT FROM region_trusts t WHERE t.region = r.name AND t.key_id = ${keyId}) LIMIT 1`.execute(trx);
    if (rows.length === 0) return keyId;
  }
  return undefined;
}

function stateOf(
  known: readonly { readonly key_id: string; readonly state: SigningKeyState }[],
  keyId: string,
): SigningKeyState {
  const row = known.find(({ key_id }) => key_id === keyId);
  if (row === undefined) throw new CmkError('SIGNING_KEY_UNKNOWN', `there is no signing key ${keyId}`);
  return row.state;
}

async function setState(trx: Trx, keyId: string, state: SigningKeyState): Promise<void> {
  await trx
    .updateTable('signing_keys')
    .set({ state, since: new Date() })
    .where('key_id', '=', keyId)
    .execute();
}

/** From the commit on that key signs; what signed before still counts. */
export async function goOver(trx: Trx, keyId: string): Promise<void> {
  await trx
    .updateTable('signing_keys')
    .set({ state: 'retiring', since: new Date() })
    .where('state', '=', 'active')
    .where('key_id', '<>', keyId)
    .execute();
  await setState(trx, keyId, 'active');
}

async function tell(
  trx: Trx,
  who: Actor,
  what: string,
  keyId: string,
  detail?: Record<string, unknown>,
): Promise<void> {
  await audit(trx, who, {
    action: `signing-key.${what}`,
    subject: `signing-key:${keyId}`,
    outcome: 'accepted',
    ...(detail === undefined ? {} : { detail }),
  });
}
