/**
 * What regions say of their own audit trails, as status: a signed head and counts, never an event (separation record). The
 * last head that a region signed is kept here, where the region's keeper cannot reach: a trail that goes back or says
 * something else of the same event was tampered with, or its database was restored from a backup.
 */
import { createPublicKey } from 'node:crypto';
import { sql } from 'kysely';
import { type AuditCount, type AuditHead, REGION_CHAIN, regionLog } from '../../contracts/index.ts';
import { type Checkpoint, isSignedBy } from '../../platform/chain-checkpoints.ts';
import type { Cmk } from '../context.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { chainOf, PLATFORM } from './event.ts';
import { audit } from './record.ts';

export type RegionFault = 'REWOUND' | 'REWRITTEN' | 'CHECKPOINT_FORGED';

/** Called with each report that is news; cheap while the trail stands still. Takes the audit log's lock last, if at all. */
export async function storeRegionAudit(
  cmk: Pick<Cmk, 'logger'>,
  trx: Trx,
  region: string,
  said: { readonly head: AuditHead | undefined; readonly counts: readonly AuditCount[] },
): Promise<void> {
  if (said.counts.length > 0) await storeCounts(trx, region, said.counts);
  if (said.head === undefined) return;
  const known = await trx.selectFrom('region_audit').selectAll().where('region', '=', region).executeTakeFirst();
  if (known?.sequence === String(said.head.sequence) && known.hash === said.head.hash) return;
  const fault = await faultOf(trx, region, said.head, known && { ...known, sequence: Number(known.sequence) });
  if (fault === undefined) await keep(trx, region, said.head);
  else if (known?.fault !== fault) await tell(cmk, trx, region, said.head, fault);
}

const checkpointOf = (region: string, head: AuditHead): Checkpoint => ({
  log: regionLog(region),
  chain: REGION_CHAIN,
  ...head,
});

async function faultOf(
  trx: Trx,
  region: string,
  head: AuditHead,
  known: { readonly sequence: number; readonly hash: string } | undefined,
): Promise<RegionFault | undefined> {
  const { public_key } = await trx
    .selectFrom('regions')
    .select('public_key')
    .where('name', '=', region)
    .executeTakeFirstOrThrow();
  if (!isSignedBy(checkpointOf(region, head), createPublicKey(public_key))) return 'CHECKPOINT_FORGED';
  if (known === undefined || head.sequence > known.sequence) return undefined;
  return head.sequence < known.sequence ? 'REWOUND' : 'REWRITTEN';
}

async function keep(trx: Trx, region: string, head: AuditHead): Promise<void> {
  const { sequence, hash, at, keyId, signature } = head;
  const row = { sequence, hash, at, key_id: keyId, signature };
  await trx
    .insertInto('region_audit')
    .values({ region, ...row, fault: null, fault_at: null })
    .onConflict((conflict) => conflict.column('region').doUpdateSet(row))
    .execute();
}

async function tell(
  cmk: Pick<Cmk, 'logger'>,
  trx: Trx,
  region: string,
  head: AuditHead,
  fault: RegionFault,
): Promise<void> {
  cmk.logger.error({ region, fault, sequence: head.sequence }, 'the audit trail of a region is not what it was');
  const { sequence, hash, at, keyId, signature } = head;
  await trx
    .insertInto('region_audit')
    .values({ region, sequence, hash, at, key_id: keyId, signature, fault, fault_at: new Date() })
    // What is kept is what was said before: it is the evidence.
    .onConflict((conflict) => conflict.column('region').doUpdateSet({ fault, fault_at: new Date() }))
    .execute();
  await audit(
    trx,
    { actor: `region:${region}`, correlationId: `trail:${region}:${sequence}`.slice(0, 64), origin: `region:${region}` },
    {
      action: 'region.trail',
      subject: `region:${region}`,
      outcome: 'failed',
      detail: { fault, sequence, hash },
    },
  );
}

/** Counts only grow: a report that comes late, or a region that was restored, takes nothing back. */
async function storeCounts(trx: Trx, region: string, counts: readonly AuditCount[]): Promise<void> {
  const rows = counts.map(({ tenant, ...count }) => ({ tenant: tenant ?? PLATFORM, ...count }));
  await sql`
    INSERT INTO region_audit_counts AS c (tenant, region, class, outcome, events, last_at)
      SELECT said.tenant, ${region}, said.class, said.outcome, said.events, said."lastAt"
        FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
          AS said (tenant text, class text, outcome text, events bigint, "lastAt" text)
        WHERE said.tenant = ${PLATFORM} OR EXISTS (
          SELECT FROM tenant_regions t WHERE t.tenant = said.tenant AND t.region = ${region})
      ON CONFLICT (tenant, region, class, outcome) DO UPDATE
        SET events = excluded.events, last_at = excluded.last_at
        WHERE c.events < excluded.events`.execute(trx);
}

export interface RegionTrailView {
  region: string;
  /** The last head that the region has signed and that fits those before. */
  checkpoint: Checkpoint;
  fault: RegionFault | null;
  faultAt: string | null;
}
export interface RegionCountView {
  region: string;
  class: string;
  outcome: string;
  events: number;
  lastAt: string;
}

const MAX_REGIONS_SHOWN = 1_000;
/** Regions × classes × outcomes. */
const MAX_COUNTS_SHOWN = 30_000;

/** Counts of a tenant's events in each region; without a tenant of those that concern none. */
export async function regionTrails(
  cmk: Pick<Cmk, 'db'>,
  tenant: string | undefined,
): Promise<{ regions: RegionTrailView[]; counts: RegionCountView[] }> {
  const chain = chainOf(tenant);
  const regions = await asPlatform(cmk.db, (trx) =>
    trx.selectFrom('region_audit').selectAll().orderBy('region').limit(MAX_REGIONS_SHOWN).execute(),
  );
  const counts = await asTenant(cmk.db, chain, (trx) =>
    trx
      .selectFrom('region_audit_counts')
      .selectAll()
      .where('tenant', '=', chain)
      .orderBy('region')
      .orderBy('class')
      .orderBy('outcome')
      .limit(MAX_COUNTS_SHOWN)
      .execute(),
  );
  return {
    regions: regions.map(({ region, sequence, hash, at, key_id, signature, fault, fault_at }) => ({
      region,
      checkpoint: checkpointOf(region, { sequence: Number(sequence), hash, at, keyId: key_id, signature }),
      fault,
      faultAt: fault_at?.toISOString() ?? null,
    })),
    counts: counts.map(({ region, class: auditClass, outcome, events, last_at }) => ({
      region,
      class: auditClass,
      outcome,
      events: Number(events),
      lastAt: last_at,
    })),
  };
}
