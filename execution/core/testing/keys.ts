/** What several tests do with keys: lease an L3, make an L4 as a gateway or through the core, look at what came of it. */
import {
  parseServiceName,
  parseTenantId,
  type ServiceName,
  type TenantId,
} from '../../../contracts/index.ts';
import {
  generateKeyPair,
  l3Parent,
  leaseInfo,
  objectContext,
  openWith,
  SecretBytes,
  seal,
} from '../../envelope/index.ts';
import { type Attribute, attribute, Operation } from '../../kmip/index.ts';
import { type Caller, MeshOperation } from '../../mesh/index.ts';
import {
  fieldsFromTemplate,
  type ManagedObject,
  materialDigest,
  nameAttribute,
} from '../../objects/index.ts';
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

export async function lease(gateway: GatewayClient, tenant: TenantId = acme, service: ServiceName = billing) {
  const pair = await generateKeyPair();
  const response = await gateway.ask(MeshOperation.Lease, {
    tenant,
    service,
    recipientPublicKey: pair.publicKey,
    appliedHead: await headOf(gateway),
  });
  return { response, pair };
}

/** The active L3 of acme's billing. Throws when it is not granted. */
export async function leasedKey(region: TestRegion, gateway: GatewayClient) {
  const { response, pair } = await lease(gateway);
  const leased =
    response.outcome === 'granted'
      ? response.versions.find((version) => version.use === 'encrypt')
      : undefined;
  if (leased === undefined) throw new Error(`no lease: ${response.outcome}`);
  const { version } = leased;
  const info = leaseInfo({ region: region.config.region, tenant: acme, service: billing, version });
  return { key: await openWith(pair.privateKey, leased, info), version };
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
