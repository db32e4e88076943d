/**
 * The prober: asks for the state of every L1 key, often where a link stands on it and now and then where none does. Each key
 * has its own due time in its row, a little early and by chance, so that keystores are not asked for all keys at once; a
 * keystore that gives no clear answer is asked more and more rarely. Any number of CMK processes share the work.
 *
 * Each keystore has a lane of its own: one that hangs must not delay the kill switch of the others.
 */
import { sql } from 'kysely';
import type { Cmk } from '../context.ts';
import { proveAccess } from '../domain/key-access.ts';
import { requireKey, type UsableKey, viewKey } from '../domain/keys.ts';
import { type KeyState, stateOf } from '../keystores/provider.ts';
import {
  IDLE_PROBE_FACTOR,
  KEYSTORE_CONCURRENCY,
  MIN_IDLE_PROBE_MS,
  PROBE_BACKOFF_CAP_MS,
  PROBE_BACKOFF_FACTOR,
  PROBE_JITTER,
  PROBE_PAGE,
  PROBE_SCAN,
} from '../limits.ts';
import { startPeriodic } from '../periodic.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { judge } from './kill-switch.ts';

export interface Prober {
  /** Looks for due keys now. */
  wake(): void;
  /** Waits for the calls in hand; a key whose call is cut off is due again by itself. */
  stop(): Promise<void>;
}

interface DueKey {
  readonly tenant: string;
  readonly alias: string;
  readonly keystore: string;
}

export function startProbing(cmk: Cmk): Prober {
  const lanes = new Map<string, Promise<void>>();
  const scanMs = Math.min(
    PROBE_SCAN.maxMs,
    Math.max(PROBE_SCAN.minMs, cmk.link.probeEveryMs * PROBE_SCAN.share),
  );
  const work = startPeriodic('probe keys', scanMs, cmk.logger, async () => {
    const due = await claimDue(cmk, [...lanes.keys()]);
    for (const [keystore, keys] of Map.groupBy(due, (key) => key.keystore)) {
      const lane = runLane(cmk, keys).finally(() => {
        lanes.delete(keystore);
        if (due.length === PROBE_PAGE) work.wake(); // more were due than were taken
      });
      lanes.set(keystore, lane);
    }
  });
  return {
    wake: work.wake,
    stop: async () => {
      await work.stop();
      await Promise.all(lanes.values());
    },
  };
}

/**
 * Keys that are due, which from now on are due later: whatever becomes of this process, none is forgotten. Those that wait
 * for their import are left alone, since some keystores know nothing of them yet.
 */
async function claimDue(cmk: Cmk, busy: readonly string[]): Promise<DueKey[]> {
  const { probeEveryMs } = cmk.link;
  const idleMs = Math.max(probeEveryMs * IDLE_PROBE_FACTOR, MIN_IDLE_PROBE_MS);
  const capMs = Math.max(probeEveryMs, Math.min(PROBE_BACKOFF_CAP_MS, probeEveryMs * PROBE_BACKOFF_FACTOR));
  const linked = sql<boolean>`EXISTS (SELECT FROM links l
    WHERE l.tenant = k.tenant AND l.key_alias = k.alias AND l.state NOT IN ('closed', 'failed', 'closing'))`;
  const { rows } = await asPlatform(cmk.db, (trx) =>
    sql<DueKey>`
      WITH due AS (
        SELECT k.tenant, k.alias,
               CASE WHEN ${linked} THEN least(${probeEveryMs}::float8 * power(2, least(k.probe_failures, 16)), ${capMs}::float8)
                    ELSE ${idleMs}::float8 END AS every_ms
          FROM l1_keys k
          WHERE k.probe_at <= now() AND k.keystore <> ALL (${busy}::text[])
            AND NOT EXISTS (SELECT FROM l1_key_imports i WHERE i.tenant = k.tenant AND i.alias = k.alias
                              AND i.finished_at IS NULL AND i.expires_at > now())
          ORDER BY k.probe_at
          LIMIT ${PROBE_PAGE}
          FOR NO KEY UPDATE OF k SKIP LOCKED)
      UPDATE l1_keys k
         SET probe_at = now() + due.every_ms * (1 - ${PROBE_SCAN.share}::float8 - ${PROBE_JITTER}::float8 * random())
                                * interval '1 millisecond'
        FROM due WHERE k.tenant = due.tenant AND k.alias = due.alias
        RETURNING k.tenant, k.alias, k.keystore`.execute(trx),
  );
  return rows;
}

/**
 * A few at a time, since keystores meter their callers. Once one key found the keystore away, the rest of the lane is told
 * so instead of waiting for it each in turn.
 */
async function runLane(cmk: Cmk, keys: readonly DueKey[]): Promise<void> {
  const queue = [...keys];
  let away: KeyState | undefined;
  const worker = async (): Promise<void> => {
    for (let key = queue.shift(); key !== undefined; key = queue.shift()) {
      const { tenant, alias } = key;
      try {
        const state = await probe(cmk, tenant, alias, away);
        if (state === 'UNREACHABLE' || state === 'THROTTLED') away = state;
      } catch (error) {
        cmk.logger.error({ err: error, tenant, key: alias }, 'a key could not be probed');
      }
    }
  };
  await Promise.all(Array.from({ length: KEYSTORE_CONCURRENCY }, worker));
}

/**
 * Asks the keystore for the key's state, unless its answer is known, and does what follows from it. Throws KEY_UNKNOWN,
 * KEYSTORE_UNKNOWN.
 */
export async function probe(cmk: Cmk, tenant: string, alias: string, known?: KeyState): Promise<KeyState> {
  const { key, last, sealed } = await asTenant(cmk.db, tenant, async (trx) => ({
    key: await requireKey(cmk, trx, tenant, alias),
    last: (await viewKey(trx, tenant, alias)).state,
    sealed: await sealedUnder(trx, tenant, alias),
  }));
  const state = known ?? (await askFor(key, last, sealed));
  await judge(cmk, tenant, key, state);
  return state;
}

/** The secret of the youngest living link on the key, as its provider wrapped it. */
async function sealedUnder(trx: Trx, tenant: string, alias: string): Promise<string | null> {
  const row = await trx
    .selectFrom('links')
    .select('wrapped_secret')
    .where('tenant', '=', tenant)
    .where('key_alias', '=', alias)
    .where('state', '=', 'active')
    .orderBy('epoch', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.wrapped_secret ?? null;
}

/**
 * What a key's metadata say is not what CMK may do with it: the right to unwrap can be gone, or the one version that wrapped.
 * So a key on which a link stands is asked to unwrap that link's secret, and one that could not be used has to show that it can.
 */
async function askFor(key: UsableKey, last: string, sealed: string | null): Promise<KeyState> {
  const { provider, reference } = key;
  const told = async (): Promise<KeyState> => await provider.describe(reference);
  try {
    if (sealed === null) {
      const state = await told();
      if (state === 'ENABLED' && last !== 'ENABLED') await proveAccess(provider, reference);
      return state;
    }
    (await provider.unwrap(reference, sealed)).fill(0);
    return 'ENABLED';
  } catch (error) {
    const state = stateOf(error);
    if (state !== 'UNKNOWN') return state;
    const said = await told();
    return said === 'ENABLED' ? state : said;
  }
}
