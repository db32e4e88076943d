/**
 * Heartbeat (D7): what the gateway has applied, the leases that live on and whether they are still what they were, and
 * its audit events into the region's trail.
 */
import { inTransaction } from '../../../platform/postgres.ts';
import { KeychainError, type KeychainErrorCode } from '../../keychain/index.ts';
import { KmipError } from '../../kmip/index.ts';
import type { HeartbeatRequest, HeartbeatResponse } from '../../mesh/index.ts';
import { appendAudit } from '../audit/trail.ts';
import { asKmipError } from '../kmip/objects.ts';
import { noteGateway } from '../store/gateways.ts';
import { noteLeases } from '../store/leases.ts';
import { readHead } from '../store/pushes.ts';
import { mayServe } from './authorise.ts';
import type { MeshDependencies } from './dependencies.ts';
import type { GatewayPeer } from './gateways.ts';
import { etagOf } from './lease.ts';

/**
 * These end a lease. A sealed core is a heartbeat that failed. Anything else, as a tenant's damaged record, concerns that lease
 * alone: nothing can be said of it, and its TTL and grace run on.
 */
const ended: ReadonlySet<KeychainErrorCode> = new Set([
  'LINK_CLOSED',
  'LINK_EXPIRED',
  'EPOCH_CLOSED',
  'TENANT_UNKNOWN',
  'SERVICE_UNKNOWN',
]);

export async function heartbeat(
  deps: MeshDependencies,
  peer: GatewayPeer,
  { appliedHead, backlog, leases, audit }: HeartbeatRequest,
): Promise<HeartbeatResponse> {
  deps.gateways.seen(peer, { appliedHead, backlog, leases: leases.length });
  if (deps.gateways.isToBeNoted(peer)) await noteGateway(deps.db, peer.identity.fingerprint);
  if (deps.gateways.areLeasesToBeNoted(peer)) {
    const { fingerprint } = peer.identity;
    await noteLeases(deps.db, { fingerprint, process: peer.address }, leases);
  }
  if (audit.length > 0) {
    const source = peer.identity.name;
    // An id is unique at its source: prefixed, no gateway can make another's event look like a repetition.
    const events = audit.map((event) => ({
      ...event,
      id: `${peer.identity.fingerprint.slice(0, 16)}:${event.id}`,
    }));
    await inTransaction(deps.db, (tx) => appendAudit(tx, { source }, events));
  }
  const renewed = [];
  const unknown = [];
  for (const { tenant, service } of leases) {
    if (!mayServe(peer, tenant)) continue;
    try {
      const etag = etagOf(await deps.keychain.serviceKeys(tenant, service));
      renewed.push({ tenant, service, ttlMs: deps.lease.ttlMs, etag });
    } catch (error) {
      if (!(error instanceof KeychainError) || error.code === 'SEALED')
        throw KmipError.from(asKmipError(error));
      if (!ended.has(error.code)) unknown.push({ tenant, service });
    }
  }
  return { head: await readHead(deps.db), renewed, unknown };
}
