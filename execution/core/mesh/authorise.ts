/**
 * The core authorises twice (D8): the gateway, may it speak for this tenant? and the caller it names, is that who the
 * registry says, and what may it do? A gateway that lies is refused, and the trail tells.
 */
import { inTransaction } from '../../../platform/postgres.ts';
import { KmipError } from '../../kmip/index.ts';
import type { TunnelRequest } from '../../mesh/index.ts';
import { appendAudit } from '../audit/trail.ts';
import type { Requester } from '../kmip/context.ts';
import { findIdentity } from '../store/registry.ts';
import type { MeshDependencies } from './dependencies.ts';
import type { GatewayPeer } from './gateways.ts';

/** A gateway serves its whole region; an entry with a tenant, which is no longer taken, grants no other one. */
export function mayServe({ identity }: GatewayPeer, tenant: string): boolean {
  return identity.tenant === null || identity.tenant === tenant;
}

/** Why a gateway's word is not taken. Stable codes of log and trail. */
export const tunnelRefusals = {
  GATEWAY_NOT_AUTHORISED: 'this gateway may not speak for the tenant',
  CALLER_UNKNOWN: 'the caller is not registered as an application',
  CALLER_MISMATCH: 'the caller is registered under another tenant or name than the gateway says',
} as const;
type TunnelRefusal = keyof typeof tunnelRefusals;

/** The caller as the core's own registry has it. Throws KmipError Permission Denied, after the trail has it. */
export async function authoriseCaller(
  deps: MeshDependencies,
  peer: GatewayPeer,
  { caller, correlationId }: TunnelRequest,
): Promise<Requester> {
  const found = await findIdentity(deps.db, caller.fingerprint);
  const refusal: TunnelRefusal | null = !mayServe(peer, caller.tenant)
    ? 'GATEWAY_NOT_AUTHORISED'
    : found === undefined || found.role !== 'application'
      ? 'CALLER_UNKNOWN'
      : found.tenant !== caller.tenant || found.name !== caller.application
        ? 'CALLER_MISMATCH'
        : null;
  if (refusal !== null || found === undefined) {
    const reason = refusal ?? 'CALLER_UNKNOWN';
    const { fingerprint, tenant, application } = caller;
    const event = { reason, fingerprint, tenant, application, correlationId, peer: peer.identity.name };
    deps.logger.warn(event, 'a tunnelled request was refused');
    await inTransaction(deps.db, (tx) =>
      appendAudit(tx, { source: deps.instance }, [{ event: 'TUNNEL_REFUSED', outcome: 'refused', ...event }]),
    );
    throw KmipError.permissionDenied(tunnelRefusals[reason]);
  }
  return {
    caller,
    scope: { tenant: caller.tenant, services: found.services },
    operations: found.operations,
    gateway: peer.identity.name,
    correlationId,
  };
}
