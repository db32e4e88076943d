/**
 * Who signs a certificate (KMIP 1.4 §4.7 leaves it to the server): a private key of the caller's tenant with the
 * Certificate Sign bit, and its CA certificate. The request names it with a Link in its Template-Attribute, a Certificate
 * Link to the CA's certificate or a Private Key Link to its key; else it is the tenant's only such key. A key of that
 * kind that has no CA above it signs its own certificate: a root.
 */
import {
  type Attribute,
  CertificateType,
  CryptographicUsageMask,
  KmipError,
  LinkType,
  ObjectType,
  ResultReason,
} from '../../../kmip/index.ts';
import { type ManagedObject, State, usageRefusal } from '../../../objects/index.ts';
import { MAX_ISSUER_CANDIDATES } from '../../limits.ts';
import { signingKeysIn } from '../../store/signing-keys.ts';
import { type OperationContext, uidOf } from '../context.ts';
import { linkedFrom } from '../links.ts';
import { openMaterial, readObject } from '../objects.ts';
import { parseCertificate } from './x509.ts';

export interface Issuer {
  readonly privateKey: ManagedObject;
  /** Undefined for a root, which its own key signs. */
  readonly ca: { readonly object: ManagedObject; readonly der: Uint8Array } | undefined;
}

/** The object of this type, or undefined where a link leads nowhere: clients set links, and objects go. */
export async function follow(
  context: OperationContext,
  uid: string | undefined,
  objectType: number,
): Promise<ManagedObject | undefined> {
  if (uid === undefined || uid === '') return undefined;
  try {
    const object = await readObject(context, uidOf({ uniqueIdentifier: uid }, context));
    return object.objectType === objectType ? object : undefined;
  } catch (error) {
    if (error instanceof KmipError && error.resultReason === ResultReason.ItemNotFound) return undefined;
    throw error;
  }
}

function linked(object: ManagedObject, linkType: number): string | undefined {
  return linkedFrom(object.attributes, linkType).at(-1);
}

function signingRefusal(key: ManagedObject, nowS: number): string | null {
  return usageRefusal(key, 'protect', CryptographicUsageMask.CertificateSign, nowS);
}

/** The certificate's DER. Not secret, and read no differently from what is. */
export async function readCertificate(context: OperationContext, object: ManagedObject): Promise<Uint8Array> {
  using secret = await openMaterial(context, object);
  return secret.use((bytes) => Uint8Array.from(bytes));
}

/** A certificate that may stand above others, of this key. */
async function asCa(
  context: OperationContext,
  object: ManagedObject | undefined,
): Promise<Issuer['ca'] | undefined> {
  if (object === undefined || object.state !== State.Active || object.subtype !== CertificateType.X_509) {
    return undefined;
  }
  const der = await readCertificate(context, object);
  return parseCertificate(der)?.certificate.ca === true ? { object, der } : undefined;
}

/** The newest usable CA certificate that the key, or its public key, points to. */
async function caOf(context: OperationContext, privateKey: ManagedObject): Promise<Issuer['ca']> {
  const publicKey = await follow(context, linked(privateKey, LinkType.PublicKeyLink), ObjectType.PublicKey);
  const uids = [privateKey, publicKey].flatMap((object) =>
    object === undefined ? [] : linkedFrom(object.attributes, LinkType.CertificateLink),
  );
  for (const uid of [...new Set(uids)].reverse().slice(0, MAX_ISSUER_CANDIDATES)) {
    const ca = await asCa(context, await follow(context, uid, ObjectType.Certificate));
    if (ca !== undefined) return ca;
  }
  return undefined;
}

/** From a CA's certificate to the key that signs in its name. */
async function keyOf(
  context: OperationContext,
  certificate: ManagedObject,
): Promise<ManagedObject | undefined> {
  const direct = await follow(context, linked(certificate, LinkType.PrivateKeyLink), ObjectType.PrivateKey);
  if (direct !== undefined) return direct;
  const publicKey = await follow(context, linked(certificate, LinkType.PublicKeyLink), ObjectType.PublicKey);
  if (publicKey !== undefined) {
    return follow(context, linked(publicKey, LinkType.PrivateKeyLink), ObjectType.PrivateKey);
  }
  const keys = await signingKeysIn(context.tx, context.requester.scope, MAX_ISSUER_CANDIDATES);
  return keys.find((key) => linkedFrom(key.attributes, LinkType.CertificateLink).includes(certificate.uid));
}

async function namedByCertificate(context: OperationContext, uid: string): Promise<Issuer> {
  const object = await readObject(context, uidOf({ uniqueIdentifier: uid }, context));
  const ca = object.objectType === ObjectType.Certificate ? await asCa(context, object) : undefined;
  if (ca === undefined) {
    throw KmipError.permissionDenied(
      'the Certificate Link of the request points to nothing that issues: an Active X.509 certificate of a CA is needed',
    );
  }
  const privateKey = await keyOf(context, object);
  if (privateKey === undefined) {
    throw KmipError.permissionDenied(
      "the CA's private key is not found here; link the CA certificate to its Public Key, and that to its Private Key",
    );
  }
  return { privateKey, ca };
}

async function namedByKey(
  context: OperationContext,
  uid: string,
  ownKeyUid: string | undefined,
): Promise<Issuer> {
  const privateKey = await readObject(context, uidOf({ uniqueIdentifier: uid }, context));
  if (privateKey.objectType !== ObjectType.PrivateKey) {
    throw KmipError.permissionDenied('the Private Key Link of the request points to another object');
  }
  if (privateKey.uid === ownKeyUid) return { privateKey, ca: undefined };
  return { privateKey, ca: await requireCa(context, privateKey) };
}

async function requireCa(context: OperationContext, privateKey: ManagedObject): Promise<Issuer['ca']> {
  const ca = await caOf(context, privateKey);
  if (ca !== undefined) return ca;
  throw KmipError.permissionDenied(
    'the issuing key has no Active CA certificate; certify its public key first, or give the key a Certificate Link',
  );
}

async function onlyOne(context: OperationContext, ownKeyUid: string | undefined): Promise<Issuer> {
  const keys = await signingKeysIn(context.tx, context.requester.scope, MAX_ISSUER_CANDIDATES);
  const usable = keys.filter((key) => signingRefusal(key, context.nowS) === null);
  const [first, ...more] = usable.filter(({ uid }) => uid !== ownKeyUid);
  if (more.length > 0) {
    throw KmipError.permissionDenied(
      'several private keys may sign certificates; name one with a Link in the Template-Attribute',
    );
  }
  if (first !== undefined) return { privateKey: first, ca: await requireCa(context, first) };
  const own = usable.find(({ uid }) => uid === ownKeyUid);
  if (own !== undefined) return { privateKey: own, ca: undefined };
  throw KmipError.permissionDenied(
    'no private key here may sign certificates: an Active one with Certificate Sign in its Cryptographic Usage Mask is needed',
  );
}

/**
 * `links`: of the request's template, or of a certificate that is renewed. `ownKeyUid`: the private key of what is
 * certified.
 *
 * @throws KmipError Permission Denied, saying what is missing; Item Not Found for an object that the request names.
 */
export async function findIssuer(
  context: OperationContext,
  links: readonly Attribute[],
  ownKeyUid: string | undefined,
): Promise<Issuer> {
  const [keyUid] = linkedFrom(links, LinkType.PrivateKeyLink);
  const [certificateUid] = linkedFrom(links, LinkType.CertificateLink);
  const issuer =
    keyUid !== undefined
      ? await namedByKey(context, keyUid, ownKeyUid)
      : certificateUid !== undefined
        ? await namedByCertificate(context, certificateUid)
        : await onlyOne(context, ownKeyUid);
  const refusal = signingRefusal(issuer.privateKey, context.nowS);
  if (refusal !== null) throw KmipError.permissionDenied(`the issuing key: ${refusal}`);
  return issuer;
}
