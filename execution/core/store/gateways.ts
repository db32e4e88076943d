/**
 * How far each gateway of the region has announced what it made (D6): written by whichever core it speaks to, read by all.
 * Times are the database's own, in microseconds since the epoch: the one clock that all cores share.
 */
import { sql } from 'kysely';
import { PUSH_CHANNEL } from './pushes.ts';
import type { RegionDb, RegionTx } from './tables.ts';

/** Notifications on PUSH_CHANNEL: gateways are to announce all that they have by now; one has done so. */
const ASKED = 'announce:';
export const ANNOUNCED = 'announced';

const nowUs = sql<string>`(extract(epoch from clock_timestamp()) * 1000000)::bigint`;

export interface GatewayStanding {
  readonly fingerprint: string;
  readonly name: string;
  /** Since the region heard of it, in milliseconds. */
  readonly silentMs: number;
  /** It has announced whatever it had made before this moment. */
  readonly announcedUpTo: number;
}

/** Registered gateways that were heard of within `heardWithinMs`. */
export async function gatewayStandings(
  db: RegionDb,
  heardWithinMs: number,
): Promise<readonly GatewayStanding[]> {
  const { rows } = await sql<{ fingerprint: string; name: string; silent: string; upTo: string }>`
    select g.fingerprint, i.name, (${nowUs} - g.heard_us) / 1000 as silent, g.announced_us as "upTo"
    from core.gateways g join core.identities i on i.fingerprint = g.fingerprint and i.role = 'gateway'
    where g.heard_us > ${nowUs} - ${heardWithinMs * 1000}::bigint`.execute(db);
  return rows.map(({ fingerprint, name, silent, upTo }) => ({
    fingerprint,
    name,
    silentMs: Number(silent),
    announcedUpTo: Number(upTo),
  }));
}

export async function noteGateway(db: RegionDb, fingerprint: string): Promise<void> {
  await sql`
    insert into core.gateways (fingerprint, heard_us, announced_us) values (${fingerprint}, ${nowUs}, 0)
    on conflict (fingerprint) do update set heard_us = excluded.heard_us`.execute(db);
}

/** Has every core ask its gateways. Returns the moment that they are asked about. */
export async function askForAnnouncements(db: RegionDb): Promise<number> {
  const { rows } = await sql<{ asked: string }>`
    with moment as materialized (select ${nowUs} as asked)
    select asked, pg_notify(${PUSH_CHANNEL}, ${ASKED} || asked) from moment`.execute(db);
  return Number(rows[0]?.asked ?? 0);
}

/** The moment that a notification asks about; undefined: it is another one. */
export function askedIn(payload: string): number | undefined {
  if (!payload.startsWith(ASKED)) return undefined;
  const asked = Number(payload.slice(ASKED.length));
  return Number.isSafeInteger(asked) ? asked : undefined;
}

/** The gateway has announced all that it had made before `upTo`; with the transaction that holds the last of it. */
export async function noteAnnounced(tx: RegionTx, fingerprint: string, upTo: number): Promise<void> {
  // No gateway can vouch for what is to come.
  await sql`
    insert into core.gateways as g (fingerprint, heard_us, announced_us)
    values (${fingerprint}, ${nowUs}, least(${upTo}::bigint, ${nowUs}))
    on conflict (fingerprint) do update
    set heard_us = excluded.heard_us, announced_us = greatest(g.announced_us, excluded.announced_us)`.execute(
    tx,
  );
  await sql`select pg_notify(${PUSH_CHANNEL}, ${ANNOUNCED})`.execute(tx);
}
