/**
 * Which tasks of a lane go out now: one statement, whose cost does not depend on how many wait. It walks over the targets
 * that have live tasks by an index, and looks at no more than DISPATCH_SHARE of each.
 *
 * - What was sent before and not answered goes out again, whenever it is due.
 * - What was never sent goes out as far as the target's answers leave room (NORMAL_IN_FLIGHT, URGENT_IN_FLIGHT).
 * - What must not go yet is put aside for ASIDE_MS, so that it is not met again by every claim: a task whose deadline has
 *   passed is the sweeper's, and one that waits for an older one of its entity in the same target (D11) is made due by
 *   the end of that (trigger `orbital_release_next`, schema.ts).
 *
 * A claim counts only if the task is as the statement has seen it: had an older task ended meanwhile, its end would have
 * moved `next_attempt_at`, and then the task is not put aside. Nobody is waited for (SKIP LOCKED).
 */
import { type RawBuilder, sql } from 'kysely';
import type { JsonValue } from '../json.ts';
import {
  ASIDE_MS,
  DISPATCH_BATCH,
  DISPATCH_SHARE,
  IN_FLIGHT_RESENDS,
  NORMAL_IN_FLIGHT,
  POLL_INTERVAL_MS,
  RESEND_BASE_MS,
  RESEND_CAP_MS,
  URGENT_IN_FLIGHT,
} from '../limits.ts';
import type { Lane } from '../messages.ts';
import type { ManagerDb } from './schema.ts';

/** As the row is after the claim. */
export interface Claimed {
  readonly id: string;
  readonly job_id: string;
  readonly kind: string;
  readonly entity: string;
  readonly entity_sequence: string;
  readonly target: string;
  readonly lane: Lane;
  readonly etag: number;
  readonly attempt: number;
  readonly resends: number;
  readonly payload: JsonValue;
  readonly working_state: JsonValue | null;
  readonly correlation_id: string;
  readonly deadline_at: Date | null;
  readonly cancels_older: boolean;
  readonly trace: string | null;
  /** Not to be sent; the other columns that count sending are as they were. */
  readonly aside: boolean;
}

const inFlight: Readonly<Record<Lane, number>> = { urgent: URGENT_IN_FLIGHT, normal: NORMAL_IN_FLIGHT };
/** A task that still counts as in flight is due again within this, or has been due for a moment. */
const LONGEST_FLIGHT_MS = RESEND_BASE_MS * 2 ** (IN_FLIGHT_RESENDS - 1);
/** In a wait, so that what was put aside together does not come back together. */
const jitter = sql`(0.5 + random() / 2)`;
// Literals, not parameters: the planner must see that the index `orbital_tasks_due` holds just these.
const live = (row: string) => sql.raw(`${row}.state in ('pending', 'processing')`);
const wasSent = (row: string) => sql.raw(`least(${row}.resends, 1) = 1`);
const neverSent = (row: string) => sql.raw(`least(${row}.resends, 1) = 0`);
const number = (value: number) => sql.lit(value);

/** Every target with live tasks in the lane, one index probe each; the last row is null. */
const liveTargets = (lane: Lane) => sql`
  targets (target) as (
      (select t.target from orbital_tasks t where t.lane = ${lane} and ${live('t')} order by t.target limit 1)
    union all
      select (select t.target from orbital_tasks t
                where t.lane = ${lane} and ${live('t')} and t.target > targets.target
                order by t.target limit 1)
        from targets where targets.target is not null)`;

const mustWait = sql`(
  coalesce(t.deadline_at <= now(), false)
  or exists (select from orbital_tasks older
               where older.entity = t.entity and older.target = t.target
                 and older.entity_sequence < t.entity_sequence and ${live('older')}))`;

/** The statement, for `claimTasks` and for the test of what it costs. */
export function claimStatement(lane: Lane, paused: readonly string[]): RawBuilder<Claimed> {
  const ofTarget = sql`t.lane = ${lane} and t.target = targets.target and ${live('t')}`;
  return sql<Claimed>`
    with recursive ${liveTargets(lane)},
    due as materialized (
      select d.id, d.next_attempt_at, d.aside
        from targets
        cross join lateral (
          select ${number(inFlight[lane])} - count(*) as places
            from (select from orbital_tasks t
                    where ${ofTarget} and ${wasSent('t')} and t.resends <= ${number(IN_FLIGHT_RESENDS)}
                      and t.next_attempt_at <= now() + ${number(LONGEST_FLIGHT_MS)} * interval '1 millisecond'
                    limit ${number(inFlight[lane])}) unanswered) room
        cross join lateral (
          (select t.id, t.next_attempt_at, ${mustWait} as aside
             from orbital_tasks t
             where ${ofTarget} and ${wasSent('t')} and t.next_attempt_at <= now()
             order by t.next_attempt_at
             limit ${number(DISPATCH_SHARE)})
          union all
          (select fresh.id, fresh.next_attempt_at, fresh.aside
             from (select t.id, t.next_attempt_at, ${mustWait} as aside,
                          row_number() over (order by t.next_attempt_at) as place
                     from orbital_tasks t
                     where ${ofTarget} and ${neverSent('t')} and t.next_attempt_at <= now()
                     order by t.next_attempt_at
                     limit ${number(DISPATCH_SHARE)}) fresh
             where fresh.place <= room.places)) d
        where targets.target is not null and targets.target <> all(${[...paused]}::text[])
        order by d.next_attempt_at
        limit ${number(DISPATCH_BATCH)}),
    mine as materialized (
      select t.id, due.aside
        from due join orbital_tasks t on t.id = due.id
        where t.next_attempt_at = due.next_attempt_at and ${live('t')}
        for update of t skip locked)
    update orbital_tasks t
      set attempt = t.attempt + (not mine.aside)::int,
          resends = t.resends + (not mine.aside)::int,
          updated_at = case when mine.aside then t.updated_at else now() end,
          next_attempt_at = now() + interval '1 millisecond' * ${jitter} * case
            when mine.aside then ${number(ASIDE_MS)}::float8
            else least(${number(RESEND_CAP_MS)}::float8,
                       ${number(RESEND_BASE_MS)}::float8 * power(2, least(t.resends, 20))) end
      from mine, orbital_jobs j
      where t.id = mine.id and j.id = t.job_id
      returning t.*, j.cancels_older, j.trace, mine.aside`;
}

/** At most DISPATCH_BATCH; none of a paused target. A resend waits between half and the whole of its exponential step. */
export async function claimTasks(
  db: ManagerDb,
  lane: Lane,
  paused: readonly string[],
): Promise<readonly Claimed[]> {
  const { rows } = await claimStatement(lane, paused).execute(db);
  return rows;
}

/** The statement, for `untilNextDueMs` and for the test of what it costs. */
export function nextDueStatement(lane: Lane): RawBuilder<{ ms: number | null }> {
  const next = (sent: RawBuilder<unknown>) => sql`
    (select t.next_attempt_at from orbital_tasks t
       where t.lane = ${lane} and t.target = targets.target and ${live('t')} and ${sent}
         and t.next_attempt_at > now()
       order by t.next_attempt_at
       limit 1)`;
  return sql<{ ms: number | null }>`
    with recursive ${liveTargets(lane)}
    select extract(epoch from min(least(${next(wasSent('t'))}, ${next(neverSent('t'))})) - now())::float8 * 1000 as ms
      from targets where targets.target is not null`;
}

/** Milliseconds until something of the lane falls due that is not due yet; POLL_INTERVAL_MS when there is nothing. */
export async function untilNextDueMs(db: ManagerDb, lane: Lane): Promise<number> {
  const { rows } = await nextDueStatement(lane).execute(db);
  return rows[0]?.ms ?? POLL_INTERVAL_MS;
}
