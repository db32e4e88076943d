/** What regions' answers about keys do to the rows, and to the audit log of the tenant. */
import type { JobPayload, JobResult, KeyInventory } from '../../contracts/index.ts';
import type { TaskError } from '../../orbital/index.ts';
import { audit } from '../audit/record.ts';
import type { Answer } from '../links/answers.ts';
import type { CmkMetrics, KeyJobKind } from '../metrics.ts';
import type { Trx } from '../store/transactions.ts';
import { type KeyName, subjectOf } from './scope.ts';

/** A job that is cancelled ends like one that has failed, by this code. */
const CANCELLED = 'CANCELLED';

type Ending = { readonly detail: Record<string, unknown> } | { readonly error: string };

export function rotationAnswers(metrics: Pick<CmkMetrics, 'keyJob'>) {
  async function tell(
    trx: Trx,
    answer: Answer,
    kind: KeyJobKind,
    key: KeyName,
    ending: Ending,
  ): Promise<void> {
    const failed = 'error' in ending;
    await audit(trx, answer.who, {
      tenant: key.tenant,
      action: actions[kind],
      subject: `${subjectOf(key)}@${answer.region}`,
      outcome: failed ? 'failed' : 'succeeded',
      detail: failed ? { error: ending.error } : ending.detail,
    });
    metrics.keyJob(kind, failed ? 'failed' : 'done');
  }

  /** For jobs that leave nothing behind but the word that they were done, or why not. */
  const told = (kind: 'KEY_ROTATE' | 'KEY_COMPROMISE' | 'KEY_DESTROY') => ({
    failed: (trx: Trx, answer: Answer, payload: KeyName, error: TaskError) =>
      tell(trx, answer, kind, payload, { error: error.code }),
    cancelled: (trx: Trx, answer: Answer, payload: KeyName) =>
      tell(trx, answer, kind, payload, { error: CANCELLED }),
  });
  const renewed = (kind: 'KEY_ROTATE' | 'KEY_COMPROMISE') => ({
    ...told(kind),
    async done(trx: Trx, answer: Answer, payload: KeyName, { version }: { version: number }): Promise<void> {
      await storeVersion(trx, answer.region, payload, version);
      await tell(trx, answer, kind, payload, { detail: { version } });
    },
  });

  async function policyFailed(
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'ROTATION_POLICY'>,
    error: string,
  ): Promise<void> {
    await storePolicyState(trx, answer.region, payload, { state: 'failed', error });
    await tell(trx, answer, 'ROTATION_POLICY', payload, { error });
  }
  async function inspectionFailed(
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'KEY_INSPECT'>,
    error: string,
  ): Promise<void> {
    await storeAnswer(trx, answer.region, payload.tenant, { error });
    await tell(trx, answer, 'KEY_INSPECT', payload, { error });
  }

  return {
    rotated: renewed('KEY_ROTATE'),
    compromised: renewed('KEY_COMPROMISE'),
    destroyed: {
      ...told('KEY_DESTROY'),
      async done(trx: Trx, answer: Answer, payload: JobPayload<'KEY_DESTROY'>): Promise<void> {
        const { version, dependents, reason } = payload;
        await tell(trx, answer, 'KEY_DESTROY', payload, { detail: { version, dependents, reason } });
      },
    },
    policy: {
      async done(
        trx: Trx,
        answer: Answer,
        payload: JobPayload<'ROTATION_POLICY'>,
        { nextRotationAt }: JobResult<'ROTATION_POLICY'>,
      ): Promise<void> {
        await storePolicyState(trx, answer.region, payload, {
          state: 'active',
          error: null,
          next_rotation_at: nextRotationAt === undefined ? null : new Date(nextRotationAt),
        });
        await tell(trx, answer, 'ROTATION_POLICY', payload, {
          detail: { rotateAfterSeconds: payload.rotateAfterSeconds ?? null },
        });
      },
      failed: (trx: Trx, answer: Answer, payload: JobPayload<'ROTATION_POLICY'>, error: TaskError) =>
        policyFailed(trx, answer, payload, error.code),
      cancelled: (trx: Trx, answer: Answer, payload: JobPayload<'ROTATION_POLICY'>) =>
        policyFailed(trx, answer, payload, CANCELLED),
    },
    inspected: {
      async done(
        trx: Trx,
        answer: Answer,
        payload: JobPayload<'KEY_INSPECT'>,
        result: JobResult<'KEY_INSPECT'>,
      ): Promise<void> {
        await storeAnswer(trx, answer.region, payload.tenant, {
          inventory: JSON.stringify(result),
          answered_at: new Date(),
          error: null,
        });
        await storeVersions(trx, answer.region, payload.tenant, result);
        await tell(trx, answer, 'KEY_INSPECT', payload, { detail: { living: result.l2.living } });
      },
      failed: (trx: Trx, answer: Answer, payload: JobPayload<'KEY_INSPECT'>, error: TaskError) =>
        inspectionFailed(trx, answer, payload, error.code),
      cancelled: (trx: Trx, answer: Answer, payload: JobPayload<'KEY_INSPECT'>) =>
        inspectionFailed(trx, answer, payload, CANCELLED),
    },
  };
}

/** What the audit log calls a region's answer. */
const actions: Readonly<Record<KeyJobKind, string>> = {
  ROTATE_LINK: 'link.active',
  KEY_ROTATE: 'key.rotated',
  KEY_COMPROMISE: 'key.compromised',
  ROTATION_POLICY: 'rotation-policy.active',
  KEY_INSPECT: 'key.inspected',
  KEY_DESTROY: 'key.destroyed',
};

async function storeVersion(trx: Trx, region: string, key: KeyName, version: number): Promise<void> {
  if (key.service === undefined)
    await trx
      .updateTable('tenant_regions')
      .set({ l2_version: version })
      .where('tenant', '=', key.tenant)
      .where('region', '=', region)
      .where('l2_version', '<', version)
      .execute();
  else
    await trx
      .updateTable('service_regions')
      .set({ l3_version: version })
      .where('tenant', '=', key.tenant)
      .where('service', '=', key.service)
      .where('region', '=', region)
      .where('l3_version', '<', version)
      .execute();
}

/** Regions rotate by themselves, too: an inventory tells which versions are in use by now. */
async function storeVersions(
  trx: Trx,
  region: string,
  tenant: string,
  { l2, services }: JobResult<'KEY_INSPECT'>,
): Promise<void> {
  const inUse = ({ versions }: KeyInventory): number =>
    versions.find(({ state }) => state === 'active')?.version ?? 0;
  await storeVersion(trx, region, { tenant }, inUse(l2));
  for (const { service, l3 } of services) await storeVersion(trx, region, { tenant, service }, inUse(l3));
}

/** With an error the last inventory stays, and says by its time how old it is. */
async function storeAnswer(
  trx: Trx,
  region: string,
  tenant: string,
  change: { inventory?: string; answered_at?: Date; error: string | null },
): Promise<void> {
  await trx
    .updateTable('key_inventories')
    .set({ ...change, pending: false })
    .where('tenant', '=', tenant)
    .where('region', '=', region)
    .execute();
}

async function storePolicyState(
  trx: Trx,
  region: string,
  { tenant, service }: KeyName,
  change: { state: 'active' | 'failed'; error: string | null; next_rotation_at?: Date | null },
): Promise<void> {
  await trx
    .updateTable('rotation_policy_regions')
    .set({ ...change, updated_at: new Date() })
    .where('tenant', '=', tenant)
    .where('service', '=', service ?? '')
    .where('region', '=', region)
    .execute();
}
