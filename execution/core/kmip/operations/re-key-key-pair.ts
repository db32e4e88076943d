/** Re-key Key Pair (KMIP 1.4 §4.5): a new key pair with the attributes of an old one, key by key. */
import { type Attribute, KmipError, LinkType, ObjectType, type Operation } from '../../../kmip/index.ts';
import { checkCounts, type ManagedObject } from '../../../objects/index.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { kindOf } from '../key-pairs/kinds.ts';
import { addKeyPair, generateKeys, makeKeyPair } from '../key-pairs/make.ts';
import { attributesOfPair, wishOf } from '../key-pairs/templates.ts';
import { linkedFrom } from '../links.ts';
import { readForChange } from '../objects.ts';
import {
  checkOffset,
  inheritedAttributes,
  replacedLink,
  replacementDates,
  requireValue,
  supersede,
} from '../replacement.ts';

/** @throws KmipError Permission Denied: there is no pair here to be re-keyed (§11.6). */
async function readPair(context: OperationContext, privateUid: string) {
  const privateKey = await readForChange(context, privateUid);
  if (privateKey.objectType !== ObjectType.PrivateKey) {
    throw KmipError.permissionDenied('a key pair is re-keyed by its private key; the object is none');
  }
  requireValue(privateKey);
  const publicUid = linkedFrom(privateKey.attributes, LinkType.PublicKeyLink).at(-1);
  if (publicUid === undefined) {
    throw KmipError.permissionDenied('the private key has no Public Key Link; add it to re-key the pair');
  }
  const publicKey = await readForChange(context, publicUid);
  if (publicKey.objectType !== ObjectType.PublicKey) {
    throw KmipError.permissionDenied('the Public Key Link of the private key points to another object');
  }
  return { privateKey, publicKey };
}

export const reKeyKeyPairHandler: Handler<typeof Operation.ReKeyKeyPair> = async (request, context) => {
  const uid = uidOf({ uniqueIdentifier: request.privateKeyUniqueIdentifier }, context);
  const given = await attributesOfPair(context, request);
  const old = await readPair(context, uid);
  const inherit = (existing: ManagedObject, own: readonly Attribute[]) => {
    checkOffset(request.offset, own);
    return inheritedAttributes(existing, own, replacementDates(existing.dates, request.offset, context.nowS));
  };
  const attributes = {
    privateKey: inherit(old.privateKey, given.privateKey),
    publicKey: inherit(old.publicKey, given.publicKey),
  };
  const kind = kindOf(wishOf(attributes), context.allowWeak);
  const keys = generateKeys(context, kind);
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
