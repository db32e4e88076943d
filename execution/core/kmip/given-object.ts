/** An object that a client brings (Register, Import): its material taken out, described and sealed. */
import { SecretBytes } from '../../envelope/index.ts';
import {
  type Attribute,
  attribute,
  KeyFormatType,
  KmipError,
  type KmipObject,
  ObjectType,
} from '../../kmip/index.ts';
import {
  checkCounts,
  type ManagedObject,
  type Material,
  make,
  materialBytes,
  materialDigest,
  materialOf,
  ruleOf,
  withCertificateAttributes,
} from '../../objects/index.ts';
import { FRIENDLY_NAME, friendlyNameIn, openContainer } from './containers.ts';
import type { OperationContext } from './context.ts';
import { factsOf, type KeyFacts } from './key-facts.ts';
import { sealMaterial, shelfOf, unwrapValue } from './objects.ts';
import { checkTemplate, overridden } from './templates.ts';

export interface GivenObject {
  readonly material: Material;
  /** Those of the request, on top of those that came inside the Key Value. */
  readonly attributes: readonly Attribute[];
  readonly facts: KeyFacts;
}

/**
 * The object that stands in a request, its material the caller's to wipe (`wipeGiven`). `isUnwrapped`: a wrapped one is
 * unwrapped first (§4.41).
 *
 * @throws KmipError Invalid Field (it is not what it says), and for `isUnwrapped` as `unwrapValue`.
 */
export async function takeGiven(
  context: OperationContext,
  object: KmipObject,
  attributes: readonly Attribute[],
  isUnwrapped: boolean,
): Promise<GivenObject> {
  const { objectType } = object;
  if (objectType === ObjectType.Template) checkTemplate(object.attribute);
  const taken = materialOf(object);
  const material = isUnwrapped ? await withoutWrapping(context, taken) : taken;
  try {
    const all = overridden(insideAttributes(material), attributes);
    const { bytes, keyFormatType, keyWrappingData } = material;
    if (keyFormatType === KeyFormatType.PKCS_12 && bytes !== null && keyWrappingData === undefined) {
      return await fromContainer(context, objectType, material, bytes, all);
    }
    return { material, attributes: all, facts: factsOf(objectType, material, all) };
  } catch (error) {
    material.bytes?.fill(0);
    throw error;
  }
}

export function wipeGiven({ material }: GivenObject): void {
  material.bytes?.fill(0);
}

async function withoutWrapping(context: OperationContext, taken: Material): Promise<Material> {
  const { bytes, keyWrappingData, keyFormatType = KeyFormatType.Raw, ...rest } = taken;
  if (bytes === null || keyWrappingData === undefined) return taken;
  const { keyMaterial, attribute = [] } = await unwrapValue(context, bytes, keyWrappingData);
  const material = materialBytes(keyFormatType, keyMaterial);
  if (keyMaterial instanceof Uint8Array) keyMaterial.fill(0);
  return { ...rest, keyFormatType, bytes: material, attributes: attribute };
}

/** §2.1.4: attributes that travel inside the Key Value; the ones that only a server sets say nothing here. */
function insideAttributes({ attributes = [] }: Material): readonly Attribute[] {
  return attributes.filter(({ attributeName }) => ruleOf(attributeName).atCreation);
}

/**
 * §3.45: a key in PKCS#12 comes with a link to its password, and is known under the name that it has in its container.
 *
 * @throws KmipError Invalid Field: the container does not open so (§11.4).
 */
async function fromContainer(
  context: OperationContext,
  objectType: number,
  material: Material,
  container: Uint8Array,
  attributes: readonly Attribute[],
): Promise<GivenObject> {
  const { pkcs8, friendlyName } = await openContainer(container, attributes, shelfOf(context));
  try {
    const isNamed = friendlyName === undefined || friendlyNameIn(attributes) !== undefined;
    return {
      material,
      attributes: isNamed ? attributes : [...attributes, attribute(FRIENDLY_NAME, friendlyName)],
      facts: factsOf(objectType, { ...material, bytes: pkcs8 }, attributes),
    };
  } finally {
    pkcs8.fill(0);
  }
}

type HeldFields = Pick<
  ManagedObject,
  'keyFormatType' | 'keyCompressionType' | 'subtype' | 'splitKey' | 'keyWrappingData' | 'digest' | 'wrapped'
>;

/** The fields of a managed object that hold the material, sealed for this UID. */
export async function sealGiven(
  context: OperationContext,
  { material }: GivenObject,
  uid: string,
  service: ManagedObject['service'],
): Promise<HeldFields> {
  const { bytes, keyFormatType, keyCompressionType, subtype, splitKey, keyWrappingData } = material;
  const fields = {
    ...(keyFormatType === undefined ? {} : { keyFormatType }),
    ...(keyCompressionType === undefined ? {} : { keyCompressionType }),
    ...(subtype === undefined ? {} : { subtype }),
    ...(splitKey === undefined ? {} : { splitKey }),
    ...(keyWrappingData === undefined ? {} : { keyWrappingData }),
  };
  if (bytes === null) return { ...fields, wrapped: null };
  using secret = SecretBytes.take(bytes);
  const digest = secret.use(materialDigest);
  return { ...fields, digest, wrapped: await sealMaterial(context, service, uid, secret) };
}

const KEY_VALUE_PRESENT = 'Key Value Present';

/** Types whose Key Value may be kept elsewhere (§3.41). */
const mayLackValue: readonly number[] = [
  ObjectType.SymmetricKey,
  ObjectType.PrivateKey,
  ObjectType.SplitKey,
  ObjectType.SecretData,
];

/**
 * The attributes with what the value adds to them: what a certificate says of itself (§3.9–3.16), and the note that the
 * Key Value did not come (§3.41).
 *
 * @throws KmipError Invalid Field: an object that needs its value, a certificate that is none; Index Out of Bounds.
 */
export function withValueAttributes(
  objectType: number,
  { bytes, subtype = 0 }: Material,
  attributes: readonly Attribute[],
): readonly Attribute[] {
  if (objectType === ObjectType.Template) return attributes;
  if (bytes === null) {
    if (!mayLackValue.includes(objectType)) {
      throw KmipError.invalidField('an object of this type comes with its Key Value');
    }
    const others = attributes.filter((a) => a.attributeName !== KEY_VALUE_PRESENT);
    return [...others, make.boolean(KEY_VALUE_PRESENT, false)];
  }
  if (objectType !== ObjectType.Certificate) return attributes;
  const all = withCertificateAttributes(attributes, subtype, bytes);
  checkCounts(all);
  return all;
}
