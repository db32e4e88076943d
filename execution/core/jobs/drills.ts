/**
 * Drills: cutting a tenant or a service off for a while, and ending that. What gateways are pushed is what takes their
 * leases and L4 keys in earnest (`service.flush`, D7), on the same road and awaited in the same way as an UNLINK's push,
 * so that its time is the time of the real thing; but neither link nor key is touched (keychain/cuts.ts).
 */
import {
  type JobPayload,
  parseServiceName,
  parseTenantId,
  type ServiceName,
  type TenantId,
} from '../../../contracts/index.ts';
import { appendAudit } from '../audit/trail.ts';
import { holdersOf } from '../store/leases.ts';
import { appendPushes } from '../store/pushes.ts';
import { keysIn, type RegionTx } from '../store/tables.ts';
import type { JobDependencies } from './dependencies.ts';
import { handlerFor } from './outcome.ts';

/** Names of one answer, as the contract has it. */
const MAX_UNTOLD = 256;

interface Target {
  readonly drill: string;
  readonly tenant: TenantId;
  readonly service: ServiceName | null;
}

export function drillHandlers(deps: JobDependencies) {
  const { db, instance, keychain, streams, hub, lease, logger } = deps;

  /** Pushes, then the audit event: the two rows that the whole region waits for are locked last. */
  async function tell(
    tx: RegionTx,
    { tenant, service }: Target,
    services: readonly ServiceName[],
    event: { readonly event: string; readonly reason: string; readonly correlationId: string },
  ): Promise<number> {
    const flushes = services.map((each) => ({ kind: 'service.flush' as const, tenant, service: each }));
    const numbered = await appendPushes(tx, flushes);
    const uid = service === null ? 'all services' : `L3 ${service}`;
    await appendAudit(tx, { source: instance }, [{ outcome: 'success', tenant, uid, ...event }]);
    return numbered.at(-1)?.number ?? 0;
  }

  async function told(number: number, holders: readonly string[], startedMs: number) {
    const { told: names, untold } = await hub.acknowledgedUrgently(number);
    const missing = new Set([...untold, ...holders.filter((name) => !names.includes(name))]);
    return {
      tookMs: Math.round(performance.now() - startedMs),
      gatewaysTold: names.length,
      untold: [...missing].sort().slice(0, MAX_UNTOLD),
    };
  }

  return {
    DRILL_CUT: handlerFor('DRILL_CUT', async (payload, { correlationId, apart }) => {
      const startedMs = performance.now();
      const target = targetOf(payload);
      const { tenant, service } = target;
      const holders = await holdersOf(db, target, lease);
      // A transaction of its own, as an UNLINK's: committed before anybody waits.
      const number = await apart(async (tx) => {
        const services = await keychain.cut(keysIn(tx), { ...target, untilMs: Date.parse(payload.until) });
        const reason = `a drill, until ${payload.until}`;
        return await tell(tx, target, services, { event: 'KEYS_CUT', reason, correlationId });
      });
      keychain.recheck();
      keychain.forget(tenant);
      if (service === null) streams.dropTenant(tenant);
      const outcome = await told(number, holders, startedMs);
      logger.warn({ tenant, service, until: payload.until, ...outcome, correlationId }, 'a drill has begun');
      const nowMs = Date.now();
      return {
        cutAt: new Date(nowMs).toISOString(),
        ...outcome,
        leasesEndBy: new Date(nowMs + lease.ttlMs + lease.graceMs).toISOString(),
      };
    }),

    DRILL_RESTORE: handlerFor('DRILL_RESTORE', async (payload, { correlationId, apart }) => {
      const startedMs = performance.now();
      const target = targetOf(payload);
      const { tenant, service } = target;
      const { number, held } = await apart(async (tx) => {
        const ended = await keychain.endCut(keysIn(tx), target);
        // Gateways remember a refusal for a moment: the push makes them ask anew.
        const reason = ended.held ? 'a drill was ended' : 'a drill had ended by itself';
        const event = { event: 'KEYS_RESTORED', reason, correlationId };
        return { number: await tell(tx, target, ended.held ? ended.services : [], event), held: ended.held };
      });
      keychain.recheck();
      const outcome = await told(number, [], startedMs);
      logger.warn({ tenant, service, held, ...outcome, correlationId }, 'a drill has ended');
      return { restoredAt: new Date().toISOString(), ...outcome, heldUntilNow: held };
    }),
  };
}

/** Null: all of the tenant's services. */
function targetOf({ drill, tenant, service }: JobPayload<'DRILL_RESTORE'>): Target {
  return {
    drill,
    tenant: parseTenantId(tenant),
    service: service === undefined ? null : parseServiceName(service),
  };
}
