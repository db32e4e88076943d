/** What tests of the core's operations ask again and again, as one application would. */
import {
  type Attribute,
  type AttributeName,
  type AttributeValueOf,
  attribute,
  attributeValue,
  CryptographicUsageMask,
  type KmipObject,
  ObjectType,
  Operation,
} from '../../kmip/index.ts';
import type { Caller } from '../../mesh/index.ts';
import type { GatewayClient } from './gateway-client.ts';

/** The values of all instances of one attribute. */
export async function valuesOf<N extends AttributeName>(
  gateway: GatewayClient,
  caller: Caller,
  uniqueIdentifier: string,
  attributeName: N,
): Promise<AttributeValueOf<N>[]> {
  const { attribute: found = [] } = await gateway.run(caller, Operation.GetAttributes, {
    uniqueIdentifier,
    attributeName: [attributeName],
  });
  return found.map((one) => attributeValue(one, attributeName));
}

/** Where the links of this type point to. */
export async function linksOf(
  gateway: GatewayClient,
  caller: Caller,
  uid: string,
  linkType: number,
): Promise<string[]> {
  const links = await valuesOf(gateway, caller, uid, 'Link');
  return links.filter((link) => link.linkType === linkType).map((link) => link.linkedObjectIdentifier);
}

/** The material of a key, or the value of a certificate. */
export async function materialOf(
  gateway: GatewayClient,
  caller: Caller,
  uniqueIdentifier: string,
): Promise<Buffer> {
  const { object } = await gateway.run(caller, Operation.Get, { uniqueIdentifier });
  return Buffer.from(bytesOf(object));
}

function bytesOf(object: KmipObject): Uint8Array {
  if (object.objectType === ObjectType.Certificate) return object.certificateValue;
  if (object.objectType === ObjectType.OpaqueObject) return object.opaqueDataValue;
  const value = 'keyBlock' in object ? object.keyBlock?.keyValue : undefined;
  if (value === undefined || value instanceof Uint8Array || !(value.keyMaterial instanceof Uint8Array)) {
    throw new Error('the object has no plain bytes');
  }
  return value.keyMaterial;
}

/** Active, and in use for everything, unless `extra` says otherwise. */
function template(extra: readonly Attribute[]) {
  const named = new Set(extra.map((a) => a.attributeName));
  const usual = [
    attribute(
      'Cryptographic Usage Mask',
      Object.values(CryptographicUsageMask).reduce((a, b) => a | b, 0),
    ),
    attribute('Activation Date', 1_000),
  ];
  return { attribute: [...usual.filter((a) => !named.has(a.attributeName)), ...extra] };
}

/** Registers a key or Secret Data. Returns its UID. */
export async function registerKey(
  gateway: GatewayClient,
  caller: Caller,
  key: {
    readonly objectType:
      | typeof ObjectType.SymmetricKey
      | typeof ObjectType.SecretData
      | typeof ObjectType.PrivateKey
      | typeof ObjectType.PublicKey;
    readonly keyFormatType: number;
    readonly material: Uint8Array;
    readonly cryptographicAlgorithm?: number;
    readonly cryptographicLength?: number;
  },
  ...extra: Attribute[]
): Promise<string> {
  const { objectType, keyFormatType, material, cryptographicAlgorithm, cryptographicLength } = key;
  const keyBlock = {
    keyFormatType,
    keyValue: { keyMaterial: Uint8Array.from(material) },
    cryptographicAlgorithm,
    cryptographicLength,
  };
  const object: KmipObject =
    objectType === ObjectType.SecretData
      ? { objectType, secretDataType: 1, keyBlock }
      : { objectType, keyBlock };
  const { uniqueIdentifier } = await gateway.run(caller, Operation.Register, {
    objectType,
    templateAttribute: template(extra),
    object,
  });
  return uniqueIdentifier;
}

/** Registers an X.509 certificate. Returns its UID. */
export async function registerCertificate(
  gateway: GatewayClient,
  caller: Caller,
  der: Uint8Array,
  ...extra: Attribute[]
): Promise<string> {
  const { uniqueIdentifier } = await gateway.run(caller, Operation.Register, {
    objectType: ObjectType.Certificate,
    templateAttribute: template(extra),
    object: {
      objectType: ObjectType.Certificate,
      certificateType: 1,
      certificateValue: Uint8Array.from(der),
    },
  });
  return uniqueIdentifier;
}
