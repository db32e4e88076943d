/**
 * What regions' answers do to a drill. With the last one it has ended, and the audit log has what was measured. An answer
 * that comes after the region was asked to restore is kept for its numbers, and takes the drill back to no earlier state.
 */
import type { JobPayload, JobResult } from '../../contracts/index.ts';
import type { TaskError } from '../../orbital/index.ts';
import { audit } from '../audit/record.ts';
import type { Answer } from '../links/answers.ts';
import type { DrillRegionState } from '../store/simulation-tables.ts';
import type { Trx } from '../store/transactions.ts';
import { measured } from './measures.ts';

const CANCELLED = 'CANCELLED';
const SETTLED: readonly DrillRegionState[] = ['restored', 'failed'];

async function cutFailed(
  trx: Trx,
  { region, who }: Answer,
  { tenant, drill }: JobPayload<'DRILL_CUT'>,
  error: string,
): Promise<void> {
  await trx
    .updateTable('drill_regions')
    .set({ state: 'failed', cut_error: error, cut_answered_at: new Date() })
    .where('drill', '=', drill)
    .where('region', '=', region)
    .where('state', '=', 'cutting')
    .execute();
  await audit(trx, who, {
    tenant,
    action: 'drill.cut',
    subject: `drill:${drill}@${region}`,
    outcome: 'failed',
    detail: { error },
  });
}

export const cut = {
  async done(
    trx: Trx,
    { region, who }: Answer,
    { tenant, drill }: JobPayload<'DRILL_CUT'>,
    result: JobResult<'DRILL_CUT'>,
  ): Promise<void> {
    await trx
      .updateTable('drill_regions')
      .set({ cut: JSON.stringify(result), cut_answered_at: new Date(), cut_error: null })
      .where('drill', '=', drill)
      .where('region', '=', region)
      .execute();
    await trx
      .updateTable('drill_regions')
      .set({ state: 'cut' })
      .where('drill', '=', drill)
      .where('region', '=', region)
      .where('state', '=', 'cutting')
      .execute();
    await audit(trx, who, {
      tenant,
      action: 'drill.cut',
      subject: `drill:${drill}@${region}`,
      outcome: 'succeeded',
      detail: { ...result },
    });
  },
  failed: (trx: Trx, answer: Answer, payload: JobPayload<'DRILL_CUT'>, error: TaskError): Promise<void> =>
    cutFailed(trx, answer, payload, error.code),
  /** By an operator, or by the end of the drill. */
  cancelled: (trx: Trx, answer: Answer, payload: JobPayload<'DRILL_CUT'>): Promise<void> =>
    cutFailed(trx, answer, payload, CANCELLED),
};

async function restoreFailed(
  trx: Trx,
  answer: Answer,
  payload: JobPayload<'DRILL_RESTORE'>,
  error: string,
): Promise<void> {
  await settle(trx, answer, payload, { state: 'failed', restore_error: error }, { error });
}

export const restored = {
  done: (
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'DRILL_RESTORE'>,
    result: JobResult<'DRILL_RESTORE'>,
  ): Promise<void> =>
    settle(
      trx,
      answer,
      payload,
      { state: 'restored', restored: JSON.stringify(result), restore_error: null },
      { ...result },
    ),
  failed: (trx: Trx, answer: Answer, payload: JobPayload<'DRILL_RESTORE'>, error: TaskError): Promise<void> =>
    restoreFailed(trx, answer, payload, error.code),
  cancelled: (trx: Trx, answer: Answer, payload: JobPayload<'DRILL_RESTORE'>): Promise<void> =>
    restoreFailed(trx, answer, payload, CANCELLED),
};

async function settle(
  trx: Trx,
  { region, who }: Answer,
  { tenant, drill }: JobPayload<'DRILL_RESTORE'>,
  change: { state: DrillRegionState; restored?: string; restore_error: string | null },
  detail: Record<string, unknown>,
): Promise<void> {
  await trx
    .updateTable('drill_regions')
    .set({ ...change, restore_answered_at: new Date() })
    .where('drill', '=', drill)
    .where('region', '=', region)
    .where('state', '<>', 'restored')
    .execute();
  const ended = await endIfSettled(trx, drill);
  await audit(trx, who, {
    tenant,
    action: 'drill.restored',
    subject: `drill:${drill}@${region}`,
    outcome: change.state === 'restored' ? 'succeeded' : 'failed',
    detail,
  });
  if (ended === undefined) return;
  await audit(trx, who, {
    tenant,
    action: 'drill.end',
    subject: `drill:${drill}`,
    outcome: 'succeeded',
    detail: { ...ended },
  });
}

/** The drill's row is locked before its regions are counted: two last answers at a time see each other. */
async function endIfSettled(trx: Trx, drill: string) {
  const row = await trx
    .selectFrom('drills')
    .select('state')
    .where('id', '=', drill)
    .forUpdate()
    .executeTakeFirst();
  if (row?.state !== 'restoring') return undefined;
  const regions = await trx.selectFrom('drill_regions').selectAll().where('drill', '=', drill).execute();
  if (!regions.every(({ state }) => SETTLED.includes(state))) return undefined;
  await trx
    .updateTable('drills')
    .set({ state: 'ended', ended_at: new Date() })
    .where('id', '=', drill)
    .execute();
  return measured(regions);
}
