/** Lease (D3, D7): a service's L3 versions for a gateway that has applied every push, sealed to its own key. */
import { type HpkeMessage, leaseInfo, sealTo } from '../../envelope/index.ts';
import { KeychainError, type ServiceKeys } from '../../keychain/index.ts';
import { KmipError } from '../../kmip/index.ts';
import type { LeaseRefusal, LeaseRequest, LeaseResponse } from '../../mesh/index.ts';
import { asKmipError } from '../kmip/objects.ts';
import { readHead } from '../store/pushes.ts';
import { mayServe } from './authorise.ts';
import type { MeshDependencies } from './dependencies.ts';
import type { GatewayPeer } from './gateways.ts';

const refusals: Readonly<Partial<Record<KeychainError['code'], LeaseRefusal>>> = {
  LINK_CLOSED: 'LINK_CLOSED',
  EPOCH_CLOSED: 'LINK_CLOSED',
  LINK_EXPIRED: 'LINK_EXPIRED',
  TENANT_UNKNOWN: 'TENANT_UNKNOWN',
  SERVICE_UNKNOWN: 'SERVICE_UNKNOWN',
  SEALED: 'SEALED',
};

export async function lease(
  deps: MeshDependencies,
  peer: GatewayPeer,
  request: LeaseRequest,
): Promise<LeaseResponse> {
  const { tenant, service, appliedHead } = request;
  const before = await readHead(deps.db);
  // Ahead of the region is no better than behind it: that gateway has seen another database.
  if (appliedHead !== before) return { outcome: 'behind', head: before };
  if (!mayServe(peer, tenant)) return { outcome: 'refused', reason: 'NOT_AUTHORISED', head: before };
  let sealed: Promise<{ version: number; use: 'encrypt' | 'decrypt' } & HpkeMessage>[];
  try {
    // Sealing starts before the next await, while the borrowed keys are sure to be there.
    sealed = sealAll(deps, request, await deps.keychain.serviceKeys(tenant, service));
  } catch (error) {
    const reason = error instanceof KeychainError ? refusals[error.code] : undefined;
    if (reason === undefined) throw KmipError.from(asKmipError(error));
    return { outcome: 'refused', reason, head: before };
  }
  const versions = await Promise.all(sealed);
  // A closure that was committed meanwhile has moved the head: its push must come first.
  const head = await readHead(deps.db);
  if (head !== appliedHead) return { outcome: 'behind', head };
  return { outcome: 'granted', versions, ...deps.lease, head };
}

function sealAll(deps: MeshDependencies, request: LeaseRequest, keys: ServiceKeys) {
  const { tenant, service, recipientPublicKey } = request;
  return keys.versions.map(async ({ version, use, key }) => {
    const info = leaseInfo({ region: deps.region, tenant, service, version });
    return { version, use, ...(await sealTo(recipientPublicKey, key, info)) };
  });
}
