/** Get (KMIP 1.4 §4.11) of an object that the gateway does not hold, or wants in a form it does not make. */

import { aesKeyWrapper, wrapKeyBlock } from '../../../cipher/index.ts';
import {
  CryptographicUsageMask,
  type KeyWrappingSpecification,
  KeyWrapType,
  KmipError,
  type KmipObject,
  ObjectType,
  type Operation,
  ResultReason,
} from '../../../kmip/index.ts';
import {
  attributesNamed,
  formatFor,
  isExtractable,
  isSensitive,
  kmipObjectOf,
  type ManagedObject,
} from '../../../objects/index.ts';
import { isL3Address } from '../../../routing/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { handOver, noteObject, openMaterial, readObject, readToProtect } from '../objects.ts';

function refuseUnlessReadable(object: ManagedObject, isWrapped: boolean): void {
  if (object.wrapped === null) {
    throw KmipError.illegalOperation('the object has been destroyed; only its attributes are left');
  }
  if (!isExtractable(object)) {
    throw new KmipError(ResultReason.NotExtractable, 'the object is not Extractable');
  }
  if (isSensitive(object) && !isWrapped) {
    throw new KmipError(ResultReason.Sensitive, 'the object is Sensitive; ask for it wrapped');
  }
}

export const getHandler: Handler<typeof Operation.Get> = async (request, context) => {
  const uid = uidOf(request, context);
  const { keyFormatType, keyWrappingSpecification: specification, keyCompressionType, keyWrapType } = request;
  if (keyCompressionType !== undefined) {
    throw KmipError.keyCompressionTypeNotSupported(
      'keys are given as they were registered, not compressed anew',
    );
  }
  if (keyWrapType !== undefined && keyWrapType !== KeyWrapType.NotWrapped) {
    throw KmipError.featureNotSupported('objects are held unwrapped; leave Key Wrap Type out');
  }
  const object = await readObject(context, uid);
  refuseUnlessReadable(object, specification !== undefined);
  const format = formatFor(object, keyFormatType);
  using secret = await openMaterial(context, object);
  const material = context.lent.copyOf(secret);
  const plain = kmipObjectOf(object, material, format);
  const answer = specification === undefined ? plain : await wrapped(context, object, plain, specification);
  noteObject(context, object, 'OBJECT_READ');
  handOver(context, object);
  return { objectType: object.objectType, uniqueIdentifier: uid, object: answer };
};

/** §2.1.6: the object with its key value under another key of the same tenant. */
async function wrapped(
  context: OperationContext,
  object: ManagedObject,
  plain: KmipObject,
  specification: KeyWrappingSpecification,
): Promise<KmipObject> {
  const information = specification.encryptionKeyInformation;
  if (information === undefined) {
    throw KmipError.featureNotSupported('keys are wrapped by encryption; name an Encryption Key Information');
  }
  const wrapperUid = information.uniqueIdentifier;
  if (wrapperUid.includes('\0')) throw KmipError.itemNotFound('no object has this unique identifier');
  if (isL3Address(wrapperUid)) {
    throw KmipError.featureNotSupported(
      'only a gateway wraps with a service key; get the key once, then ask it again',
    );
  }
  if (
    plain.objectType !== ObjectType.SymmetricKey &&
    plain.objectType !== ObjectType.SecretData &&
    plain.objectType !== ObjectType.PrivateKey &&
    plain.objectType !== ObjectType.PublicKey
  ) {
    throw KmipError.illegalOperation('an object without a key block cannot be wrapped');
  }
  const { keyValue, keyFormatType } = plain.keyBlock;
  if (
    keyValue === undefined ||
    keyValue instanceof Uint8Array ||
    !(keyValue.keyMaterial instanceof Uint8Array)
  ) {
    throw KmipError.featureNotSupported(
      'a key in a transparent format cannot be wrapped; ask for another format',
    );
  }
  const { length } = keyValue.keyMaterial;
  const wrapper = await readToProtect(context, wrapperUid, CryptographicUsageMask.WrapKey, length);
  using kek = await openMaterial(context, wrapper);
  const mode = information.cryptographicParameters?.blockCipherMode;
  const keyBlock = wrapKeyBlock(
    {
      keyFormatType,
      material: keyValue.keyMaterial,
      cryptographicAlgorithm: object.cryptographicAlgorithm,
      cryptographicLength: object.cryptographicLength,
      attributes: attributesNamed(object, specification.attributeName ?? [], context.nowS),
    },
    specification,
    aesKeyWrapper(wrapperUid, kek, wrapper.cryptographicAlgorithm, mode),
    context.version,
  );
  return { ...plain, keyBlock };
}
