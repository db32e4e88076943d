/** Encrypt (KMIP 1.4 §4.29): with a symmetric key that the gateway does not hold, or with a public one. */
import {
  type CipherSetup,
  encryptor,
  encryptWith,
  encryptWithRsa,
  type Part,
  partOf,
  takesRandomNonce,
} from '../../../cipher/index.ts';
import {
  CryptographicUsageMask,
  KmipError,
  knows,
  ObjectType,
  Operation,
  type RequestOf,
  type ResponseOf,
  ResultReason,
} from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import { spendRandomIv } from '../../store/random-ivs.ts';
import { type Handler, type OperationContext, RefusedError, uidOf } from '../context.ts';
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
import { handOver, noteObject, openMaterial } from '../objects.ts';

type EncryptRequest = RequestOf<typeof Operation.Encrypt>;
type EncryptResponse = ResponseOf<typeof Operation.Encrypt>;

const use = { purpose: 'protect', mask: CryptographicUsageMask.Encrypt } as const;

export const encryptHandler: Handler<typeof Operation.Encrypt> = async (request, context) => {
  const part = partOf(request);
  const data = dataOf(request, part);
  if (part.kind === 'next') return await goOn(request, part, data, context);
  const uid = uidOf(request, context);
  const object = await keyFor(context, uid, use, data.length);
  noteUse(context, object);
  if (isAsymmetric(object)) return await withPublicKey(request, part, { uid, object, data }, context);
  requireType(object, ObjectType.SymmetricKey);
  const setup = setupOf(request, object, context);
  await watchIv(context, object, setup);
  using key = await openMaterial(context, object);
  handOver(context, object);
  if (part.kind === 'whole') {
    const { data: encrypted, iv, tag } = encryptWith(key, { ...setup, data });
    return {
      uniqueIdentifier: uid,
      data: encrypted,
      ivCounterNonce: iv,
      authenticatedEncryptionTag: tag,
    };
  }
  const work = encryptor(key, setup);
  const stream = context.turn.open({
    operation: Operation.Encrypt,
    uid,
    work,
    discard: () => work.discard(),
    heldBytes: () => work.heldBytes,
  });
  context.turn.count(stream, data.length);
  return {
    uniqueIdentifier: uid,
    data: unlessEmpty(work.update(data)),
    ivCounterNonce: work.iv,
    correlationValue: stream.correlationValue,
  };
};

/** A later part: what it repeats of parameters and IV is not looked at again. */
async function goOn(
  request: EncryptRequest,
  part: Part & { kind: 'next' },
  data: Uint8Array,
  context: OperationContext,
): Promise<EncryptResponse> {
  if (request.authenticatedEncryptionAdditionalData !== undefined) {
    throw KmipError.invalidField('Authenticated Encryption Additional Data belongs to the first part');
  }
  const wanted = { operation: Operation.Encrypt, uid: request.uniqueIdentifier, use } as const;
  const { stream, uid } = await streamFor(context, part, wanted, data.length);
  const out = stream.work.update(data);
  if (!part.isLast) {
    return {
      uniqueIdentifier: uid,
      data: unlessEmpty(out),
      correlationValue: stream.correlationValue,
    };
  }
  const { data: rest, tag } = stream.work.final();
  return {
    uniqueIdentifier: uid,
    data: unlessEmpty(Buffer.concat([out, rest])),
    authenticatedEncryptionTag: tag,
  };
}

async function withPublicKey(
  request: EncryptRequest,
  part: Part,
  { uid, object, data }: { uid: string; object: ManagedObject; data: Uint8Array },
  context: OperationContext,
): Promise<EncryptResponse> {
  if (part.kind !== 'whole') {
    throw KmipError.featureNotSupported('RSA encrypts in one request, not in parts');
  }
  if (request.ivCounterNonce !== undefined || request.authenticatedEncryptionAdditionalData !== undefined) {
    throw KmipError.invalidField('RSA takes neither IV/Counter/Nonce nor additional data');
  }
  const key = await keyObject(context, object);
  const encrypted = encryptWithRsa(key, data, parametersOf(request, object), asymmetricOptions(context));
  return { uniqueIdentifier: uid, data: encrypted };
}

function setupOf(request: EncryptRequest, object: ManagedObject, context: OperationContext): CipherSetup {
  return {
    algorithm: object.cryptographicAlgorithm ?? 0,
    parameters: parametersOf(request, object),
    iv: request.ivCounterNonce,
    aad: request.authenticatedEncryptionAdditionalData,
    // KMIP got a field for the tag in 1.4 (§2.1.23); before, it is the end of Data.
    tag: knows(context.version, 4) ? 'field' : 'appended',
    allowWeak: context.allowWeak,
  };
}

/** D5: random nonces come out of a budget; an IV that the client chose is on its own head, and in the trail. */
async function watchIv(context: OperationContext, object: ManagedObject, setup: CipherSetup): Promise<void> {
  if (!takesRandomNonce(setup)) {
    if (setup.iv !== undefined) noteObject(context, object, 'CLIENT_IV_USED');
  } else if (!(await spendRandomIv(context.tx, object.uid))) {
    throw new RefusedError(
      ResultReason.PermissionDenied,
      'as many random IVs as are safe have been used with this key; re-key it, or use another',
      'IV_BUDGET_SPENT',
      object.uid,
    );
  }
}
