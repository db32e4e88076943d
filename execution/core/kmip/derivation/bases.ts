/**
 * What a key is derived from (KMIP 1.4 §4.6): the objects that the request names, which of them is the derivation key
 * and which the derivation data, and the parameters that go with them.
 */
import {
  attributeValue,
  type CryptographicParameters,
  CryptographicUsageMask,
  DerivationMethod,
  KmipError,
  ObjectType,
  ResultReason,
} from '../../../kmip/index.ts';
import { type ManagedObject, usageRefusal } from '../../../objects/index.ts';
import { MAX_DERIVATION_BASES } from '../../limits.ts';
import { type OperationContext, RefusedError, uidOf } from '../context.ts';
import { readObject } from '../objects.ts';

export type Bases =
  | {
      readonly kind: 'keyed';
      readonly key: ManagedObject;
      /** A Secret Data object in the place of Derivation Data. */
      readonly dataObject: ManagedObject | undefined;
    }
  | { readonly kind: 'agreement'; readonly privateKey: ManagedObject; readonly publicKey: ManagedObject };

/**
 * §11.7: an object that cannot be used to derive from is Invalid Field, whatever forbids it.
 *
 * @throws RefusedError Invalid Field
 */
export function requireDerivable(object: ManagedObject, nowS: number): void {
  const refusal = usageRefusal(object, 'protect', CryptographicUsageMask.DeriveKey, nowS);
  if (refusal === null) return;
  throw new RefusedError(ResultReason.InvalidField, refusal, 'DERIVATION_NOT_PERMITTED', object.uid);
}

/** The objects that the request names, as they stand now, unlocked; each usable to derive from. */
export async function readBases(
  context: OperationContext,
  uids: readonly string[],
): Promise<readonly ManagedObject[]> {
  if (uids.length > MAX_DERIVATION_BASES || new Set(uids).size !== uids.length) {
    throw KmipError.invalidField(`a key is derived from at most ${MAX_DERIVATION_BASES} different objects`);
  }
  const objects: ManagedObject[] = [];
  for (const uniqueIdentifier of uids) {
    const object = await readObject(context, uidOf({ uniqueIdentifier }, context));
    requireDerivable(object, context.nowS);
    objects.push(object);
  }
  return objects;
}

/** Those that compute over the key itself, and over nothing else. */
const keyIsInput: ReadonlySet<number> = new Set([DerivationMethod.PBKDF2, DerivationMethod.HASH]);

/**
 * @throws KmipError Invalid Field (objects of a type that the method does not derive from), Invalid Message (two things
 * that would both be the derivation data, §11.7).
 */
export function basesOf(
  method: number,
  objects: readonly ManagedObject[],
  derivationData: Uint8Array | undefined,
): Bases {
  const ofType = (type: number) => objects.filter((object) => object.objectType === type);
  if (method === DerivationMethod.AsymmetricKey) {
    const [privateKey] = ofType(ObjectType.PrivateKey);
    const [publicKey] = ofType(ObjectType.PublicKey);
    if (objects.length !== 2 || privateKey === undefined || publicKey === undefined) {
      throw KmipError.invalidField('an asymmetric derivation takes one private and one public key');
    }
    if (derivationData !== undefined) {
      throw KmipError.invalidField('an asymmetric derivation takes no Derivation Data');
    }
    return { kind: 'agreement', privateKey, publicKey };
  }
  const key = ofType(ObjectType.SymmetricKey)[0] ?? ofType(ObjectType.SecretData)[0];
  const [dataObject, ...more] = objects.filter((object) => object !== key);
  if (key === undefined || more.length > 0) {
    throw KmipError.invalidField(
      'the method derives from one symmetric key or Secret Data object, and at most one Secret Data object more',
    );
  }
  if (dataObject !== undefined && dataObject.objectType !== ObjectType.SecretData) {
    throw KmipError.invalidField('only a Secret Data object can stand for the derivation data');
  }
  if (derivationData !== undefined && dataObject !== undefined) {
    throw KmipError.invalidMessage('the derivation data is given twice: in its field and as an object');
  }
  if (keyIsInput.has(method) && (derivationData !== undefined || dataObject !== undefined)) {
    throw KmipError.invalidMessage('the method derives from the one object alone; leave Derivation Data out');
  }
  return { kind: 'keyed', key, dataObject };
}

const NAME = 'Cryptographic Parameters';

/**
 * §4.6: parameters of the request must match an instance that the key was given, where it was given any; without any in
 * the request, the key's first count.
 *
 * @throws KmipError Invalid Field
 */
export function parametersFor(
  key: ManagedObject,
  given: CryptographicParameters | undefined,
): CryptographicParameters {
  const instances = key.attributes
    .filter((a) => a.attributeName === NAME)
    .map((a) => attributeValue(a, NAME));
  if (given === undefined) return instances[0] ?? {};
  const asked = Object.entries(given);
  const fits = (instance: CryptographicParameters): boolean =>
    asked.every(([field, value]) => {
      const own = (instance as Readonly<Record<string, unknown>>)[field];
      return own === undefined || own === value;
    });
  if (instances.length > 0 && !instances.some(fits)) {
    throw KmipError.invalidField(`no ${NAME} of the key match those of the request`);
  }
  return given;
}
