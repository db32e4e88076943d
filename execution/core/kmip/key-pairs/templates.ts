/**
 * The three Template-Attributes of Create Key Pair and Re-key Key Pair (KMIP 1.4 §4.2, §4.5): what is said for one key
 * goes before what is said for both, and instances of multi-instance attributes add up.
 */
import { type Attribute, attributeValue, KmipError, type TemplateAttribute } from '../../../kmip/index.ts';
import { enumerationOf, integerOf, sameValue } from '../../../objects/index.ts';
import type { OperationContext } from '../context.ts';
import { attributesMeant, overridden } from '../templates.ts';
import type { KeyPairWish } from './kinds.ts';

export interface KeyPairTemplates {
  readonly commonTemplateAttribute?: TemplateAttribute | undefined;
  readonly privateKeyTemplateAttribute?: TemplateAttribute | undefined;
  readonly publicKeyTemplateAttribute?: TemplateAttribute | undefined;
}

export interface KeyPairAttributes {
  readonly privateKey: readonly Attribute[];
  readonly publicKey: readonly Attribute[];
}

/** Templates that each structure names are read here: what is given by itself goes before them. */
export async function attributesOfPair(
  context: OperationContext,
  templates: KeyPairTemplates,
): Promise<KeyPairAttributes> {
  const common = await attributesMeant(context, templates.commonTemplateAttribute);
  return {
    privateKey: overridden(common, await attributesMeant(context, templates.privateKeyTemplateAttribute)),
    publicKey: overridden(common, await attributesMeant(context, templates.publicKeyTemplateAttribute)),
  };
}

/** One attribute that both keys share (table 168); said for one of them, it is meant for both. */
function shared({ privateKey, publicKey }: KeyPairAttributes, name: string): Attribute | undefined {
  const only = (attributes: readonly Attribute[]): Attribute | undefined => {
    const [found, ...more] = attributes.filter((a) => a.attributeName === name);
    if (more.length > 0) throw KmipError.invalidField(`${name} is given more than once`);
    return found;
  };
  const [one, other] = [only(privateKey), only(publicKey)];
  if (one !== undefined && other !== undefined && !sameValue(one.attributeValue, other.attributeValue)) {
    throw KmipError.invalidField(`${name} has the same value for both keys of a pair`);
  }
  return one ?? other;
}

/** Attributes that the pair decides, not its parts. */
export const OF_THE_PAIR: ReadonlySet<string> = new Set([
  'Cryptographic Algorithm',
  'Cryptographic Length',
  'Cryptographic Domain Parameters',
]);

/** @throws KmipError Invalid Message without an algorithm (§11.3), Invalid Field where the keys would differ. */
export function wishOf(attributes: KeyPairAttributes): KeyPairWish {
  const algorithm = shared(attributes, 'Cryptographic Algorithm');
  if (algorithm === undefined) throw KmipError.invalidMessage('Cryptographic Algorithm is required');
  const length = shared(attributes, 'Cryptographic Length');
  const domain = shared(attributes, 'Cryptographic Domain Parameters');
  return {
    algorithm: enumerationOf(algorithm),
    length: length === undefined ? undefined : integerOf(length),
    domain: domain === undefined ? {} : attributeValue(domain, 'Cryptographic Domain Parameters'),
  };
}
