/** What regions' answers about tenants, services, identities and issuers do to the rows: active, failed, or gone. */
import type { JobPayload, JobResult } from '../../contracts/index.ts';
import type { TaskError } from '../../orbital/index.ts';
import { audit } from '../audit/record.ts';
import { onProvisioned } from '../domain/lifecycle-answers.ts';
import type { Answer } from '../links/answers.ts';
import type { ProvisionState } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';

/** A row that is being removed is beyond these answers. */
const BEFORE: ProvisionState[] = ['provisioning', 'failed', 'active'];

const active = () => ({ state: 'active' as const, error: null, updated_at: new Date() });
const failed = (error: TaskError) => ({
  state: 'failed' as const,
  error: error.code,
  updated_at: new Date(),
});

async function tell(
  trx: Trx,
  answer: Answer,
  action: string,
  subject: string,
  tenant: string | undefined,
  error?: TaskError,
): Promise<void> {
  await audit(trx, answer.who, {
    ...(tenant === undefined ? {} : { tenant }),
    action,
    subject: `${subject}@${answer.region}`,
    outcome: error === undefined ? 'succeeded' : 'failed',
    ...(error === undefined ? {} : { detail: { error: error.code } }),
  });
}

export const tenant = {
  async done(
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'TENANT_PROVISION'>,
    result: JobResult<'TENANT_PROVISION'>,
  ): Promise<void> {
    await trx
      .updateTable('tenant_regions')
      .set({ ...active(), l2_version: result.l2Version })
      .where('tenant', '=', payload.tenant)
      .where('region', '=', answer.region)
      .execute();
    await onProvisioned(trx, answer.who, payload.tenant);
    await tell(trx, answer, 'tenant.active', `tenant:${payload.tenant}`, payload.tenant);
  },
  async failed(
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'TENANT_PROVISION'>,
    error: TaskError,
  ): Promise<void> {
    await trx
      .updateTable('tenant_regions')
      .set(failed(error))
      .where('tenant', '=', payload.tenant)
      .where('region', '=', answer.region)
      .execute();
    await onProvisioned(trx, answer.who, payload.tenant);
    await tell(trx, answer, 'tenant.active', `tenant:${payload.tenant}`, payload.tenant, error);
  },
  /** Or the tenant would wait for ever for what nobody is asked any more. */
  async cancelled(trx: Trx, answer: Answer, payload: JobPayload<'TENANT_PROVISION'>): Promise<void> {
    await tenant.failed(trx, answer, payload, {
      code: 'CANCELLED',
      message: 'an operator has cancelled it',
      retryable: false,
    });
  },
};

export const service = {
  async done(
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'SERVICE_PROVISION'>,
    result: JobResult<'SERVICE_PROVISION'>,
  ): Promise<void> {
    await trx
      .updateTable('service_regions')
      .set({ ...active(), l3_version: result.l3Version })
      .where('tenant', '=', payload.tenant)
      .where('service', '=', payload.service)
      .where('region', '=', answer.region)
      .execute();
    await tell(trx, answer, 'service.active', `service:${payload.tenant}/${payload.service}`, payload.tenant);
  },
  async failed(
    trx: Trx,
    answer: Answer,
    payload: JobPayload<'SERVICE_PROVISION'>,
    error: TaskError,
  ): Promise<void> {
    await trx
      .updateTable('service_regions')
      .set(failed(error))
      .where('tenant', '=', payload.tenant)
      .where('service', '=', payload.service)
      .where('region', '=', answer.region)
      .execute();
    await tell(
      trx,
      answer,
      'service.active',
      `service:${payload.tenant}/${payload.service}`,
      payload.tenant,
      error,
    );
  },
};

export const issuer = {
  async done(trx: Trx, answer: Answer, payload: JobPayload<'ISSUER_PUT'>): Promise<void> {
    await setIssuer(trx, answer, payload.fingerprint, active());
    await tell(trx, answer, 'issuer.active', `issuer:${payload.fingerprint}`, undefined);
  },
  async failed(trx: Trx, answer: Answer, payload: JobPayload<'ISSUER_PUT'>, error: TaskError): Promise<void> {
    await setIssuer(trx, answer, payload.fingerprint, failed(error));
    await tell(trx, answer, 'issuer.active', `issuer:${payload.fingerprint}`, undefined, error);
  },
};

export const identityPut = {
  async done(trx: Trx, answer: Answer, { identity }: JobPayload<'IDENTITY_PUT'>): Promise<void> {
    await setIdentity(trx, answer, identity.fingerprint, active());
    await tell(trx, answer, `${identity.role}.active`, `identity:${identity.fingerprint}`, identity.tenant);
  },
  async failed(
    trx: Trx,
    answer: Answer,
    { identity }: JobPayload<'IDENTITY_PUT'>,
    error: TaskError,
  ): Promise<void> {
    await setIdentity(trx, answer, identity.fingerprint, failed(error));
    await tell(
      trx,
      answer,
      `${identity.role}.active`,
      `identity:${identity.fingerprint}`,
      identity.tenant,
      error,
    );
  },
};

export const identityRemoved = {
  /** With the last region's answer, the registration is gone and the key is free again. */
  async done(trx: Trx, answer: Answer, { fingerprint }: JobPayload<'IDENTITY_REMOVE'>): Promise<void> {
    const application = await applicationOf(trx, fingerprint);
    const owner = await ownerThere(trx, answer, application);
    if (application === undefined)
      await trx
        .deleteFrom('gateways')
        .where('region', '=', answer.region)
        .where('fingerprint', '=', fingerprint)
        .where('state', '=', 'removing')
        .execute();
    else {
      await trx
        .deleteFrom('application_regions')
        .where('tenant', '=', application.tenant)
        .where('application', '=', application.name)
        .where('region', '=', answer.region)
        .where('state', '=', 'removing')
        .execute();
      const left = await trx
        .selectFrom('application_regions')
        .select('region')
        .where('tenant', '=', application.tenant)
        .where('application', '=', application.name)
        .limit(1)
        .execute();
      if (left.length === 0)
        await trx
          .deleteFrom('applications')
          .where('tenant', '=', application.tenant)
          .where('name', '=', application.name)
          .execute();
    }
    await trx
      .deleteFrom('identities')
      .where('fingerprint', '=', fingerprint)
      // A key that no region should know (drift/) may be a machine's, which speaks to CMK alone.
      .where('role', '<>', 'client')
      .where((eb) =>
        eb.not(
          eb.exists(eb.selectFrom('applications').select('name').where('fingerprint', '=', fingerprint)),
        ),
      )
      .where((eb) =>
        eb.not(eb.exists(eb.selectFrom('gateways').select('name').where('fingerprint', '=', fingerprint))),
      )
      .execute();
    await tell(trx, answer, 'identity.removed', `identity:${fingerprint}`, owner);
  },
  /** The key is still let in there: the row keeps saying `removing`, with the reason. */
  async failed(
    trx: Trx,
    answer: Answer,
    { fingerprint }: JobPayload<'IDENTITY_REMOVE'>,
    error: TaskError,
  ): Promise<void> {
    const owner = await ownerThere(trx, answer, await applicationOf(trx, fingerprint));
    await setIdentity(trx, answer, fingerprint, { error: error.code, updated_at: new Date() }, ['removing']);
    await tell(trx, answer, 'identity.removed', `identity:${fingerprint}`, owner, error);
  },
};

async function applicationOf(trx: Trx, fingerprint: string) {
  return await trx
    .selectFrom('applications')
    .select(['tenant', 'name'])
    .where('fingerprint', '=', fingerprint)
    .executeTakeFirst();
}

/** Whose chain it goes to: a key that a region let in on its own (drift/) may be one of a tenant elsewhere, which that does not concern. */
async function ownerThere(
  trx: Trx,
  { region }: Answer,
  application: { readonly tenant: string; readonly name: string } | undefined,
): Promise<string | undefined> {
  if (application === undefined) return undefined;
  const row = await trx
    .selectFrom('application_regions')
    .select('tenant')
    .where('tenant', '=', application.tenant)
    .where('application', '=', application.name)
    .where('region', '=', region)
    .executeTakeFirst();
  return row?.tenant;
}

type Change = { state?: ProvisionState; error: string | null; updated_at: Date };

async function setIdentity(
  trx: Trx,
  answer: Answer,
  fingerprint: string,
  change: Change,
  from: ProvisionState[] = BEFORE,
): Promise<void> {
  const application = await applicationOf(trx, fingerprint);
  if (application === undefined)
    await trx
      .updateTable('gateways')
      .set(change)
      .where('region', '=', answer.region)
      .where('fingerprint', '=', fingerprint)
      .where('state', 'in', from)
      .execute();
  else
    await trx
      .updateTable('application_regions')
      .set(change)
      .where('tenant', '=', application.tenant)
      .where('application', '=', application.name)
      .where('region', '=', answer.region)
      .where('state', 'in', from)
      .execute();
}

async function setIssuer(trx: Trx, answer: Answer, fingerprint: string, change: Change): Promise<void> {
  await trx
    .updateTable('issuer_regions')
    .set(change)
    .where('fingerprint', '=', fingerprint)
    .where('region', '=', answer.region)
    .execute();
}
