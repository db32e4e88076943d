/** Encrypt and Decrypt (KMIP 1.4 §4.29, §4.30) with a key that the gateway does not hold. */

import { decryptWith, encryptWith, takesRandomGcmIv } from '../../../cipher/index.ts';
import {
  attributeValue,
  type CryptographicParameters,
  CryptographicUsageMask,
  KmipError,
  knows,
  type Operation,
  ResultReason,
} from '../../../kmip/index.ts';
import { type ManagedObject, usageRefusal } from '../../../objects/index.ts';
import { spendRandomIv } from '../../store/random-ivs.ts';
import { type Handler, type OperationContext, RefusedError, uidOf } from '../context.ts';
import { handOver, noteObject, openMaterial, readObject, readToProtect } from '../objects.ts';

interface CipherRequest {
  readonly uniqueIdentifier?: string | undefined;
  readonly cryptographicParameters?: CryptographicParameters | undefined;
  readonly data?: Uint8Array | undefined;
  readonly ivCounterNonce?: Uint8Array | undefined;
  readonly authenticatedEncryptionAdditionalData?: Uint8Array | undefined;
  readonly correlationValue?: Uint8Array | undefined;
  readonly initIndicator?: boolean | undefined;
  readonly finalIndicator?: boolean | undefined;
}

/** §4.29: the request's parameters, else the first that the object was given. */
function parametersOf(request: CipherRequest, object: ManagedObject): CryptographicParameters | undefined {
  if (request.cryptographicParameters !== undefined) return request.cryptographicParameters;
  const attribute = object.attributes.find((a) => a.attributeName === 'Cryptographic Parameters');
  return attribute === undefined ? undefined : attributeValue(attribute, 'Cryptographic Parameters');
}

async function prepare(
  context: OperationContext,
  request: CipherRequest,
  read: (uid: string, sizeBytes: number) => Promise<ManagedObject>,
) {
  const uid = uidOf(request, context);
  if (request.correlationValue !== undefined || request.initIndicator !== request.finalIndicator) {
    throw KmipError.featureNotSupported('data is encrypted and decrypted in one request, not in parts');
  }
  const { data } = request;
  if (data === undefined) throw KmipError.invalidMessage('Data is required');
  const object = await read(uid, data.length);
  return {
    uid,
    object,
    input: {
      algorithm: object.cryptographicAlgorithm ?? 0,
      parameters: parametersOf(request, object),
      data,
      iv: request.ivCounterNonce,
      aad: request.authenticatedEncryptionAdditionalData,
      // KMIP got a field for the tag in 1.4 (§2.1.23); before, it is the end of Data.
      tag: knows(context.version, 4) ? ('field' as const) : ('appended' as const),
    },
  };
}

/** D5: random IVs come out of a budget; an IV that the client chose is on its own head, and in the trail. */
async function watchIv(
  context: OperationContext,
  object: ManagedObject,
  input: Parameters<typeof takesRandomGcmIv>[0],
): Promise<void> {
  if (!takesRandomGcmIv(input)) {
    if (input.iv !== undefined) noteObject(context, object, 'CLIENT_IV_USED');
  } else if (!(await spendRandomIv(context.tx, object.uid))) {
    throw new RefusedError(
      ResultReason.PermissionDenied,
      'as many random IVs as are safe have been used with this key; re-key it, or use another',
      'IV_BUDGET_SPENT',
      object.uid,
    );
  }
}

/** KMIP 1.4 §4.29 */
export const encryptHandler: Handler<typeof Operation.Encrypt> = async (request, context) => {
  const { uid, object, input } = await prepare(context, request, (wanted, sizeBytes) =>
    readToProtect(context, wanted, CryptographicUsageMask.Encrypt, sizeBytes),
  );
  await watchIv(context, object, input);
  using key = await openMaterial(context, object);
  const { data, iv, tag } = encryptWith(key, input);
  noteObject(context, object, 'OBJECT_USED');
  handOver(context, object);
  return { uniqueIdentifier: uid, data, ivCounterNonce: iv, authenticatedEncryptionTag: tag };
};

/** KMIP 1.4 §4.30 */
export const decryptHandler: Handler<typeof Operation.Decrypt> = async (request, context) => {
  const { uid, object, input } = await prepare(context, request, async (wanted) => {
    const found = await readObject(context, wanted);
    const refusal = usageRefusal(found, 'process', CryptographicUsageMask.Decrypt, context.nowS);
    if (refusal !== null) throw KmipError.permissionDenied(refusal);
    return found;
  });
  using key = await openMaterial(context, object);
  const data = context.lent.keep(
    decryptWith(key, { ...input, authenticationTag: request.authenticatedEncryptionTag }),
  );
  noteObject(context, object, 'OBJECT_USED');
  handOver(context, object);
  return { uniqueIdentifier: uid, data };
};
