/** What regions' answers to the questions of simulations do to the rows: they are kept, once, and nothing else. */
import type { JobPayload, JobResult } from '../../contracts/index.ts';
import type { TaskError } from '../../orbital/index.ts';
import { audit } from '../audit/record.ts';
import type { Answer } from '../links/answers.ts';
import type { Question } from '../store/simulation-tables.ts';
import type { Trx } from '../store/transactions.ts';

const CANCELLED = 'CANCELLED';

/**
 * Every simulation that waits for this: one question of a kind is on its way to a region at a time, so that an answer
 * belongs to all who have asked by then.
 */
export async function keepAnswer(
  trx: Trx,
  { region }: Answer,
  tenant: string,
  question: Question,
  ending:
    | { readonly answer: JobResult<'KEY_INSPECT'> | JobResult<'USE_INSPECT'> }
    | { readonly error: string },
): Promise<void> {
  await trx
    .updateTable('simulation_answers')
    .set(
      'error' in ending
        ? { error: ending.error, answered_at: new Date() }
        : { answer: JSON.stringify(ending.answer), answered_at: new Date() },
    )
    .where('tenant', '=', tenant)
    .where('region', '=', region)
    .where('question', '=', question)
    .where('answered_at', 'is', null)
    .execute();
}

async function useFailed(
  trx: Trx,
  answer: Answer,
  { tenant }: JobPayload<'USE_INSPECT'>,
  error: string,
): Promise<void> {
  await keepAnswer(trx, answer, tenant, 'use', { error });
  await tell(trx, answer, tenant, { error });
}

async function tell(
  trx: Trx,
  answer: Answer,
  tenant: string,
  detail: Record<string, unknown>,
): Promise<void> {
  await audit(trx, answer.who, {
    tenant,
    action: 'use.inspected',
    subject: `use:${tenant}@${answer.region}`,
    outcome: 'error' in detail ? 'failed' : 'succeeded',
    detail,
  });
}

export const useInspected = {
  async done(
    trx: Trx,
    answer: Answer,
    { tenant }: JobPayload<'USE_INSPECT'>,
    result: JobResult<'USE_INSPECT'>,
  ): Promise<void> {
    await keepAnswer(trx, answer, tenant, 'use', { answer: result });
    await tell(trx, answer, tenant, { gateways: result.gateways.length });
  },
  failed: (trx: Trx, answer: Answer, payload: JobPayload<'USE_INSPECT'>, error: TaskError): Promise<void> =>
    useFailed(trx, answer, payload, error.code),
  cancelled: (trx: Trx, answer: Answer, payload: JobPayload<'USE_INSPECT'>): Promise<void> =>
    useFailed(trx, answer, payload, CANCELLED),
};

interface Inspected {
  done(
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'KEY_INSPECT'>,
    result: JobResult<'KEY_INSPECT'>,
  ): Promise<void>;
  failed(trx: Trx, answer: Answer, payload: JobPayload<'KEY_INSPECT'>, error: TaskError): Promise<void>;
  cancelled(trx: Trx, answer: Answer, payload: JobPayload<'KEY_INSPECT'>): Promise<void>;
}

/** The same inventory serves whoever asked for it: rows first, the audit log last, as each handler has it. */
export function alsoForSimulations(inspected: Inspected): Inspected {
  return {
    async done(trx, answer, payload, result) {
      await keepAnswer(trx, answer, payload.tenant, 'keys', { answer: result });
      await inspected.done(trx, answer, payload, result);
    },
    async failed(trx, answer, payload, error) {
      await keepAnswer(trx, answer, payload.tenant, 'keys', { error: error.code });
      await inspected.failed(trx, answer, payload, error);
    },
    async cancelled(trx, answer, payload) {
      await keepAnswer(trx, answer, payload.tenant, 'keys', { error: CANCELLED });
      await inspected.cancelled(trx, answer, payload);
    },
  };
}
