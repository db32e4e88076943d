/** Signed checkpoints as they lie in the database, and the public keys that they are checked with. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Selectable } from 'kysely';
import { type Checkpoint, type CheckpointSigner, isSignedBy } from '../../platform/chain-checkpoints.ts';
import type { ChainCheck } from '../../platform/hash-chain.ts';
import { cursorOf, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import type { AuditCheckpointRow } from '../store/audit-tables.ts';
import { asTenant, type Db, type Trx } from '../store/transactions.ts';
import { chainOf } from './event.ts';

/** Who signs here, and for which log. */
export interface AuditSigner extends CheckpointSigner {
  /** `cmk/CLUSTER`: a checkpoint of another installation proves nothing. */
  readonly log: string;
}

export const logOf = (cluster: string): string => `cmk/${cluster}`;

export function toCheckpoint(log: string, row: Selectable<AuditCheckpointRow>): Checkpoint {
  const { tenant, sequence, hash, at, key_id, signature } = row;
  return { log, chain: tenant, sequence: Number(sequence), hash, at, keyId: key_id, signature };
}

export async function storeCheckpoint(trx: Trx, checkpoint: Checkpoint): Promise<void> {
  const { chain, sequence, hash, at, keyId, signature } = checkpoint;
  await trx
    .insertInto('audit_checkpoints')
    .values({ tenant: chain, sequence, hash, at, key_id: keyId, signature })
    // Another process has signed for the same event: one of them is enough.
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Of one chain, newest first. */
export async function listCheckpoints(
  db: Db,
  log: string,
  tenant: string | undefined,
  page: PageRequest,
): Promise<Page<Checkpoint>> {
  const chain = chainOf(tenant);
  return await asTenant(db, chain, async (trx) => {
    let query = trx
      .selectFrom('audit_checkpoints')
      .selectAll()
      .where('tenant', '=', chain)
      .orderBy('sequence', 'desc')
      .limit(limitOf(page) + 1);
    const before = cursorOf(page);
    if (before !== undefined) {
      if (!/^\d{1,18}$/.test(before)) throw new CmkError('INVALID_CURSOR', 'the cursor names no checkpoint');
      query = query.where('sequence', '<', before);
    }
    return toPage(
      await query.execute(),
      page,
      (row) => row.sequence,
      (row) => toCheckpoint(log, row),
    );
  });
}

/** Behind `after`, up to `upTo`, in their order; without it the `limit` last ones. */
export async function checkpointsBehind(
  trx: Trx,
  log: string,
  chain: string,
  after: number,
  range: { readonly upTo: number } | { readonly limit: number },
): Promise<Checkpoint[]> {
  const query = trx
    .selectFrom('audit_checkpoints')
    .selectAll()
    .where('tenant', '=', chain)
    .where('sequence', '>', String(after));
  const rows = await ('upTo' in range
    ? query.where('sequence', '<=', String(range.upTo)).orderBy('sequence').execute()
    : query.orderBy('sequence', 'desc').limit(range.limit).execute());
  return rows.map((row) => toCheckpoint(log, row));
}

/** The last one of a chain. */
export async function lastCheckpoint(trx: Trx, log: string, chain: string): Promise<Checkpoint | undefined> {
  return (await checkpointsBehind(trx, log, chain, 0, { limit: 1 }))[0];
}

/** A key by its id; an id that nobody knows has signed nothing. */
export type CheckpointKeys = ReadonlyMap<string, KeyObject>;

/** Tells the check what a checkpoint says, if its signature holds. */
export function expectSigned(check: ChainCheck, keys: CheckpointKeys, checkpoint: Checkpoint): void {
  const key = keys.get(checkpoint.keyId);
  if (key === undefined || !isSignedBy(checkpoint, key)) check.forged(checkpoint.sequence);
  else check.expect(checkpoint);
}

/** How many keys may have signed in the life of an installation. */
const MAX_KEYS = 1_000;

export interface AuditKeyView {
  keyId: string;
  publicKey: string;
  since: string;
}

export async function listKeys(db: Db): Promise<AuditKeyView[]> {
  const rows = await db.selectFrom('audit_keys').selectAll().orderBy('since').limit(MAX_KEYS).execute();
  return rows.map(({ key_id, public_key, since }) => ({
    keyId: key_id,
    publicKey: public_key,
    since: since.toISOString(),
  }));
}

/** As the database has them, but for the key that this process signs with, which it knows better. */
export async function checkpointKeys(db: Db, signer: AuditSigner): Promise<CheckpointKeys> {
  const stored = (await listKeys(db)).map(
    ({ keyId, publicKey }) => [keyId, createPublicKey(publicKey)] as const,
  );
  return new Map([...stored, [signer.keyId, createPublicKey(signer.privateKey)]]);
}
