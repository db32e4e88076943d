/** Get, KMIP 1.4 §4.11, of an L4 that this gateway holds: in the clear, or wrapped by another key that it holds. */
import { aesKeyWrapper, isKeyWrapMode, type KeyWrapper, wrapKeyBlock } from '../../../cipher/index.ts';
import {
  CryptographicAlgorithm,
  ItemType,
  type KeyBlock,
  KeyFormatType,
  type KeyWrappingSpecification,
  KeyWrapType,
  KmipError,
  ObjectType,
  Operation,
  operationSchemas,
  type RequestOf,
  ResultReason,
  structureItem,
  Tag,
  WrappingMethod,
} from '../../../kmip/index.ts';
import {
  attributesNamed,
  isExtractable,
  isFresh,
  isSensitive,
  type ManagedObject,
} from '../../../objects/index.ts';
import { isL3Address } from '../../../routing/index.ts';
import type { HeldKey } from '../../keys/key-cache.ts';
import { GatewayRefusal } from '../../refusals.ts';
import {
  findOwn,
  type LocalResult,
  openKey,
  ownService,
  type RequestContext,
  requireOnline,
  requireUse,
} from '../context.ts';
import { wrapData } from '../l3-data.ts';

export type GetRequest = RequestOf<typeof Operation.Get>;

/**
 * Whether all that the request names is here, and in a form that is made here: the object, the wrapping key, NIST key wrap.
 * Everything else is left to the core. Under a service key nobody but a gateway wraps, so that such a request stays.
 */
export function canGetLocally(request: GetRequest, object: ManagedObject, context: RequestContext): boolean {
  const { keyWrappingSpecification: specification } = request;
  const wrapper = specification?.encryptionKeyInformation;
  if (wrapper !== undefined && isL3Address(wrapper.uniqueIdentifier)) return true;
  if ((object.keyFormatType ?? KeyFormatType.Raw) !== KeyFormatType.Raw || !isPlainForm(request))
    return false;
  if (specification === undefined) return true;
  if (wrapper === undefined || specification.wrappingMethod !== WrappingMethod.Encrypt) return false;
  if (specification.macSignatureKeyInformation !== undefined || request.keyFormatType !== undefined)
    return false;
  const { blockCipherMode, ...others } = wrapper.cryptographicParameters ?? {};
  if (blockCipherMode !== undefined && !isKeyWrapMode(blockCipherMode)) return false;
  if (Object.values(others).some((value) => value !== undefined)) return false;
  const key = findOwn(context, wrapper.uniqueIdentifier);
  // A key with parameters of its own wraps as they say (§2.1.6), and one with Usage Limits spends of them (§3.21).
  return (
    key?.cryptographicAlgorithm === CryptographicAlgorithm.AES &&
    !key.attributes.some(
      ({ attributeName }) => attributeName === 'Cryptographic Parameters' || attributeName === 'Usage Limits',
    )
  );
}

/** Not wrapped as registered: nothing that a gateway holds was registered that way. */
function isPlainForm({ keyFormatType, keyCompressionType, keyWrapType }: GetRequest): boolean {
  return (
    keyCompressionType === undefined &&
    (keyWrapType === undefined || keyWrapType === KeyWrapType.NotWrapped) &&
    (keyFormatType === undefined ||
      keyFormatType === KeyFormatType.Raw ||
      keyFormatType === KeyFormatType.TransparentSymmetricKey)
  );
}

export function get(
  request: GetRequest,
  object: ManagedObject,
  context: RequestContext,
): LocalResult | Promise<LocalResult> {
  refuseForms(request);
  const specification = request.keyWrappingSpecification;
  requireReadable(object, specification !== undefined);
  // No key leaves without an entry in the trail.
  if (context.services.audit.isFull) throw new GatewayRefusal('AUDIT_FULL');
  return isFresh(object) ? firstGet(request, object, context) : give(request, object, context);
}

/** §3.34: that the object has been served is durable before it is, and the core hears of it before it is asked. */
async function firstGet(
  request: GetRequest,
  object: ManagedObject,
  context: RequestContext,
): Promise<LocalResult> {
  const { services, staged } = context;
  if (staged?.get(object.uid) === undefined) await services.ring.markServed(object);
  else staged.markServed(object.uid);
  services.announcer.kick();
  const now = findOwn(context, object.uid);
  if (now === undefined) throw new GatewayRefusal('LEASE_LOST');
  return give(request, now, context);
}

function give(
  request: GetRequest,
  object: ManagedObject,
  context: RequestContext,
): LocalResult | Promise<LocalResult> {
  const specification = request.keyWrappingSpecification;
  const held = openKey(context, object);
  if (specification !== undefined)
    return Promise.resolve(held).then((key) => wrapped(key, request, specification, context));
  return held instanceof Promise
    ? held.then((key) => plain(key, request, context))
    : plain(held, request, context);
}

/** @throws KmipError Object Archived, Not Extractable, Sensitive. */
function requireReadable(object: ManagedObject, isWrapped: boolean): void {
  requireOnline(object);
  if (!isExtractable(object))
    throw new KmipError(ResultReason.NotExtractable, 'the object is not Extractable');
  if (!isWrapped && isSensitive(object)) {
    throw new KmipError(ResultReason.Sensitive, 'the object is Sensitive; ask for it wrapped');
  }
}

/** Asks again whether the key may be given out: waiting for it may have brought a change (D7). */
function plain({ object, key }: HeldKey, request: GetRequest, context: RequestContext): LocalResult {
  requireReadable(object, false);
  const material = context.lent.copyOf(key);
  const keyFormatType = request.keyFormatType ?? KeyFormatType.Raw;
  const keyMaterial =
    keyFormatType === KeyFormatType.TransparentSymmetricKey
      ? structureItem(Tag.KeyMaterial, [{ tag: Tag.Key, type: ItemType.ByteString, value: material }])
      : material;
  return answer(object, { keyFormatType, keyValue: { keyMaterial }, ...shapeOf(object) }, context);
}

async function wrapped(
  { object: opened, key }: HeldKey,
  request: GetRequest,
  specification: KeyWrappingSpecification,
  context: RequestContext,
): Promise<LocalResult> {
  // Copied before anything waits: the cache may wipe its key while the wrapping key is being opened.
  const material = context.lent.copyOf(key);
  const information = specification.encryptionKeyInformation;
  if (information === undefined) {
    throw KmipError.featureNotSupported('keys are wrapped by encryption; name an Encryption Key Information');
  }
  if (request.keyFormatType === KeyFormatType.TransparentSymmetricKey) {
    throw KmipError.featureNotSupported('a key in a transparent format cannot be wrapped; ask for Raw');
  }
  const mode = information.cryptographicParameters?.blockCipherMode;
  const wrapper = await wrapperFor(information.uniqueIdentifier, mode, context);
  // As the object is by now: both keys may have been waited for.
  const object = findOwn(context, opened.uid);
  if (object === undefined) throw new GatewayRefusal('LEASE_LOST');
  requireReadable(object, true);
  const keyBlock = wrapKeyBlock(
    {
      keyFormatType: KeyFormatType.Raw,
      material,
      ...shapeOf(object),
      attributes: attributesNamed(object, specification.attributeName ?? [], context.nowS),
    },
    specification,
    { encryption: wrapper },
    context.version,
  );
  return answer(object, keyBlock, context);
}

/** Under an L3 the wrapped value is an envelope, which Decrypt with the same `l3:` address opens. */
async function wrapperFor(
  uid: string,
  mode: number | undefined,
  context: RequestContext,
): Promise<KeyWrapper> {
  if (!isL3Address(uid)) {
    const wrapping = findOwn(context, uid);
    if (wrapping === undefined) throw KmipError.itemNotFound('the wrapping key does not exist');
    requireUse(wrapping, 'wrap', context.nowS);
    const { key, object } = await openKey(context, wrapping);
    requireUse(object, 'wrap', context.nowS);
    return aesKeyWrapper(uid, key, object.cryptographicAlgorithm, mode);
  }
  const { services, requester } = context;
  const { tenant } = requester.identity;
  const service = ownService(context, uid);
  if (mode !== undefined) {
    throw KmipError.featureNotSupported('a service key wraps in its own format; leave Block Cipher Mode out');
  }
  const lease = services.leases.current(tenant, service) ?? (await services.leases.acquire(tenant, service));
  const place = { region: services.region, tenant, service, aad: undefined };
  return { uniqueIdentifier: uid, wrap: (bytes) => ({ wrapped: wrapData(lease, place, bytes) }) };
}

function refuseForms({ keyFormatType, keyCompressionType, keyWrapType }: GetRequest): void {
  if (keyCompressionType !== undefined) {
    throw KmipError.keyCompressionTypeNotSupported(
      'a symmetric key is not compressed; leave Key Compression Type out',
    );
  }
  if (keyWrapType !== undefined && keyWrapType !== KeyWrapType.NotWrapped) {
    throw KmipError.featureNotSupported('objects are held unwrapped; leave Key Wrap Type out');
  }
  if (
    keyFormatType !== undefined &&
    keyFormatType !== KeyFormatType.Raw &&
    keyFormatType !== KeyFormatType.TransparentSymmetricKey
  ) {
    throw KmipError.keyFormatTypeNotSupported('a symmetric key is given as Raw or Transparent Symmetric Key');
  }
}

function shapeOf({ cryptographicAlgorithm, cryptographicLength }: ManagedObject) {
  return { cryptographicAlgorithm, cryptographicLength };
}

function answer(object: ManagedObject, keyBlock: KeyBlock, context: RequestContext): LocalResult {
  const payload = operationSchemas[Operation.Get].response.write(
    {
      objectType: object.objectType,
      uniqueIdentifier: object.uid,
      object: { objectType: ObjectType.SymmetricKey, keyBlock },
    },
    context.version,
  );
  context.services.audit.read(object, context);
  return { payload };
}
