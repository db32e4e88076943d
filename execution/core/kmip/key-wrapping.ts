/**
 * What a key does as a wrapping key (KMIP 1.4 §2.1.5): encrypt and decrypt Key Values, compute and verify their MACs and
 * signatures, by its type and the Cryptographic Parameters. Pure; who may use which key is decided elsewhere.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  aesKeyWrapper,
  decryptWith,
  decryptWithRsa,
  encryptWith,
  encryptWithRsa,
  isKeyWrapMode,
  isSameMac,
  type KeyAuthenticator,
  type KeyWrapper,
  macOf,
  macPlanOf,
  signaturePlanOf,
  startSigning,
  startVerifying,
  unwrapKey,
} from '../../cipher/index.ts';
import type { SecretBytes } from '../../envelope/index.ts';
import { keyObjectOf } from '../../keyforms/index.ts';
import {
  BlockCipherMode,
  CryptographicAlgorithm,
  type CryptographicParameters,
  KeyFormatType,
  KmipError,
  knows,
  ObjectType,
  PaddingMethod,
  type Version,
} from '../../kmip/index.ts';
import type { ManagedObject } from '../../objects/index.ts';

/** A key, with its material in the clear for as long as it is needed. */
export interface OpenedKey {
  readonly object: ManagedObject;
  readonly secret: SecretBytes;
}

export interface WrappingUse {
  readonly parameters: CryptographicParameters | undefined;
  readonly version: Version;
}

/** §11.12: a key, and one that the server can read. @throws KmipError Illegal Operation */
export function requireKey({ objectType }: ManagedObject): void {
  if (
    objectType !== ObjectType.SymmetricKey &&
    objectType !== ObjectType.PublicKey &&
    objectType !== ObjectType.PrivateKey
  ) {
    throw KmipError.illegalOperation('the object that is to wrap or unwrap is not a key');
  }
}

function isSymmetric({ object }: OpenedKey): boolean {
  return object.objectType === ObjectType.SymmetricKey;
}

function asymmetric({ object, secret }: OpenedKey): KeyObject {
  const { objectType, keyFormatType = KeyFormatType.Raw, cryptographicAlgorithm } = object;
  return secret.use((material) =>
    keyObjectOf({ objectType, keyFormatType, cryptographicAlgorithm, material }),
  );
}

/** Keys are wrapped with the ciphers that are made for it where nothing else is said; RSA with OAEP. */
function wrapMode(parameters: CryptographicParameters | undefined): number {
  return parameters?.blockCipherMode ?? BlockCipherMode.NISTKeyWrap;
}

function rsaParameters(parameters: CryptographicParameters | undefined): CryptographicParameters {
  return parameters?.paddingMethod === undefined
    ? { ...parameters, paddingMethod: PaddingMethod.OAEP }
    : parameters;
}

function rsaOptions(version: Version) {
  return { allowWeak: false, namesMaskHash: knows(version, 4) };
}

/** @throws KmipError Illegal Operation, Feature Not Supported, Invalid Field, Cryptographic Failure. */
export function wrapperOf(key: OpenedKey, { parameters, version }: WrappingUse): KeyWrapper {
  const { object, secret } = key;
  const { uid: uniqueIdentifier, cryptographicAlgorithm: algorithm } = object;
  if (!isSymmetric(key)) {
    const full = rsaParameters(parameters);
    return {
      uniqueIdentifier,
      wrap: (plain) => ({
        wrapped: encryptWithRsa(publicHalf(asymmetric(key)), plain, full, rsaOptions(version)),
        cryptographicParameters: full,
      }),
    };
  }
  const mode = wrapMode(parameters);
  if (isKeyWrapMode(mode)) return aesKeyWrapper(uniqueIdentifier, secret, algorithm, mode);
  return {
    uniqueIdentifier,
    wrap: (plain) => {
      const { data, iv } = encryptWith(secret, {
        algorithm: algorithm ?? 0,
        parameters,
        data: plain,
        tag: 'appended',
      });
      return { wrapped: data, cryptographicParameters: parameters, ivCounterNonce: iv };
    },
  };
}

function publicHalf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

/** What `wrapperOf` made, in the clear. @throws KmipError Cryptographic Failure; else as `wrapperOf`. */
export function decrypterOf(
  key: OpenedKey,
  { parameters, version }: WrappingUse,
): (wrapped: Uint8Array, iv: Uint8Array | undefined) => Uint8Array {
  const { object, secret } = key;
  const { cryptographicAlgorithm: algorithm } = object;
  if (!isSymmetric(key)) {
    return (wrapped) =>
      decryptWithRsa(asymmetric(key), wrapped, rsaParameters(parameters), rsaOptions(version));
  }
  const mode = wrapMode(parameters);
  if (isKeyWrapMode(mode)) {
    if (algorithm !== CryptographicAlgorithm.AES)
      throw KmipError.illegalOperation('the wrapping key is not an AES key');
    return (wrapped) => unwrapKey(secret, wrapped, mode);
  }
  return (wrapped, iv) =>
    decryptWith(secret, { algorithm: algorithm ?? 0, parameters, data: wrapped, iv, tag: 'appended' });
}

/** MACs with a symmetric key, signatures with a private one. @throws KmipError as `wrapperOf`. */
export function authenticatorOf(key: OpenedKey, { parameters, version }: WrappingUse): KeyAuthenticator {
  const { object, secret } = key;
  const said = { uniqueIdentifier: object.uid, cryptographicParameters: parameters };
  if (isSymmetric(key)) {
    const plan = macPlanOf(object.cryptographicAlgorithm, parameters, false);
    return {
      ...said,
      authenticate: (bytes) => {
        const mac = macOf(secret, plan);
        mac.update(bytes);
        return mac.final();
      },
    };
  }
  if (object.objectType !== ObjectType.PrivateKey) {
    throw KmipError.permissionDenied('a public key does not sign; name the private key');
  }
  return {
    ...said,
    authenticate: (bytes) => {
      const signer = asymmetric(key);
      const signing = startSigning(signaturePlanOf(signer, parameters, rsaOptions(version)));
      signing.update(bytes);
      return signing.sign(signer);
    },
  };
}

/** @throws KmipError as `wrapperOf`. */
export function verifierOf(
  key: OpenedKey,
  use: WrappingUse,
): (bytes: Uint8Array, macSignature: Uint8Array) => boolean {
  if (isSymmetric(key)) {
    const { authenticate } = authenticatorOf(key, use);
    return (bytes, macSignature) => isSameMac(authenticate(bytes), macSignature);
  }
  const verifier = publicHalf(asymmetric(key));
  const plan = signaturePlanOf(verifier, use.parameters, rsaOptions(use.version));
  return (bytes, signature) => {
    const verifying = startVerifying(plan);
    verifying.update(bytes);
    return verifying.isValid(verifier, signature);
  };
}
