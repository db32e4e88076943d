/**
 * Mending by jobs, in the direction in which everything is asked of regions, and in the order of whatever else is asked of the
 * same thing. What is mended is decided once more with the locks held that a change of the thing takes: so an answer that is
 * late, or forged by whoever has the region's key, can make governance ask for nothing but what it wants at that moment.
 */
import type { ManifestClass } from '../../contracts/index.ts';
import { JobConflictError } from '../../orbital/index.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createRegionalJob } from '../dispatch/jobs.ts';
import { MAX_DRIFT_ATTEMPTS } from '../limits.ts';
import { asPlatform, type Trx } from '../store/transactions.ts';
import { HeldBack, type MendShare, spendOnJob } from './allowance.ts';
import { type FindingKind, findings, mendOf, type Verdict } from './findings.ts';
import { askThere } from './jobs.ts';
import { unknownVerdict } from './verdicts.ts';
import { type Wanted, wantedOf } from './wanted.ts';

export interface Found {
  readonly region: string;
  readonly class: ManifestClass;
  readonly key: string;
  readonly told: string | undefined;
  readonly wanted: string | undefined;
  readonly verdict: Verdict;
  /** Governance wants something of it; else the region may have made it up. */
  readonly isKnown: boolean;
  /** Undefined for what is the platform's, or unknown. */
  readonly tenant: string | undefined;
  /** What has changed since then says nothing against the answer. */
  readonly askedAt: Date;
  readonly restedBefore: Date;
}

/** `service:acme/payments@eu`, as audit events name things. */
export const subjectOf = ({ class: of, key, region }: Pick<Found, 'class' | 'key' | 'region'>): string =>
  `${of === 'key' ? 'keys' : of}:${key.replace(' ', '/')}@${region}`;

export const shareOf = ({ region, isKnown }: Pick<Found, 'region' | 'isKnown'>): MendShare => ({
  region,
  of: isKnown ? 'known' : 'unknown',
});

/** It is not so any more: the transaction ends without a change. */
class Changed extends Error {}

/**
 * `again`: it is to be looked at again. `given up`: it has been tried often enough. `held back`: so much is done of that region
 * already that this one waits.
 */
export async function mend(
  cmk: Cmk,
  found: Found,
  correlationId: string,
): Promise<'again' | 'given up' | 'held back'> {
  const tried = await triesOf(cmk, found);
  if (tried === 'given up') return tried;
  if (tried === 'under way') return 'again';
  try {
    await asPlatform(cmk.db, async (trx) => {
      const tenant = tenantOf(found);
      if (tenant !== undefined) await lockIfThere(trx, tenant);
      // The job first, and with it Orbital's lock on the entity: what a removal or a registration changes, it changes behind it.
      const job = await ask(cmk, trx, found, correlationId);
      const now = await wantedOf(trx, found.region, found.class, found.key);
      if (!isStill(found, now)) throw new Changed();
      if (found.verdict.kind === 'tenant-missing') await forgetKeys(trx, found);
      const { region, class: of, key, verdict, told = null, wanted = null } = found;
      await trx
        .updateTable('drift_findings')
        .set((eb) => ({ job, attempts: eb('attempts', '+', 1) }))
        .where('region', '=', region)
        .where('class', '=', of)
        .where('item', '=', key)
        .execute();
      await spendOnJob(trx, shareOf(found), job);
      await audit(
        trx,
        { actor: 'system:drift', correlationId },
        {
          ...(now?.tenant === undefined ? {} : { tenant: now.tenant }),
          action: `drift.${mendOf(verdict.kind)}`,
          subject: subjectOf(found),
          outcome: 'accepted',
          detail: { finding: verdict.kind, wanted, told, job },
        },
      );
      cmk.metrics.driftMended(verdict.kind);
      cmk.logger.warn(
        { region, finding: verdict.kind, key, wanted, told, job, correlationId },
        'a region differs; it is mended',
      );
    });
  } catch (error) {
    if (error instanceof HeldBack) return 'held back';
    // The region owes an answer about it: somebody has to see that where it never comes.
    if (error instanceof JobConflictError) await countTry(cmk, found);
    // Somebody has just changed it: the next look tells.
    else if (!(error instanceof Changed)) throw error;
  }
  return 'again';
}

async function countTry(cmk: Cmk, { region, class: of, key }: Found): Promise<void> {
  await asPlatform(cmk.db, (trx) =>
    trx
      .updateTable('drift_findings')
      .set((eb) => ({ attempts: eb('attempts', '+', 1) }))
      .where('region', '=', region)
      .where('class', '=', of)
      .where('item', '=', key)
      .execute(),
  );
}

/** Its keys are lost, which the audit log has: what the region tells of the new ones is older than what it told of those. */
async function forgetKeys(trx: Trx, { key: tenant, region }: Found): Promise<void> {
  await trx
    .updateTable('tenant_regions')
    .set({ keys_counter: null, keys_versions: null })
    .where('tenant', '=', tenant)
    .where('region', '=', region)
    .execute();
}

function isStill(found: Found, now: Wanted | undefined): boolean {
  if (now !== undefined && (now.isBusy || now.changedAt > found.restedBefore)) return false;
  if (found.isKnown !== (now !== undefined)) return false;
  const verdict = now === undefined ? unknownVerdict(found.class, found.told) : now.judge(found.told);
  return verdict?.kind === found.verdict.kind && verdict.epoch === found.verdict.epoch;
}

/** One is under way, too, if it was ended after the region was asked. */
async function triesOf(
  cmk: Cmk,
  { region, class: of, key, askedAt }: Found,
): Promise<'under way' | 'given up' | undefined> {
  const row = await asPlatform(cmk.db, (trx) =>
    trx
      .selectFrom('drift_findings')
      .select(['job', 'attempts'])
      .where('region', '=', region)
      .where('class', '=', of)
      .where('item', '=', key)
      .executeTakeFirst(),
  );
  // One that found no room in the list waits for it.
  if (row === undefined) return 'under way';
  const job = row.job === null ? undefined : await cmk.manager.getJob(row.job);
  if (job !== undefined && (job.settledAt === null || job.settledAt >= askedAt)) return 'under way';
  return row.attempts >= MAX_DRIFT_ATTEMPTS ? 'given up' : undefined;
}

const tenantOf = ({ class: of, key, tenant }: Found): string | undefined =>
  of === 'tenant' || of === 'service' ? key.split(' ', 1)[0] : tenant;

/** Serialises with the decisions about the tenant (domain/lookups.ts), if there is one. */
async function lockIfThere(trx: Trx, tenant: string): Promise<void> {
  await trx
    .selectFrom('tenants')
    .select('tenant')
    .where('tenant', '=', tenant)
    .forNoKeyUpdate()
    .executeTakeFirst();
}

async function ask(cmk: Cmk, trx: Trx, found: Found, correlationId: string): Promise<string> {
  const { region, class: of, key, verdict } = found;
  const reason = reasonOf(verdict.kind);
  switch (mendOf(verdict.kind)) {
    case 'close':
      return await createRegionalJob(cmk, trx, {
        kind: 'UNLINK',
        task: { region, payload: { tenant: key, epoch: verdict.epoch ?? 1, reason } },
        correlationId,
        deadlineMs: null,
        cancelsOlder: true,
      });
    case 'revoke':
      // It cancels nothing older: the same key may be on its way into another region.
      return await askThere(cmk, trx, {
        kind: 'IDENTITY_REMOVE',
        task: { region, payload: { fingerprint: key, reason } },
        correlationId,
        deadlineMs: null,
      });
    case 'provision': {
      const wanted = await wantedOf(trx, region, of, key);
      if (wanted === undefined) throw new Changed();
      return await wanted.provision(cmk, trx, region, correlationId);
    }
    case 'tell':
      throw new Changed();
  }
}

/** Regions keep it with what they close. */
const reasonOf = (kind: FindingKind): string => `drift: ${findings[kind].meaning}`.slice(0, 256);
