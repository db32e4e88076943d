/** Decrypt (KMIP 1.4 §4.30): with a symmetric key that the gateway does not hold, or with a private one. */
import { decryptor, decryptWith, decryptWithRsa, type Part, partOf } from '../../../cipher/index.ts';
import {
  CryptographicUsageMask,
  KmipError,
  knows,
  ObjectType,
  Operation,
  type RequestOf,
  type ResponseOf,
} from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import {
  asymmetricOptions,
  dataOf,
  isAsymmetric,
  keyFor,
  keyObject,
  noteUse,
  parametersOf,
  requireType,
  streamFor,
  unlessEmpty,
} from '../cryptography.ts';
import { handOver, openMaterial } from '../objects.ts';

type DecryptRequest = RequestOf<typeof Operation.Decrypt>;
type DecryptResponse = ResponseOf<typeof Operation.Decrypt>;

const use = { purpose: 'process', mask: CryptographicUsageMask.Decrypt } as const;

export const decryptHandler: Handler<typeof Operation.Decrypt> = async (request, context) => {
  const part = partOf(request);
  const data = dataOf(request, part);
  if (part.kind === 'next') return await goOn(request, part, data, context);
  const uid = uidOf(request, context);
  const object = await keyFor(context, uid, use, data.length);
  noteUse(context, object);
  if (isAsymmetric(object)) return await withPrivateKey(request, part, { uid, object, data }, context);
  requireType(object, ObjectType.SymmetricKey);
  const setup = {
    algorithm: object.cryptographicAlgorithm ?? 0,
    parameters: parametersOf(request, object),
    iv: request.ivCounterNonce,
    aad: request.authenticatedEncryptionAdditionalData,
    tag: knows(context.version, 4) ? ('field' as const) : ('appended' as const),
    allowWeak: context.allowWeak,
  };
  using key = await openMaterial(context, object);
  handOver(context, object);
  const { authenticatedEncryptionTag: tag } = request;
  if (part.kind === 'whole') {
    const plain = decryptWith(key, { ...setup, data, authenticationTag: tag });
    return { uniqueIdentifier: uid, data: context.lent.keep(plain) };
  }
  const work = decryptor(key, setup);
  const stream = context.turn.open({
    operation: Operation.Decrypt,
    uid,
    work: { decryptor: work, tag },
    discard: () => work.discard(),
    heldBytes: () => work.heldBytes,
  });
  context.turn.count(stream, data.length);
  const plain = context.lent.keep(work.update(data));
  return { uniqueIdentifier: uid, data: unlessEmpty(plain), correlationValue: stream.correlationValue };
};

/** A later part. The tag belongs to the first (§4.30); one that comes later is taken as well, once. */
async function goOn(
  request: DecryptRequest,
  part: Part & { kind: 'next' },
  data: Uint8Array,
  context: OperationContext,
): Promise<DecryptResponse> {
  const { authenticatedEncryptionTag: tag, authenticatedEncryptionAdditionalData: aad } = request;
  if (aad !== undefined) {
    throw KmipError.invalidField('Authenticated Encryption Additional Data belongs to the first part');
  }
  const wanted = { operation: Operation.Decrypt, uid: request.uniqueIdentifier, use } as const;
  const { stream, uid } = await streamFor(context, part, wanted, data.length);
  const { work } = stream;
  work.tag ??= tag;
  const out = context.lent.keep(work.decryptor.update(data));
  if (!part.isLast) {
    return { uniqueIdentifier: uid, data: unlessEmpty(out), correlationValue: stream.correlationValue };
  }
  const rest = context.lent.keep(work.decryptor.final(work.tag));
  return { uniqueIdentifier: uid, data: unlessEmpty(context.lent.keep(Buffer.concat([out, rest]))) };
}

async function withPrivateKey(
  request: DecryptRequest,
  part: Part,
  { uid, object, data }: { uid: string; object: ManagedObject; data: Uint8Array },
  context: OperationContext,
): Promise<DecryptResponse> {
  requireType(object, ObjectType.PrivateKey);
  if (part.kind !== 'whole') {
    throw KmipError.featureNotSupported('RSA decrypts in one request, not in parts');
  }
  const key = await keyObject(context, object);
  const plain = decryptWithRsa(key, data, parametersOf(request, object), asymmetricOptions(context));
  return { uniqueIdentifier: uid, data: context.lent.keep(plain) };
}
