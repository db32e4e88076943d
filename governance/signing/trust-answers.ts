/** What a region has said about governance's keys: whom of them it trusts (D11). */
import type { JobPayload, JobResult } from '../../contracts/index.ts';
import type { TaskError } from '../../orbital/index.ts';
import { audit } from '../audit/record.ts';
import type { Answer } from '../links/answers.ts';
import type { Trx } from '../store/transactions.ts';

export const trustAnswers = {
  async done(
    trx: Trx,
    answer: Answer,
    _payload: JobPayload<'GOVERNANCE_KEYS'>,
    { trusted }: JobResult<'GOVERNANCE_KEYS'>,
  ): Promise<void> {
    const { region } = answer;
    await trx.deleteFrom('region_trusts').where('region', '=', region).execute();
    await trx
      .insertInto('region_trusts')
      .values([...new Set(trusted)].map((key_id) => ({ region, key_id })))
      .execute();
    await tell(trx, answer, { trusted });
  },
  failed: (trx: Trx, answer: Answer, _payload: JobPayload<'GOVERNANCE_KEYS'>, error: TaskError) =>
    tell(trx, answer, { error: error.code }),
};

async function tell(trx: Trx, { region, who }: Answer, detail: Record<string, unknown>): Promise<void> {
  await audit(trx, who, {
    action: 'signing-key.trusted',
    subject: `region:${region}`,
    outcome: 'error' in detail ? 'failed' : 'succeeded',
    detail,
  });
}
