/**
 * What the material of a registered object says of itself (KMIP 1.4 §2.1.3): Cryptographic Algorithm and Length where the
 * client left them out, and a refusal where it said what plainly is not so. Material that nobody here can read is held
 * as it came, as long as the client says what it is.
 */
import { describe, isCalled, type KeyDescription, keyObjectOf } from '../../keyforms/index.ts';
import {
  type Attribute,
  CertificateType,
  CryptographicAlgorithm,
  KeyFormatType,
  KmipError,
  ObjectType,
} from '../../kmip/index.ts';
import { enumerationOf, integerOf, type Material, symmetricKeyLengths } from '../../objects/index.ts';

export interface KeyFacts {
  readonly cryptographicAlgorithm?: number;
  /** Bits. */
  readonly cryptographicLength?: number;
}

/** What the client says, in attributes or in the key block. */
function saidIn(material: Material, attributes: readonly Attribute[]): KeyFacts {
  const algorithm = attributes.find((a) => a.attributeName === 'Cryptographic Algorithm');
  const length = attributes.find((a) => a.attributeName === 'Cryptographic Length');
  const { cryptographicAlgorithm = algorithm && enumerationOf(algorithm) } = material;
  const { cryptographicLength = length && integerOf(length) } = material;
  return {
    ...(cryptographicAlgorithm === undefined ? {} : { cryptographicAlgorithm }),
    ...(cryptographicLength === undefined ? {} : { cryptographicLength }),
  };
}

/**
 * Algorithm and length of an object that comes with `material`, for the fields that the client left out too.
 *
 * @throws KmipError Invalid Field: a contradiction, or a key that says nothing of itself and nobody else does.
 */
export function factsOf(objectType: number, material: Material, attributes: readonly Attribute[]): KeyFacts {
  const said = saidIn(material, attributes);
  // A wrapped value tells nothing; nor does one that is not here.
  if (material.bytes === null || material.keyWrappingData !== undefined) return said;
  switch (objectType) {
    case ObjectType.SymmetricKey:
      return symmetricFacts(material.bytes, material.keyFormatType, said);
    case ObjectType.PublicKey:
    case ObjectType.PrivateKey:
      return asymmetricFacts(objectType, material, said);
    case ObjectType.Certificate:
      return { ...certificateFacts(material), ...said };
    default:
      return said;
  }
}

/** Bits of a key by its bytes; those of DES have a parity bit in each, which some count and some do not. */
function bitsOf(sizeBytes: number, algorithm: number | undefined): readonly number[] {
  const isDes = algorithm === CryptographicAlgorithm.DES || algorithm === CryptographicAlgorithm.DES3;
  return isDes ? [sizeBytes * 7, sizeBytes * 8] : [sizeBytes * 8];
}

function symmetricFacts(bytes: Uint8Array, format: number | undefined, said: KeyFacts): KeyFacts {
  if (format !== KeyFormatType.Raw && format !== KeyFormatType.TransparentSymmetricKey) return said;
  const { cryptographicAlgorithm: algorithm, cryptographicLength: length } = said;
  const bits = bitsOf(bytes.length, algorithm);
  if (length !== undefined && !bits.includes(length)) {
    throw KmipError.invalidField(
      `Cryptographic Length is ${length}, but the key material has ${bytes.length * 8} bits`,
    );
  }
  const [actual = 0] = bits;
  const aesLengths = symmetricKeyLengths[CryptographicAlgorithm.AES] ?? [];
  if (algorithm === CryptographicAlgorithm.AES && !aesLengths.includes(actual)) {
    throw KmipError.invalidField(`an AES key has 128, 192 or 256 bits; this one has ${actual}`);
  }
  return { ...said, cryptographicLength: length ?? actual };
}

function asymmetricFacts(objectType: number, material: Material, said: KeyFacts): KeyFacts {
  const key = descriptionOf(objectType, material, said.cryptographicAlgorithm);
  const { cryptographicAlgorithm: algorithm, cryptographicLength: length } = said;
  if (key === undefined) {
    if (algorithm === undefined) {
      throw KmipError.invalidField(
        'the key material cannot be read here; say its Cryptographic Algorithm and Cryptographic Length',
      );
    }
    return said;
  }
  if (algorithm !== undefined && !isCalled(algorithm, key)) {
    throw KmipError.invalidField('Cryptographic Algorithm is not that of the key material');
  }
  if (length !== undefined && length !== key.cryptographicLength) {
    throw KmipError.invalidField(
      `Cryptographic Length is ${length}, but the key material has ${key.cryptographicLength} bits`,
    );
  }
  return {
    cryptographicAlgorithm: algorithm ?? key.cryptographicAlgorithm,
    cryptographicLength: key.cryptographicLength,
  };
}

function certificateFacts(material: Material): KeyFacts {
  if (material.subtype !== CertificateType.X_509) return {};
  const { cryptographicAlgorithm, cryptographicLength } =
    descriptionOf(ObjectType.Certificate, material, undefined) ?? {};
  return cryptographicAlgorithm === undefined || cryptographicLength === undefined
    ? {}
    : { cryptographicAlgorithm, cryptographicLength };
}

/** Undefined: nobody here can read it. */
function descriptionOf(
  objectType: number,
  { bytes, keyFormatType = KeyFormatType.Raw }: Material,
  cryptographicAlgorithm: number | undefined,
): KeyDescription | undefined {
  if (bytes === null) return undefined;
  try {
    return describe(keyObjectOf({ objectType, keyFormatType, cryptographicAlgorithm, material: bytes }));
  } catch (error) {
    if (error instanceof KmipError) return undefined;
    throw error;
  }
}
