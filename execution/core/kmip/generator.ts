/**
 * The Random Number Generator attribute (KMIP 1.4 §3.44) of what the server makes: OpenSSL's generator, an AES-256
 * CTR_DRBG of NIST SP 800-90A.
 */
import {
  type Attribute,
  attribute,
  attributeValue,
  CryptographicAlgorithm,
  DRBGAlgorithm,
  KmipError,
  RNGAlgorithm,
} from '../../kmip/index.ts';

const NAME = 'Random Number Generator';

const ours = {
  rngAlgorithm: RNGAlgorithm.DRBG,
  cryptographicAlgorithm: CryptographicAlgorithm.AES,
  cryptographicLength: 256,
  drbgAlgorithm: DRBGAlgorithm.CTR,
} as const;

/** Of what is computed, and takes no random bits. */
const none = { rngAlgorithm: RNGAlgorithm.Unspecified } as const;

/**
 * The attributes of an object made here, with the generator that was used: ours for a key made of random bits, none for
 * a derived one. A generator that the request names must be that, in all that it says.
 *
 * @throws KmipError Invalid Field for another generator.
 */
export function madeHere(
  attributes: readonly Attribute[],
  how: 'random' | 'derived' = 'random',
): Attribute[] {
  const used: Readonly<Record<string, unknown>> = how === 'random' ? ours : none;
  const wanted = attributes.filter((a) => a.attributeName === NAME).map((a) => attributeValue(a, NAME));
  const fits = (asked: (typeof wanted)[number]): boolean =>
    asked.rngAlgorithm === RNGAlgorithm.Unspecified ||
    Object.entries(asked).every(([field, value]) => used[field] === value);
  if (wanted.length > 0 && !wanted.some(fits)) {
    throw KmipError.invalidField(
      `${NAME}: keys are made with an AES-256 CTR_DRBG, or derived with none; leave the attribute out`,
    );
  }
  const value = how === 'random' ? ours : none;
  return [...attributes.filter((a) => a.attributeName !== NAME), attribute(NAME, value)];
}
