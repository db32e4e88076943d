/** Encrypt and Decrypt, KMIP 1.4 §4.29 and §4.30, with an L4 that this gateway holds or under a service's L3. */
import {
  type CipherSetup,
  decryptWith,
  encryptWith,
  partOf,
  takesRandomNonce,
} from '../../../cipher/index.ts';
import {
  attributeValue,
  type CryptographicParameters,
  KmipError,
  knows,
  type Version,
} from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import type { HeldKey } from '../../keys/key-cache.ts';
import { MAX_L3_DATA_BYTES } from '../../limits.ts';
import { type LocalResult, openKey, ownService, type RequestContext, requireUse } from '../context.ts';
import { unwrapData, wrapData } from '../l3-data.ts';
import {
  beginDecrypt,
  beginEncrypt,
  type DecryptRequest,
  dataOf,
  decrypted,
  decryptOn,
  type EncryptRequest,
  encrypted,
  encryptOn,
} from './cipher-parts.ts';

export function encrypt(
  request: EncryptRequest,
  object: ManagedObject,
  context: RequestContext,
): LocalResult | Promise<LocalResult> {
  requireUse(object, 'encrypt', context.nowS);
  const held = openKey(context, object);
  return held instanceof Promise
    ? held.then((key) => runEncrypt(request, key, context))
    : runEncrypt(request, held, context);
}

export function decrypt(
  request: DecryptRequest,
  object: ManagedObject,
  context: RequestContext,
): LocalResult | Promise<LocalResult> {
  requireUse(object, 'decrypt', context.nowS);
  const held = openKey(context, object);
  return held instanceof Promise
    ? held.then((key) => runDecrypt(request, key, context))
    : runDecrypt(request, held, context);
}

/** Asks again whether the object may be used: waiting for its key may have brought a revocation (D7). */
function runEncrypt(request: EncryptRequest, { object, key }: HeldKey, context: RequestContext): LocalResult {
  requireUse(object, 'encrypt', context.nowS);
  const part = partOf(request);
  if (part.kind === 'next') return encryptOn(request, part, object, context);
  const setup = setupOf(request, object, context);
  const { services } = context;
  if (takesRandomNonce(setup)) services.ivBudget.spend(object.uid);
  else if (setup.iv !== undefined) services.audit.clientIv(object, context);
  if (part.kind === 'first') return beginEncrypt(key, setup, request, object, context);
  const { data, iv, tag } = encryptWith(key, { ...setup, data: dataOf(request, part) });
  return encrypted(
    { uniqueIdentifier: object.uid, data, ivCounterNonce: iv, authenticatedEncryptionTag: tag },
    context,
  );
}

function runDecrypt(request: DecryptRequest, { object, key }: HeldKey, context: RequestContext): LocalResult {
  requireUse(object, 'decrypt', context.nowS);
  const part = partOf(request);
  if (part.kind === 'next') return decryptOn(request, part, object, context);
  const setup = setupOf(request, object, context);
  if (part.kind === 'first') return beginDecrypt(key, setup, request, object, context);
  const data = decryptWith(key, {
    ...setup,
    data: dataOf(request, part),
    authenticationTag: request.authenticatedEncryptionTag,
  });
  return decrypted({ uniqueIdentifier: object.uid, data }, context);
}

function setupOf(
  request: EncryptRequest | DecryptRequest,
  object: ManagedObject,
  { version, services }: RequestContext,
): CipherSetup {
  return {
    algorithm: object.cryptographicAlgorithm ?? 0,
    parameters: parametersFor(request.cryptographicParameters, object, version),
    iv: request.ivCounterNonce,
    aad: request.authenticatedEncryptionAdditionalData,
    tag: tagPlace(version),
    allowWeak: services.allowWeak,
  };
}

/** The data key of the caller, wrapped under its service's L3: Data is the whole envelope, IV and tag included. */
export async function encryptUnderL3(
  request: EncryptRequest,
  address: string,
  context: RequestContext,
): Promise<LocalResult> {
  const { services, requester } = context;
  const { tenant } = requester.identity;
  const service = ownService(context, address);
  refuseL3Options(request);
  const data = wholeData(request);
  if (data.length > MAX_L3_DATA_BYTES) {
    throw KmipError.invalidField(
      `a service key wraps at most ${MAX_L3_DATA_BYTES} bytes; encrypt bulk data with a data key`,
    );
  }
  const lease = services.leases.current(tenant, service) ?? (await services.leases.acquire(tenant, service));
  const place = {
    region: services.region,
    tenant,
    service,
    aad: request.authenticatedEncryptionAdditionalData,
  };
  return encrypted({ uniqueIdentifier: address, data: wrapData(lease, place, data) }, context);
}

export async function decryptUnderL3(
  request: DecryptRequest,
  address: string,
  context: RequestContext,
): Promise<LocalResult> {
  const { services, requester } = context;
  const { tenant } = requester.identity;
  const service = ownService(context, address);
  refuseL3Options(request);
  const place = {
    region: services.region,
    tenant,
    service,
    aad: request.authenticatedEncryptionAdditionalData,
  };
  const data = await unwrapData(services.leases, place, wholeData(request));
  return decrypted({ uniqueIdentifier: address, data }, context);
}

/** §4.29: the request's own parameters, else the object's with the lowest index, else our default. */
function parametersFor(
  requested: CryptographicParameters | undefined,
  object: ManagedObject,
  version: Version,
): CryptographicParameters | undefined {
  if (requested !== undefined) return requested;
  const own = object.attributes.find(({ attributeName }) => attributeName === 'Cryptographic Parameters');
  return own === undefined ? undefined : attributeValue(own, 'Cryptographic Parameters', version);
}

/** @throws KmipError Feature Not Supported for parts, Missing Data. */
function wholeData(request: EncryptRequest | DecryptRequest): Uint8Array {
  const part = partOf(request);
  if (part.kind === 'whole') return dataOf(request, part);
  throw KmipError.featureNotSupported('a service key wraps in one request, not in parts');
}

function refuseL3Options({ cryptographicParameters, ivCounterNonce }: EncryptRequest | DecryptRequest): void {
  if (cryptographicParameters !== undefined || ivCounterNonce !== undefined) {
    throw KmipError.featureNotSupported(
      'a service key wraps in its own authenticated format; leave Cryptographic Parameters and IV/Counter/Nonce out',
    );
  }
}

/** Clients of KMIP 1.2 and 1.3 have no field for the tag. */
function tagPlace(version: Version): 'field' | 'appended' {
  return knows(version, 4) ? 'field' : 'appended';
}
