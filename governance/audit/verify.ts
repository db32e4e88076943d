/**
 * Recomputing a chain beside its head and its checkpoints, in steps that go on where the last one ended. What this finds
 * is CMK's own word; `okcm audit verify` recomputes everything itself (cli/audit/).
 */
import { ChainCheck, type ChainFault, GENESIS_HASH } from '../../platform/hash-chain.ts';
import { MAX_VERIFIED_EVENTS, VERIFY_PAGE } from '../limits.ts';
import type { Db, Trx } from '../store/transactions.ts';
import {
  type AuditSigner,
  type CheckpointKeys,
  checkpointKeys,
  checkpointsBehind,
  expectSigned,
} from './checkpoints.ts';
import { chainOf, linkOf } from './event.ts';
import { eventsAfter, headOf, inSnapshot } from './read.ts';

/** Checkpoints that are looked at beyond the last event: they say that events were cut off. */
const MAX_CHECKPOINTS_BEYOND = 100;

export interface ChainReport {
  ok: boolean;
  /** Whether the end of the chain was reached; if not, go on with `after` = `events` and `hash` = `head`. */
  complete: boolean;
  /** The last event that was looked at, and its hash. */
  events: number;
  head: string;
  /** The first event that does not fit. */
  brokenAt?: number;
  faults: ChainFault[];
  faultCount: number;
}

export interface VerifyFrom {
  /** The event to go on behind, and its hash as the step before said it. */
  readonly after: number;
  readonly hash: string;
}

/** At most `limit` events. Reads a snapshot, and holds up nobody who writes meanwhile. */
export async function verifyChain(
  db: Db,
  signer: AuditSigner,
  tenant?: string,
  from: VerifyFrom = { after: 0, hash: GENESIS_HASH },
  limit = MAX_VERIFIED_EVENTS,
): Promise<ChainReport> {
  const chain = chainOf(tenant);
  const keys = await checkpointKeys(db, signer);
  return await inSnapshot(db, chain, async (trx) => {
    const check = new ChainCheck({ sequence: from.after, hash: from.hash });
    const complete = await takeEvents(trx, check, { chain, log: signer.log, keys, limit });
    const verdict = complete ? check.end(await headOf(trx, chain)) : check.pause();
    const { ok, sequence, hash, faults, faultCount } = verdict;
    const [first] = faults;
    return {
      ok,
      complete,
      events: sequence,
      head: hash,
      ...(first === undefined ? {} : { brokenAt: first.sequence }),
      faults: [...faults],
      faultCount,
    };
  });
}

/** Takes what comes next, with the checkpoints over it. Returns whether that was all there is. */
export async function takeEvents(
  trx: Trx,
  check: ChainCheck,
  of: {
    readonly chain: string;
    readonly log: string;
    readonly keys: CheckpointKeys;
    readonly limit: number;
  },
): Promise<boolean> {
  const { chain, log, keys, limit } = of;
  for (let taken = 0; taken < limit; ) {
    const after = check.sequence;
    const wanted = Math.min(VERIFY_PAGE, limit - taken);
    const events = await eventsAfter(trx, chain, after, wanted);
    const isLast = events.length < wanted;
    const upTo = Number(events.at(-1)?.sequence ?? after);
    const signed = [
      ...(await checkpointsBehind(trx, log, chain, after, { upTo })),
      ...(isLast ? await checkpointsBehind(trx, log, chain, upTo, { limit: MAX_CHECKPOINTS_BEYOND }) : []),
    ];
    for (const checkpoint of signed) expectSigned(check, keys, checkpoint);
    for (const event of events) check.take(linkOf(event));
    taken += events.length;
    if (isLast) return true;
  }
  return false;
}
