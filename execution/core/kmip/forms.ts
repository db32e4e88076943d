/** The forms in which an object's value can be given (KMIP 1.4 §4.11): as it is held, and converted. */
import { keyObjectOf, materialIn } from '../../keyforms/index.ts';
import {
  CertificateType,
  CryptographicAlgorithm,
  enumName,
  KeyFormatType,
  KmipError,
  ObjectType,
} from '../../kmip/index.ts';
import type { ManagedObject } from '../../objects/index.ts';

/** Material in a format. */
export interface Form {
  readonly keyFormatType: number;
  readonly keyCompressionType?: number | undefined;
  readonly material: Uint8Array;
}

export interface WantedForm {
  readonly keyFormatType?: number | undefined;
  readonly keyCompressionType?: number | undefined;
}

/** Formats whose bytes are the same: only the words around them differ. */
const interchangeable: Readonly<Record<number, readonly number[]>> = {
  [ObjectType.SymmetricKey]: [KeyFormatType.Raw, KeyFormatType.TransparentSymmetricKey],
  [ObjectType.SecretData]: [KeyFormatType.Raw, KeyFormatType.Opaque],
};

function notSupported(wanted: number, own: number): KmipError {
  const [asked, held] = [enumName(KeyFormatType, wanted), enumName(KeyFormatType, own)];
  return KmipError.keyFormatTypeNotSupported(
    `the object cannot be given in Key Format Type ${asked}; it is held in ${held}`,
  );
}

function isEc({ cryptographicAlgorithm: algorithm }: ManagedObject): boolean {
  return (
    algorithm === CryptographicAlgorithm.EC ||
    algorithm === CryptographicAlgorithm.ECDSA ||
    algorithm === CryptographicAlgorithm.ECDH ||
    algorithm === CryptographicAlgorithm.ECMQV
  );
}

/**
 * The material in the form that is wanted; as it is held where nothing is. `borrowed` is the material in the format of
 * the object; what is returned may be the same bytes, or others for `keep` to wipe.
 *
 * @throws KmipError Key Format Type Not Supported, Key Compression Type Not Supported
 */
export function inForm(
  object: ManagedObject,
  borrowed: Uint8Array,
  { keyFormatType: wanted, keyCompressionType: compression }: WantedForm,
  keep: (bytes: Uint8Array) => Uint8Array,
): Form {
  const { objectType, keyFormatType: own = KeyFormatType.Raw, keyCompressionType: held } = object;
  const isPublicEc = objectType === ObjectType.PublicKey && isEc(object);
  if (compression !== undefined && !isPublicEc) {
    throw KmipError.keyCompressionTypeNotSupported('only EC public keys are compressed');
  }
  const keyFormatType = wanted ?? own;
  const isAsHeld = keyFormatType === own && (compression === undefined || compression === held);
  if (isAsHeld) return { keyFormatType, keyCompressionType: held, material: borrowed };
  const same = interchangeable[objectType];
  if (same?.includes(own) && same.includes(keyFormatType)) return { keyFormatType, material: borrowed };
  if (objectType !== ObjectType.PublicKey && objectType !== ObjectType.PrivateKey) {
    throw notSupported(keyFormatType, own);
  }
  const key = readable(object, borrowed, keyFormatType);
  const material = keep(materialIn(key, keyFormatType, compression));
  return { keyFormatType, keyCompressionType: compression, material };
}

function readable(object: ManagedObject, material: Uint8Array, wanted: number) {
  const { objectType, keyFormatType = KeyFormatType.Raw, cryptographicAlgorithm } = object;
  try {
    return keyObjectOf({ objectType, keyFormatType, cryptographicAlgorithm, material });
  } catch (error) {
    // Held as it came, although nobody here can read it: it can be given that way only.
    if (error instanceof KmipError) throw notSupported(wanted, keyFormatType);
    throw error;
  }
}

/**
 * Certificates, opaque objects and templates have one form. A client may name that of an X.509 certificate.
 *
 * @throws KmipError Key Format Type Not Supported, Key Compression Type Not Supported
 */
export function requireOwnForm(
  object: ManagedObject,
  { keyFormatType, keyCompressionType }: WantedForm,
): void {
  if (keyCompressionType !== undefined) {
    throw KmipError.keyCompressionTypeNotSupported('only EC public keys are compressed');
  }
  const isX509 = object.objectType === ObjectType.Certificate && object.subtype === CertificateType.X_509;
  if (keyFormatType === undefined || (isX509 && keyFormatType === KeyFormatType.X_509)) return;
  throw KmipError.keyFormatTypeNotSupported('an object of this type has no Key Format Type; leave it out');
}
