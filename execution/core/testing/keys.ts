/** What several tests do with keys: lease an L3, make an L4 as a gateway or through the core, look at what came of it. */
import {
  parseServiceName,
  parseTenantId,
  type ServiceName,
  type TenantId,
} from '../../../contracts/index.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import {
  generateKeyPair,
  type KeyPair,
  l3Parent,
  objectContext,
  openLeasedKeys,
  SecretBytes,
  seal,
} from '../../envelope/index.ts';
import { type Attribute, attribute, Operation } from '../../kmip/index.ts';
import { type Caller, type LeaseRequest, type LeaseResponse, MeshOperation } from '../../mesh/index.ts';
import {
  fieldsFromTemplate,
  type ManagedObject,
  materialDigest,
  nameAttribute,
} from '../../objects/index.ts';
import type { RunningCore } from '../start.ts';
import { appendPushes } from '../store/pushes.ts';
import { keysIn } from '../store/tables.ts';
import { callerOf, type GatewayClient } from './gateway-client.ts';
import type { TestIdentity, TestRegion } from './region.ts';

export const acme = parseTenantId('acme');
export const billing = parseServiceName('billing');

/** Encrypt and Decrypt. */
const MASK = 12;

/** A 256-bit AES key for Encrypt and Decrypt, as Create's template says it. */
export const aesKey: readonly Attribute[] = [
  attribute('Cryptographic Algorithm', 3),
  attribute('Cryptographic Length', 256),
  attribute('Cryptographic Usage Mask', MASK),
];

/** Two tenants with an application each, and a registered gateway. */
export interface Populated {
  readonly gatewayIdentity: TestIdentity;
  /** Of acme, service billing. */
  readonly app: Caller;
  /** Of globex. */
  readonly other: Caller;
}

export async function populate(region: TestRegion): Promise<Populated> {
  for (const tenant of ['acme', 'globex']) {
    await region.job('TENANT_PROVISION', { tenant });
    await region.job('SERVICE_PROVISION', { tenant, service: 'billing' });
  }
  await region.job('SERVICE_PROVISION', { tenant: 'acme', service: 'payroll' });
  const gatewayIdentity = await region.gateway();
  const first = await region.application('app-1', 'acme', ['billing']);
  const second = await region.application('app-2', 'globex', ['billing']);
  return {
    gatewayIdentity,
    app: callerOf(first.fingerprint, 'acme', 'app-1'),
    other: callerOf(second.fingerprint, 'globex', 'app-2'),
  };
}

export async function headOf(gateway: GatewayClient): Promise<number> {
  return (await gateway.ask(MeshOperation.Sync, { after: 0 })).head;
}

/** The reasons of all events of this name in the region's trail. */
export async function auditReasons(region: TestRegion, event: string): Promise<(string | null)[]> {
  const rows = await region.core.db
    .selectFrom('core.audit_events')
    .select('reason')
    .where('event', '=', event)
    .orderBy('seq')
    .execute();
  return rows.map((row) => row.reason);
}

export async function lease(
  gateway: GatewayClient,
  tenant: TenantId = acme,
  service: ServiceName = billing,
  more: Partial<LeaseRequest> = {},
) {
  const pair = await generateKeyPair();
  const response = await gateway.ask(MeshOperation.Lease, {
    tenant,
    service,
    recipientPublicKey: pair.publicKey,
    appliedHead: more.appliedHead ?? (await headOf(gateway)),
    held: [],
    wanted: [],
    ...more,
  });
  return { response, pair };
}

/** The keys that a lease brought, by version. Throws when it was not granted. */
export async function openLease(
  region: TestRegion,
  { response, pair }: { response: LeaseResponse; pair: KeyPair },
  tenant: TenantId = acme,
  service: ServiceName = billing,
): Promise<Map<number, SecretBytes>> {
  if (response.outcome !== 'granted') throw new Error(`no lease: ${response.outcome}`);
  const { leaseKey, keys } = response;
  if (leaseKey === undefined) return new Map();
  return openLeasedKeys(
    pair.privateKey,
    { region: region.config.region, tenant, service },
    { leaseKey, keys },
  );
}

/** The active L3 of acme's billing. Throws when it is not granted. */
export async function leasedKey(region: TestRegion, gateway: GatewayClient) {
  const leased = await lease(gateway);
  const opened = await openLease(region, leased);
  const version = leased.response.outcome === 'granted' ? leased.response.activeVersion : 0;
  const key = opened.get(version);
  if (key === undefined) throw new Error('the lease lacks its active version');
  return { key, version };
}

/** A new active version of acme's billing, or of another service, with its push. Returns its number. */
export async function rotateL3(
  { db, keychain }: Pick<RunningCore, 'db' | 'keychain'>,
  kind: 'service.rotated' | 'service.flush' = 'service.rotated',
  tenant: TenantId = acme,
  service: ServiceName = billing,
): Promise<number> {
  return await inTransaction(db, async (tx) => {
    const { version } = await keychain.rotate(keysIn(tx), tenant, service);
    await appendPushes(tx, [{ kind, tenant, service, version }]);
    return version;
  });
}

/** A key as a gateway makes it. */
export async function madeByGateway(
  region: TestRegion,
  gateway: GatewayClient,
  uid: string,
  name?: string,
): Promise<ManagedObject> {
  const { key: l3, version } = await leasedKey(region, gateway);
  const material = SecretBytes.random(32);
  const context = objectContext(region.config.region, acme, billing, uid);
  const fields = fieldsFromTemplate({
    operation: 'create',
    objectType: 2,
    attributes: [...aesKey, ...(name === undefined ? [] : [nameAttribute(name)])],
    nowS: Math.floor(Date.now() / 1000),
  });
  return {
    ...fields,
    uid,
    tenant: acme,
    service: billing,
    keyFormatType: 1,
    digest: Uint8Array.from(material.use(materialDigest)),
    wrapped: Uint8Array.from(seal(l3Parent(acme, billing, version, l3), material, context)),
    revision: 1,
  };
}

/** A key that the core makes. Returns its UID. */
export async function createKey(
  gateway: GatewayClient,
  caller: Caller,
  ...extra: Attribute[]
): Promise<string> {
  const { uniqueIdentifier } = await gateway.run(caller, Operation.Create, {
    objectType: 2,
    templateAttribute: { attribute: [...aesKey, ...extra] },
  });
  return uniqueIdentifier;
}

export async function stateOf(gateway: GatewayClient, caller: Caller, uid: string): Promise<unknown> {
  const { attribute: found } = await gateway.run(caller, Operation.GetAttributes, {
    uniqueIdentifier: uid,
    attributeName: ['State'],
  });
  return found?.[0]?.attributeValue.value;
}
