/**
 * What governance may have done in this region (contracts/jobs.ts), each in one transaction with its pushes and its
 * audit event. All are idempotent: Orbital delivers at least once (D11). What is to be committed before the task is answered
 * goes through `context.apart`, and never through a transaction of a handler's own: a task may be taken from its handler.
 */
import {
  type JobKind,
  type JobPayload,
  type JobResult,
  parseServiceName,
  parseTenantId,
} from '../../../contracts/index.ts';
import type { TaskHandler } from '../../../orbital/index.ts';
import type { KeyEvent, OpenLinkRequest } from '../../keychain/index.ts';
import type { Push } from '../../mesh/index.ts';
import { appendAudit } from '../audit/trail.ts';
import { auditOf, pushesOf } from '../keys/key-changes.ts';
import { PUSH_ACK_WAIT_MS } from '../limits.ts';
import { readManifest } from '../manifest/pages.ts';
import { signingHandlers } from '../signing/jobs.ts';
import { dependentsIn } from '../store/dependents.ts';
import { appendPushes } from '../store/pushes.ts';
import { putIdentity, putIssuer, removeIdentity } from '../store/registry.ts';
import { keysIn, type RegionTables, type RegionTx } from '../store/tables.ts';
import type { JobDependencies } from './dependencies.ts';
import { drillHandlers } from './drills.ts';
import { inventoryResult } from './inventory.ts';
import { handlerFor, type RegionTaskContext } from './outcome.ts';
import { inspectUse } from './use.ts';

interface Change {
  readonly event: string;
  readonly tenant?: string;
  readonly fingerprint?: string;
  readonly pushes?: readonly Push[];
  readonly reason?: string;
}

export function jobHandlers(deps: JobDependencies): Record<JobKind, TaskHandler<RegionTables>> {
  const { keychain, hub, logger } = deps;

  /** Pushes, then the audit event: the two rows that the whole region waits for are locked last. */
  async function settle(tx: RegionTx, { correlationId }: RegionTaskContext, change: Change): Promise<number> {
    const { pushes = [], ...event } = change;
    const numbered = await appendPushes(tx, pushes);
    await appendAudit(tx, { source: deps.instance }, [{ ...event, outcome: 'success', correlationId }]);
    return numbered.at(-1)?.number ?? 0;
  }

  /**
   * Committed apart from the answer, and done only when the gateways have heard of it, or `PUSH_ACK_WAIT_MS` has passed: whoever
   * is told that an application is registered connects at once.
   */
  async function settleEverywhere(
    context: RegionTaskContext,
    change: (tx: RegionTx) => Promise<Change>,
  ): Promise<void> {
    const number = await context.apart(async (tx) => await settle(tx, context, await change(tx)));
    await hub.acknowledgedBy(number, PUSH_ACK_WAIT_MS);
  }

  async function settleKeys(
    { trx, correlationId }: RegionTaskContext,
    events: readonly KeyEvent[],
    reason?: string,
  ): Promise<void> {
    await appendPushes(trx, pushesOf(events));
    const more = reason === undefined ? { correlationId } : { correlationId, reason };
    await appendAudit(trx, { source: deps.instance }, auditOf(events, more));
  }

  async function open(
    payload: JobPayload<'LINK'> | JobPayload<'ROTATE_LINK'>,
    context: RegionTaskContext,
    event: string,
    how: Pick<OpenLinkRequest, 'previous' | 'rotation'>,
  ): Promise<JobResult<'LINK'>> {
    const tenant = parseTenantId(payload.tenant);
    const { epoch, secret } = payload;
    const expiresAt = new Date(payload.expiresAt);
    const { l2Version } = await keychain.openLink(keysIn(context.trx), {
      tenant,
      epoch,
      job: context.jobId,
      provedAt: new Date(payload.provedAt),
      expiresAt,
      secret,
      ...how,
    });
    const pushes = [{ kind: 'tenant.opened', tenant, epoch }] as const;
    await settle(context.trx, context, { event, tenant, pushes });
    return { epoch, expiresAt: expiresAt.toISOString(), l2Version };
  }

  return {
    TENANT_PROVISION: handlerFor('TENANT_PROVISION', async (payload, context) => {
      const tenant = parseTenantId(payload.tenant);
      const result = await keychain.provisionTenant(keysIn(context.trx), tenant);
      await settle(context.trx, context, { event: 'TENANT_PROVISIONED', tenant });
      return result;
    }),

    SERVICE_PROVISION: handlerFor('SERVICE_PROVISION', async (payload, context) => {
      const tenant = parseTenantId(payload.tenant);
      const service = parseServiceName(payload.service);
      const result = await keychain.provisionService(keysIn(context.trx), tenant, service);
      // A gateway that asked too early holds a refusal: it may ask again.
      const pushes = [{ kind: 'service.flush', tenant, service }] as const;
      await settle(context.trx, context, { event: 'SERVICE_PROVISIONED', tenant, pushes });
      return result;
    }),

    LINK_PREPARE: handlerFor('LINK_PREPARE', async ({ tenant: name, epoch }, context) => {
      const tenant = parseTenantId(name);
      const { publicKey, standsOnEpoch } = await keychain.prepareLink(keysIn(context.trx), tenant, epoch);
      await settle(context.trx, context, { event: 'LINK_PREPARED', tenant });
      return { epoch, publicKey: Buffer.from(publicKey).toString('base64url'), standsOnEpoch };
    }),

    LINK: handlerFor('LINK', (payload, context) => {
      const { previous } = payload;
      return open(payload, context, 'LINK_OPENED', previous === undefined ? {} : { previous });
    }),

    ROTATE_LINK: handlerFor('ROTATE_LINK', (payload, context) =>
      open(payload, context, 'LINK_ROTATED', { rotation: true }),
    ),

    RENEW: handlerFor('RENEW', async (payload, context) => {
      const tenant = parseTenantId(payload.tenant);
      const { epoch } = payload;
      const { expiresAt } = await keychain.renewLink(keysIn(context.trx), {
        tenant,
        epoch,
        provedAt: new Date(payload.provedAt),
        expiresAt: new Date(payload.expiresAt),
      });
      await settle(context.trx, context, { event: 'LINK_RENEWED', tenant });
      return { epoch, expiresAt: expiresAt.toISOString() };
    }),

    UNLINK: handlerFor('UNLINK', async ({ tenant: name, epoch, reason }, context) => {
      const tenant = parseTenantId(name);
      // A transaction of its own: the closure is committed before anything is zeroised, and before anybody waits (D1).
      const { closedAt, number } = await context.apart(async (tx) => {
        const closed = await keychain.closeLink(keysIn(tx), { tenant, epoch, reason });
        const pushes = [{ kind: 'tenant.closed', tenant, epoch }] as const;
        const last = await settle(tx, context, { event: 'LINK_CLOSED', tenant, reason, pushes });
        return { closedAt: closed.closedAt, number: last };
      });
      keychain.forget(tenant);
      deps.streams.dropTenant(tenant);
      // Those that have confirmed by then, and no others: this task is in the way of other tenants' closures.
      const { told } = await hub.acknowledgedUrgently(number);
      const gatewaysTold = told.length;
      logger.warn({ tenant, epoch, gatewaysTold, correlationId: context.correlationId }, 'a link was closed');
      return { epoch, closedAt: closedAt.toISOString(), gatewaysTold };
    }),

    KEY_ROTATE: handlerFor('KEY_ROTATE', async (payload, context) => {
      const { tenant, service } = keyOf(payload);
      const { version, events } = await keychain.rotate(keysIn(context.trx), tenant, service);
      await settleKeys(context, events);
      return { version };
    }),

    KEY_COMPROMISE: handlerFor('KEY_COMPROMISE', async (payload, context) => {
      const { tenant, service } = keyOf(payload);
      const { version, events } = await keychain.compromise(keysIn(context.trx), tenant, service);
      await settleKeys(context, events, payload.reason);
      logger.warn({ tenant, service, version, correlationId: context.correlationId }, 'a key is compromised');
      return { version };
    }),

    ROTATION_POLICY: handlerFor('ROTATION_POLICY', async (payload, context) => {
      const { tenant, service } = keyOf(payload);
      const rotateAfterS = payload.rotateAfterSeconds ?? null;
      const policy = { tenant, service, rotateAfterS };
      const { nextRotationMs } = await keychain.setRotationPolicy(keysIn(context.trx), policy);
      await settle(context.trx, context, { event: 'ROTATION_POLICY_SET', tenant });
      return nextRotationMs === null ? {} : { nextRotationAt: new Date(nextRotationMs).toISOString() };
    }),

    KEY_INSPECT: handlerFor('KEY_INSPECT', async ({ tenant }, { trx }) => {
      const inventory = await keychain.inventory(keysIn(trx), parseTenantId(tenant), dependentsIn(trx));
      return inventoryResult(inventory);
    }),

    USE_INSPECT: handlerFor('USE_INSPECT', ({ tenant }, { trx }) =>
      inspectUse(trx, parseTenantId(tenant), deps.lease),
    ),

    ...drillHandlers(deps),
    ...signingHandlers(deps),

    KEY_DESTROY: handlerFor('KEY_DESTROY', async (payload, context) => {
      const { version, dependents, reason } = payload;
      const request = { ...keyOf(payload), version, dependents };
      const events = await keychain.destroyVersion(keysIn(context.trx), request, dependentsIn(context.trx));
      await settleKeys(context, events, reason);
      return { version };
    }),

    IDENTITY_PUT: handlerFor('IDENTITY_PUT', async (payload, context) => {
      const { fingerprint, tenant } = payload.identity;
      const who = tenant === undefined ? { fingerprint } : { fingerprint, tenant };
      await settleEverywhere(context, async (tx) => {
        const push = await putIdentity(tx, payload);
        return { event: 'IDENTITY_REGISTERED', ...who, pushes: [push] };
      });
      return { fingerprint };
    }),

    IDENTITY_REMOVE: handlerFor('IDENTITY_REMOVE', async ({ fingerprint, reason }, context) => {
      // Committed on its own, so that the recheck below already sees it.
      await context.apart(async (tx) => {
        const push = await removeIdentity(tx, fingerprint);
        await settle(tx, context, { event: 'IDENTITY_REMOVED', fingerprint, reason, pushes: [push] });
      });
      await deps.recheckConnections();
      return { fingerprint };
    }),

    ISSUER_PUT: handlerFor('ISSUER_PUT', async (payload, context) => {
      const { fingerprint } = payload;
      await settleEverywhere(context, async (tx) => {
        const push = await putIssuer(tx, payload);
        return { event: 'ISSUER_TRUSTED', fingerprint, pushes: [push] };
      });
      return { fingerprint };
    }),

    MANIFEST_READ: handlerFor('MANIFEST_READ', (payload, { trx }) => readManifest(trx, keychain, payload)),
  };
}

/** Null: the tenant's L2. */
function keyOf(payload: { readonly tenant: string; readonly service?: string }) {
  const { tenant, service } = payload;
  return {
    tenant: parseTenantId(tenant),
    service: service === undefined ? null : parseServiceName(service),
  };
}
