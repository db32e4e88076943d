/**
 * What regions say of their own audit trails, as status: a signed head and counts, never an event (separation record). The
 * heads that a region signed last are kept here, where the region's keeper cannot reach: a trail that goes back or says
 * something else of the same event was tampered with, or its database was restored from a backup.
 */
import { createPublicKey, randomUUID } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import {
  type AuditClass,
  type AuditCount,
  type AuditFault,
  type AuditHead,
  REGION_CHAIN,
  regionLog,
} from '../../contracts/index.ts';
import { type Checkpoint, isSignedBy } from '../../platform/chain-checkpoints.ts';
import type { Cmk } from '../context.ts';
import { MAX_REGION_HEADS } from '../limits.ts';
import { publicKeyOf } from '../signing/region-keys.ts';
import type { RegionAuditRow } from '../store/audit-tables.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { chainOf, PLATFORM } from './event.ts';
import { audit } from './record.ts';

export type RegionFault = 'REWOUND' | 'REWRITTEN' | 'CHECKPOINT_FORGED';

/** Cores of a region whose heads are kept; the words of further ones are not compared. */
const MAX_CORES = 64;

export interface RegionAudit {
  readonly region: string;
  /** The core that says so. */
  readonly instance: string;
  readonly head: AuditHead | undefined;
  /** What the region has found by itself. */
  readonly fault: AuditFault | undefined;
  readonly counts: readonly AuditCount[];
}

/** Called with each report that is news; cheap while the trail stands still. Takes the audit log's lock last, if at all. */
export async function storeRegionAudit(cmk: Pick<Cmk, 'logger'>, trx: Trx, said: RegionAudit): Promise<void> {
  const { region, instance, head, counts } = said;
  if (counts.length > 0) await storeCounts(trx, region, counts);
  if (head === undefined) return;
  const known = await trx
    .selectFrom('region_audit')
    .selectAll()
    .where('region', '=', region)
    .limit(MAX_CORES)
    .execute();
  const own = known.find((row) => row.instance === instance);
  if (own === undefined ? known.length >= MAX_CORES : isSameHead(own, head) && said.fault === undefined)
    return;
  const fault = (await isForged(trx, region, head))
    ? 'CHECKPOINT_FORGED'
    : ((await contradiction(trx, region, own, head)) ?? said.fault);
  if (fault === undefined) await keep(trx, region, instance, head);
  else if (own?.fault !== fault) await tell(cmk, trx, { region, instance, head, fault });
}

type KnownHead = Pick<Selectable<RegionAuditRow>, 'sequence' | 'hash'>;

const isSameHead = (known: KnownHead, head: AuditHead): boolean =>
  Number(known.sequence) === head.sequence && known.hash === head.hash;

async function contradiction(
  trx: Trx,
  region: string,
  own: KnownHead | undefined,
  head: AuditHead,
): Promise<RegionFault | undefined> {
  const other = await trx
    .selectFrom('region_audit_heads')
    .select('hash')
    .where('region', '=', region)
    .where('sequence', '=', String(head.sequence))
    .where('hash', '<>', head.hash)
    .executeTakeFirst();
  if (other !== undefined) return 'REWRITTEN';
  return own !== undefined && head.sequence < Number(own.sequence) ? 'REWOUND' : undefined;
}

const checkpointOf = (region: string, head: AuditHead): Checkpoint => ({
  log: regionLog(region),
  chain: REGION_CHAIN,
  ...head,
});

async function isForged(trx: Trx, region: string, head: AuditHead): Promise<boolean> {
  // A head that was signed before a rotation stands until the trail grows.
  const publicKey = await publicKeyOf(trx, region, head.keyId);
  return publicKey === undefined || !isSignedBy(checkpointOf(region, head), createPublicKey(publicKey));
}

async function keep(trx: Trx, region: string, instance: string, head: AuditHead): Promise<void> {
  const { sequence, hash, at, keyId, signature } = head;
  const row = { sequence, hash, at, key_id: keyId, signature };
  await trx
    .insertInto('region_audit')
    .values({ region, instance, ...row, fault: null, fault_at: null })
    .onConflict((conflict) => conflict.columns(['region', 'instance']).doUpdateSet(row))
    .execute();
  await trx
    .insertInto('region_audit_heads')
    .values({ region, instance, ...row })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await sql`
    DELETE FROM region_audit_heads WHERE region = ${region} AND instance = ${instance} AND sequence <= (
      SELECT sequence FROM region_audit_heads WHERE region = ${region} AND instance = ${instance}
        ORDER BY sequence DESC OFFSET ${MAX_REGION_HEADS} LIMIT 1)`.execute(trx);
}

async function tell(
  cmk: Pick<Cmk, 'logger'>,
  trx: Trx,
  what: {
    readonly region: string;
    readonly instance: string;
    readonly head: AuditHead;
    readonly fault: RegionFault;
  },
): Promise<void> {
  const { region, instance, head, fault } = what;
  const { sequence, hash, at, keyId, signature } = head;
  cmk.logger.error({ region, instance, fault, sequence }, 'the audit trail of a region is not what it was');
  const fault_at = new Date();
  await trx
    .insertInto('region_audit')
    .values({ region, instance, sequence, hash, at, key_id: keyId, signature, fault, fault_at })
    // What is kept is what was said before: it is the evidence.
    .onConflict((conflict) => conflict.columns(['region', 'instance']).doUpdateSet({ fault, fault_at }))
    .execute();
  const actor = `region:${region}`;
  await audit(
    trx,
    { actor, correlationId: randomUUID() },
    {
      action: 'region.trail',
      subject: actor,
      outcome: 'failed',
      detail: { fault, instance, sequence, hash },
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
  /** The core that has said so. */
  instance: string;
  /** The last head that the region has signed and that fits those before. */
  checkpoint: Checkpoint;
  fault: RegionFault | null;
  faultAt: string | null;
}
export interface RegionCountView {
  region: string;
  class: AuditClass;
  outcome: AuditCount['outcome'];
  events: number;
  lastAt: string;
}

const MAX_CORES_SHOWN = 2_000;
/** Regions × classes × outcomes. */
const MAX_COUNTS_SHOWN = 30_000;

/** Counts of a tenant's events in each region; without a tenant of those that concern none. */
export async function regionTrails(
  cmk: Pick<Cmk, 'db'>,
  tenant: string | undefined,
): Promise<{ regions: RegionTrailView[]; counts: RegionCountView[] }> {
  const chain = chainOf(tenant);
  const regions = await asPlatform(cmk.db, (trx) =>
    trx
      .selectFrom('region_audit')
      .selectAll()
      .orderBy('region')
      .orderBy('instance')
      .limit(MAX_CORES_SHOWN)
      .execute(),
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
    regions: regions.map(({ region, instance, sequence, hash, at, key_id, signature, fault, fault_at }) => ({
      region,
      instance,
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
