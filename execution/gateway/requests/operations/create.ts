/** Create, KMIP 1.4 §4.1: a data encryption key (L4), made in this process and durable before the answer (D6). */
import { randomUUID } from 'node:crypto';
import type { ServiceName } from '../../../../contracts/index.ts';
import { SecretBytes } from '../../../envelope/index.ts';
import {
  type Attribute,
  CryptographicAlgorithm,
  ItemType,
  KeyFormatType,
  KmipError,
  ObjectType,
  Operation,
  operationSchemas,
  type RequestOf,
} from '../../../kmip/index.ts';
import { fieldsFromTemplate, type ManagedObject, materialDigest, namesOf } from '../../../objects/index.ts';
import type { Lease } from '../../keys/held-lease.ts';
import { GatewayRefusal } from '../../refusals.ts';
import { nameTaken } from '../../store/local-keys.ts';
import type { LocalResult, RequestContext } from '../context.ts';

export type CreateRequest = RequestOf<typeof Operation.Create>;

/**
 * Whether the request makes an L4: an AES key. Templates are objects of the core, and limits on usage are spent in
 * its blocks; such requests are the core's whole.
 */
export function isL4Create({ objectType, templateAttribute }: CreateRequest): boolean {
  if (objectType !== ObjectType.SymmetricKey || (templateAttribute.name ?? []).length > 0) return false;
  const attributes = templateAttribute.attribute ?? [];
  return !attributes.some(
    (attribute) =>
      attribute.attributeName === 'Usage Limits' || (isAlgorithm(attribute) && !isAes(attribute)),
  );
}

function isAlgorithm({ attributeName }: Attribute): boolean {
  return attributeName === 'Cryptographic Algorithm';
}

function isAes({ attributeValue }: Attribute): boolean {
  return attributeValue.type === ItemType.Enumeration && attributeValue.value === CryptographicAlgorithm.AES;
}

export async function create(request: CreateRequest, context: RequestContext): Promise<LocalResult> {
  const { services, requester } = context;
  const { tenant } = requester.identity;
  const service = serviceForNew(requester.identity.services);
  refuseWhenFull(context);
  const fields = fieldsFromTemplate({
    operation: 'create',
    objectType: request.objectType,
    attributes: request.templateAttribute.attribute ?? [],
    nowS: context.nowS,
  });
  const lengthBits = fields.cryptographicLength;
  if (lengthBits === undefined) throw KmipError.missingData('Cryptographic Length is required');
  const lease = services.leases.current(tenant, service) ?? (await services.leases.acquire(tenant, service));

  const key = SecretBytes.random(lengthBits / 8);
  try {
    const uid = randomUUID();
    const object: ManagedObject = {
      ...fields,
      uid,
      tenant,
      service,
      keyFormatType: KeyFormatType.Raw,
      digest: key.use(materialDigest),
      wrapped: wrapNew(context, uid, key, lease),
      revision: 1,
    };
    if (context.staged === undefined) {
      await store([object], context);
      services.ring.keep(object, key);
    } else {
      refuseTakenNames(object, context);
      context.staged.add(object, key);
    }
    const payload = operationSchemas[Operation.Create].response.write(
      { objectType: object.objectType, uniqueIdentifier: uid },
      context.version,
    );
    return { payload, idPlaceholder: uid };
  } catch (error) {
    key.wipe();
    throw error;
  }
}

/** Makes new keys durable, all or none, with their entries for the audit trail. */
export async function store(objects: readonly ManagedObject[], context: RequestContext): Promise<void> {
  const { services } = context;
  let isNoted = false;
  try {
    await services.store.keys.insert(objects, () => {
      for (const object of objects) services.audit.created(object, context);
      isNoted = true;
    });
  } catch (error) {
    // The trail is where the keys are not: it has said too much.
    if (isNoted && !services.store.keys.answersAtOnce)
      for (const object of objects) services.audit.notCreated(object, context, KmipError.from(error).code);
    throw error;
  }
  services.announcer.kick();
}

/** KMIP 1.4 §11.2. Only this gateway's own names: the core serialises claims among all (D6). */
function refuseTakenNames(object: ManagedObject, { services, staged }: RequestContext): void {
  for (const name of namesOf(object)) {
    const others = (staged?.all() ?? []).filter(({ object: other }) => other.uid !== object.uid);
    const taken =
      services.store.keys.isNameTaken(object.tenant, name) ||
      others.some(({ object: other }) => namesOf(other).includes(name));
    if (taken) throw nameTaken(name);
  }
}

function wrapNew(context: RequestContext, uid: string, key: SecretBytes, lease: Lease): Uint8Array {
  return context.services.ring.wrap(uid, key, lease);
}

function refuseWhenFull({ services }: RequestContext): void {
  const { keys } = services.store;
  if (!keys.status().up) throw new GatewayRefusal('STORE_UNREACHABLE');
  if (keys.backlog >= services.backlogLimit) throw new GatewayRefusal('BACKLOG_FULL');
  if (services.audit.isFull) throw new GatewayRefusal('AUDIT_FULL');
}

/** New objects of an application belong to the first of its services. */
function serviceForNew(services: readonly ServiceName[]): ServiceName {
  const [service] = services;
  if (service === undefined) throw new GatewayRefusal('SERVICE_NOT_PERMITTED');
  return service;
}
