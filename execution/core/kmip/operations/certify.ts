/** Certify (KMIP 1.4 §4.7): a certificate for a public key that is held here. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  CryptographicUsageMask,
  KmipError,
  LinkType,
  ObjectType,
  type Operation,
} from '../../../kmip/index.ts';
import { integerOf, type ManagedObject, make, namesOf, State } from '../../../objects/index.ts';
import { keyUsagesOf } from '../certificates/issue.ts';
import { findIssuer, follow } from '../certificates/issuer.ts';
import { commonName } from '../certificates/names.ts';
import { newCertificate } from '../certificates/new-certificate.ts';
import { readRequest } from '../certificates/request.ts';
import { type CertificateWish, wishOf } from '../certificates/wish.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { keyObject } from '../cryptography.ts';
import { linkedFrom, linkTo, withAttributes } from '../links.ts';
import { addObject, readForChange, saveObject } from '../objects.ts';
import { attributesMeant } from '../templates.ts';

const MASK = 'Cryptographic Usage Mask';

/** §11.8: what cannot be certified is Permission Denied. */
function requireCertifiable({ objectType, state, wrapped }: ManagedObject): void {
  if (objectType !== ObjectType.PublicKey || wrapped === null) {
    throw KmipError.permissionDenied('only a public key that has not been destroyed can be certified');
  }
  if (state !== State.PreActive && state !== State.Active) {
    throw KmipError.permissionDenied('a public key that was deactivated or compromised is not certified');
  }
}

/** Whether a request is for this key. `publicKeyInfo`: SubjectPublicKeyInfo in DER. @throws KmipError Invalid Field */
export function requireSameKey(publicKeyInfo: Uint8Array, key: KeyObject): void {
  let asked: KeyObject | undefined;
  try {
    asked = createPublicKey({ key: Buffer.from(publicKeyInfo), format: 'der', type: 'spki' });
  } catch {
    // A key that OpenSSL does not know is not the one that is held here.
  }
  if (asked === undefined || !asked.equals(key)) {
    throw KmipError.invalidField('the Certificate Request is for another public key than the one certified');
  }
}

/** Without a subject, the certificate is for whatever its object is called. */
function subjectFor(wish: CertificateWish, publicKey: ManagedObject): Uint8Array {
  if (wish.subject !== undefined) return wish.subject;
  const [name = publicKey.uid] = [...namesOf(wish), ...namesOf(publicKey)];
  return commonName(name);
}

/** The pair points to its newest certificate last. */
async function linkToCertificate(
  context: OperationContext,
  key: ManagedObject,
  certificateUid: string,
): Promise<void> {
  const attributes = [...key.attributes, linkTo(LinkType.CertificateLink, certificateUid)];
  await saveObject(context, withAttributes(key, attributes, context.nowS), 'OBJECT_CERTIFIED');
}

export const certifyHandler: Handler<typeof Operation.Certify> = async (request, context) => {
  const uid = uidOf(request, context);
  const asked = await readRequest(request.certificateRequestType, request.certificateRequest);
  const wish = wishOf(await attributesMeant(context, request.templateAttribute), asked);
  const publicKey = await readForChange(context, uid);
  requireCertifiable(publicKey);
  const key = await keyObject(context, publicKey);
  if (asked !== undefined) requireSameKey(asked.publicKeyInfo, key);

  const privateUid = linkedFrom(publicKey.attributes, LinkType.PrivateKeyLink).at(-1);
  const privateKey = await follow(context, privateUid, ObjectType.PrivateKey);
  const issuer = await findIssuer(context, wish.issuer, privateKey?.uid);
  const given = wish.attributes.find((a) => a.attributeName === MASK);
  const usageMask = given === undefined ? publicKey.usageMask : integerOf(given);
  const pairMask = usageMask | (privateKey?.usageMask ?? 0);
  const isCa = (pairMask & CryptographicUsageMask.CertificateSign) !== 0;
  const { cryptographicAlgorithm, cryptographicLength, service } = publicKey;
  const certificate = await newCertificate(context, {
    content: {
      subject: subjectFor(wish, publicKey),
      publicKeyInfo: key.export({ type: 'spki', format: 'der' }),
      alternativeNames: wish.alternativeNames,
      extendedKeyUsages: wish.extendedKeyUsages ?? [],
      keyUsages:
        wish.keyUsages === undefined
          ? keyUsagesOf(pairMask)
          : wish.keyUsages | (isCa ? keyUsagesOf(CryptographicUsageMask.CertificateSign) : 0),
      isCa,
    },
    issuer,
    signatureAlgorithm: wish.signatureAlgorithm,
    attributes: given === undefined ? [...wish.attributes, make.integer(MASK, usageMask)] : wish.attributes,
    links: [linkTo(LinkType.PublicKeyLink, publicKey.uid)],
    service,
    cryptographicAlgorithm,
    cryptographicLength,
  });
  await addObject(context, certificate, 'OBJECT_CREATED');
  await linkToCertificate(context, publicKey, certificate.uid);
  if (privateKey !== undefined && privateKey.wrapped !== null) {
    await linkToCertificate(context, await readForChange(context, privateKey.uid), certificate.uid);
  }
  return { uniqueIdentifier: certificate.uid };
};
