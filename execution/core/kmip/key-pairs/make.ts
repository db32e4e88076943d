/** Two managed objects from a new key pair: sealed, linked to each other, and stored in one transaction. */
import { type KeyObject, randomUUID } from 'node:crypto';
import { SecretBytes } from '../../../envelope/index.ts';
import { materialIn, usualFormat } from '../../../keyforms/index.ts';
import { type Attribute, attribute, LinkType, ObjectType } from '../../../kmip/index.ts';
import { fieldsFromTemplate, type ManagedObject, materialDigest } from '../../../objects/index.ts';
import type { OperationContext } from '../context.ts';
import { madeHere } from '../generator.ts';
import { linkTo } from '../links.ts';
import { addObject, sealMaterial } from '../objects.ts';
import { slowly } from '../slow-crypto.ts';
import type { KeyPairKind, NewKeys } from './kinds.ts';
import { type KeyPairAttributes, OF_THE_PAIR } from './templates.ts';

export interface KeyPair {
  readonly privateKey: ManagedObject;
  readonly publicKey: ManagedObject;
}

/** @throws UnfinishedWork, as `slowly`: call it before anything is changed. */
export function generateKeys(context: OperationContext, kind: KeyPairKind): NewKeys {
  const { cryptographicAlgorithm, cryptographicLength, domain } = kind;
  const key = JSON.stringify(['key pair', cryptographicAlgorithm, cryptographicLength, domain]);
  return slowly(context, { key, run: () => kind.make() });
}

interface Part {
  readonly uid: string;
  readonly objectType: number;
  readonly key: KeyObject;
  readonly link: Attribute;
  readonly attributes: readonly Attribute[];
}

async function makePart(
  context: OperationContext,
  kind: KeyPairKind,
  service: ManagedObject['service'],
  part: Part,
): Promise<ManagedObject> {
  const { nowS, requester } = context;
  const { uid, objectType } = part;
  const { cryptographicAlgorithm, cryptographicLength, domain } = kind;
  const keyFormatType = usualFormat(objectType, cryptographicAlgorithm);
  const fields = fieldsFromTemplate({
    // The pair has decided what a template of Create must say of a symmetric key; a mask is asked for by table 168,
    // and left out by clients all the same: such a key may be read, and used for nothing.
    operation: 'register',
    objectType,
    attributes: [
      ...madeHere(part.attributes.filter((a) => !OF_THE_PAIR.has(a.attributeName))),
      ...(domain === undefined ? [] : [attribute('Cryptographic Domain Parameters', domain)]),
      part.link,
    ],
    nowS,
    keyBlock: { cryptographicAlgorithm, cryptographicLength },
  });
  using material = SecretBytes.take(materialIn(part.key, keyFormatType));
  return {
    ...fields,
    dates: { ...fields.dates, originalCreation: nowS },
    uid,
    tenant: requester.scope.tenant,
    service,
    keyFormatType,
    digest: material.use(materialDigest),
    wrapped: await sealMaterial(context, service, uid, material),
    revision: 1,
  };
}

/** Not stored yet. Keys are made for whoever asks, in the service that shall hold them. */
export async function makeKeyPair(
  context: OperationContext,
  made: {
    readonly keys: NewKeys;
    readonly kind: KeyPairKind;
    readonly attributes: KeyPairAttributes;
    readonly service: ManagedObject['service'];
  },
): Promise<KeyPair> {
  const { keys, kind, attributes, service } = made;
  const [privateUid, publicUid] = [randomUUID(), randomUUID()];
  return {
    privateKey: await makePart(context, kind, service, {
      uid: privateUid,
      objectType: ObjectType.PrivateKey,
      key: keys.privateKey,
      link: linkTo(LinkType.PublicKeyLink, publicUid),
      attributes: attributes.privateKey,
    }),
    publicKey: await makePart(context, kind, service, {
      uid: publicUid,
      objectType: ObjectType.PublicKey,
      key: keys.publicKey,
      link: linkTo(LinkType.PrivateKeyLink, privateUid),
      attributes: attributes.publicKey,
    }),
  };
}

/** The private key last: the ID Placeholder is its Unique Identifier (§4.2). */
export async function addKeyPair(
  context: OperationContext,
  { privateKey, publicKey }: KeyPair,
): Promise<void> {
  await addObject(context, publicKey, 'OBJECT_CREATED');
  await addObject(context, privateKey, 'OBJECT_CREATED');
}
