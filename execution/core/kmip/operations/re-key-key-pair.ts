/** Re-key Key Pair (KMIP 1.4 §4.5): a new key pair with the attributes of an old one, key by key. */
import { type Attribute, KmipError, LinkType, ObjectType, type Operation } from '../../../kmip/index.ts';
import { checkCounts, type ManagedObject } from '../../../objects/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { kindOf } from '../key-pairs/kinds.ts';
import { addKeyPair, generateKeys, makeKeyPair } from '../key-pairs/make.ts';
import { attributesOfPair, wishOf } from '../key-pairs/templates.ts';
import { linkedFrom } from '../links.ts';
import { readForChange, readObject } from '../objects.ts';
import {
  checkOffset,
  inheritedAttributes,
  replacedLink,
  replacementDates,
  requireValue,
  supersede,
} from '../replacement.ts';

type Read = (context: OperationContext, uid: string) => Promise<ManagedObject>;

/** @throws KmipError Permission Denied: there is no pair here to be re-keyed (§11.6). */
async function readPair(context: OperationContext, privateUid: string, read: Read) {
  const privateKey = await read(context, privateUid);
  if (privateKey.objectType !== ObjectType.PrivateKey) {
    throw KmipError.permissionDenied('a key pair is re-keyed by its private key; the object is none');
  }
  requireValue(privateKey);
  const publicUid = linkedFrom(privateKey.attributes, LinkType.PublicKeyLink).at(-1);
  if (publicUid === undefined) {
    throw KmipError.permissionDenied('the private key has no Public Key Link; add it to re-key the pair');
  }
  const publicKey = await read(context, publicUid);
  if (publicKey.objectType !== ObjectType.PublicKey) {
    throw KmipError.permissionDenied('the Public Key Link of the private key points to another object');
  }
  return { privateKey, publicKey };
}

function isSame(a: ManagedObject, b: ManagedObject): boolean {
  return a.uid === b.uid && a.revision === b.revision;
}

export const reKeyKeyPairHandler: Handler<typeof Operation.ReKeyKeyPair> = async (request, context) => {
  const uid = uidOf({ uniqueIdentifier: request.privateKeyUniqueIdentifier }, context);
  const given = await attributesOfPair(context, request);
  // Looked at without a lock while the keys are made, and locked then.
  const seen = await readPair(context, uid, readObject);
  const inherit = (old: ManagedObject, own: readonly Attribute[]) => {
    checkOffset(request.offset, own);
    return inheritedAttributes(old, own, replacementDates(old.dates, request.offset, context.nowS));
  };
  const attributes = {
    privateKey: inherit(seen.privateKey, given.privateKey),
    publicKey: inherit(seen.publicKey, given.publicKey),
  };
  const kind = kindOf(wishOf(attributes), context.allowWeak);
  const keys = await generateKeys(context, kind);
  const old = await readPair(context, uid, readForChange);
  if (!isSame(old.privateKey, seen.privateKey) || !isSame(old.publicKey, seen.publicKey)) {
    throw KmipError.generalFailure('the key pair was changed at the same time; try again');
  }
  const made = await makeKeyPair(context, { keys, kind, attributes, service: old.privateKey.service });
  const replacement = {
    privateKey: withLink(made.privateKey, replacedLink(old.privateKey)),
    publicKey: withLink(made.publicKey, replacedLink(old.publicKey)),
  };
  // The old keys first: they must give their names up before the new ones can claim them.
  await supersede(context, old.publicKey, replacement.publicKey.uid, 'OBJECT_REKEYED');
  await supersede(context, old.privateKey, replacement.privateKey.uid, 'OBJECT_REKEYED');
  await addKeyPair(context, replacement);
  return {
    privateKeyUniqueIdentifier: replacement.privateKey.uid,
    publicKeyUniqueIdentifier: replacement.publicKey.uid,
  };
};

function withLink(object: ManagedObject, link: Attribute): ManagedObject {
  const attributes = [...object.attributes, link];
  checkCounts(attributes);
  return { ...object, attributes };
}
