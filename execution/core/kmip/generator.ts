/** What the server alone says of an object that it makes (KMIP 1.4 §3.43, §3.44). */
import { type Attribute, attribute, attributeValue, KmipError, RNGAlgorithm } from '../../kmip/index.ts';
import { ownGenerator, RANDOM_NUMBER_GENERATOR, requireOwnGenerator } from '../../objects/index.ts';

/** Of what is computed, and takes no random bits. */
const none = attribute(RANDOM_NUMBER_GENERATOR, { rngAlgorithm: RNGAlgorithm.Unspecified });

function requireUnspecified(wanted: Attribute): void {
  const { rngAlgorithm } = attributeValue(wanted, RANDOM_NUMBER_GENERATOR);
  if (rngAlgorithm === RNGAlgorithm.Unspecified) return;
  throw KmipError.invalidField(
    `a derived key is made without a ${RANDOM_NUMBER_GENERATOR}; leave the attribute out`,
  );
}

/**
 * The attributes of an object made here, with the generator that was used: ours for a key made of random bits, none for
 * a derived one.
 *
 * @throws KmipError Invalid Field: the request asks for another generator, or for another day of creation.
 */
export function madeHere(
  attributes: readonly Attribute[],
  how: 'random' | 'derived' = 'random',
): Attribute[] {
  for (const given of attributes) {
    if (given.attributeName === 'Original Creation Date') {
      throw KmipError.invalidField(
        'the Original Creation Date of what is made here is the present; leave it out',
      );
    }
    if (given.attributeName !== RANDOM_NUMBER_GENERATOR) continue;
    if (how === 'random') requireOwnGenerator(given);
    else requireUnspecified(given);
  }
  const others = attributes.filter((a) => a.attributeName !== RANDOM_NUMBER_GENERATOR);
  return [...others, how === 'random' ? ownGenerator : none];
}
