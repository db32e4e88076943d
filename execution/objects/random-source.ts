/**
 * The random number generator behind every key that is made here, as KMIP describes one (KMIP 1.4 §2.1.18, §3.44): that
 * of OpenSSL, which Node's crypto draws from, a CTR_DRBG with AES-256 of NIST SP 800-90A, one for the whole process. It
 * is reseeded by its own schedule and not for each request, hence no prediction resistance.
 */
import {
  type Attribute,
  attribute,
  attributeValue,
  CryptographicAlgorithm,
  DRBGAlgorithm,
  KmipError,
  RNGAlgorithm,
} from '../kmip/index.ts';

export const RANDOM_NUMBER_GENERATOR = 'Random Number Generator';

export const rngParameters = {
  rngAlgorithm: RNGAlgorithm.DRBG,
  cryptographicAlgorithm: CryptographicAlgorithm.AES,
  cryptographicLength: 256,
  drbgAlgorithm: DRBGAlgorithm.CTR,
  predictionResistance: false,
} as const;

/** The attribute of every object that the server generates. */
export const ownGenerator: Attribute = attribute(RANDOM_NUMBER_GENERATOR, rngParameters);

/**
 * §3.44: where a client asks for a generator, one that matches is used or the request fails. What it leaves open, matches.
 *
 * @throws KmipError Invalid Field
 */
export function requireOwnGenerator(wanted: Attribute): void {
  const own: Readonly<Record<string, unknown>> = rngParameters;
  for (const [name, value] of Object.entries(attributeValue(wanted, RANDOM_NUMBER_GENERATOR))) {
    if (value !== undefined && own[name] !== value) {
      throw KmipError.invalidField(
        'keys are made with a CTR_DRBG of AES-256 here, not with the Random Number Generator asked for; leave it out',
      );
    }
  }
}
