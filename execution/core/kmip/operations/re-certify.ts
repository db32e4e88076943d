/** Re-certify (KMIP 1.4 §4.8): a new certificate for the key of an old one, linked both ways. */
import type { X509Certificate } from 'node:crypto';
import {
  type Attribute,
  CertificateType,
  CryptographicUsageMask,
  KmipError,
  LinkType,
  ObjectType,
  type Operation,
} from '../../../kmip/index.ts';
import { checkCounts, isOfCertificateValue, type ManagedObject, State } from '../../../objects/index.ts';
import { keyUsagesOf, subjectOf } from '../certificates/issue.ts';
import { findIssuer, follow, readCertificate } from '../certificates/issuer.ts';
import { newCertificate } from '../certificates/new-certificate.ts';
import { readRequest } from '../certificates/request.ts';
import { type CertificateWish, find, wishOf } from '../certificates/wish.ts';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsagesExtension,
  parseCertificate,
  X509,
} from '../certificates/x509.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { linkedFrom, linkTo, withAttributes, withoutLinks } from '../links.ts';
import { addObject, readForChange, saveObject } from '../objects.ts';
import {
  checkOffset,
  inheritedAttributes,
  replacedLink,
  replacementDates,
  supersede,
} from '../replacement.ts';
import { attributesMeant } from '../templates.ts';
import { requireSameKey } from './certify.ts';

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

/** §11.9: what cannot be certified is Permission Denied. */
function requireRenewable({ objectType, subtype, state, wrapped }: ManagedObject): void {
  if (objectType !== ObjectType.Certificate || subtype !== CertificateType.X_509 || wrapped === null) {
    throw KmipError.permissionDenied(
      'only an X.509 certificate that has not been destroyed can be re-certified',
    );
  }
  if (state === State.Compromised) {
    throw KmipError.permissionDenied('the certificate was revoked as compromised; certify a new key pair');
  }
}

/** The dates of the object; where a client registered it without, those of the certificate itself. */
function datesOf(old: ManagedObject, certificate: X509Certificate): ManagedObject['dates'] {
  const { activation, deactivation } = old.dates;
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
  return {
    initial: old.dates.initial,
    lastChange: old.dates.lastChange,
    activation: activation ?? seconds(certificate.validFromDate),
    deactivation: deactivation ?? seconds(certificate.validToDate),
  };
}

/** What the request says, and for the rest what the old certificate said. */
function contentOf(wish: CertificateWish, old: X509, publicKeyInfo: Uint8Array) {
  const { extensions } = old;
  const names = extensions.find(({ type }) => type === SUBJECT_ALTERNATIVE_NAME);
  const isCa = find(extensions, BasicConstraintsExtension)?.ca === true;
  const ofCa = isCa ? keyUsagesOf(CryptographicUsageMask.CertificateSign) : 0;
  const usages = find(extensions, ExtendedKeyUsageExtension)?.usages.map(String);
  return {
    subject: wish.subject ?? subjectOf(old),
    publicKeyInfo,
    alternativeNames:
      wish.alternativeNames ?? (names === undefined ? undefined : new Uint8Array(names.value)),
    extendedKeyUsages: wish.extendedKeyUsages ?? usages ?? [],
    keyUsages:
      wish.keyUsages === undefined
        ? (find(extensions, KeyUsagesExtension)?.usages ?? ofCa)
        : wish.keyUsages | ofCa,
    isCa,
  };
}

/** The links that name the issuer: of the request, else the parent of the old certificate, else its own key. */
function issuerLinks(
  wish: CertificateWish,
  old: ManagedObject,
  isSelfSigned: boolean,
  ownKeyUid: string | undefined,
): readonly Attribute[] {
  if (wish.issuer.length > 0) return wish.issuer;
  const parent = linkedFrom(old.attributes, LinkType.CertificateLink).at(-1);
  if (parent !== undefined) return [linkTo(LinkType.CertificateLink, parent)];
  return isSelfSigned && ownKeyUid !== undefined ? [linkTo(LinkType.PrivateKeyLink, ownKeyUid)] : [];
}

/** §4.8: the key's link to the old certificate now points to the new one. */
async function moveLink(
  context: OperationContext,
  seen: ManagedObject | undefined,
  oldUid: string,
  newUid: string,
): Promise<void> {
  if (seen === undefined || seen.wrapped === null) return;
  const key = await readForChange(context, seen.uid);
  const kept = withoutLinks(key.attributes, LinkType.CertificateLink, oldUid);
  const attributes = [...kept, linkTo(LinkType.CertificateLink, newUid)];
  await saveObject(context, withAttributes(key, attributes, context.nowS), 'OBJECT_CERTIFIED');
}

export const reCertifyHandler: Handler<typeof Operation.ReCertify> = async (request, context) => {
  const uid = uidOf(request, context);
  const given = await attributesMeant(context, request.templateAttribute);
  checkOffset(request.offset, given);
  const asked = await readRequest(request.certificateRequestType, request.certificateRequest);
  const wish = wishOf(given, asked);
  const old = await readForChange(context, uid);
  requireRenewable(old);
  const der = await readCertificate(context, old);
  const parsed = parseCertificate(der);
  if (parsed === undefined) throw KmipError.permissionDenied('OpenSSL cannot read the certificate');
  const { certificate } = parsed;
  if (asked !== undefined) requireSameKey(asked.publicKeyInfo, certificate.publicKey);

  const publicUid = linkedFrom(old.attributes, LinkType.PublicKeyLink).at(-1);
  const publicKey = await follow(context, publicUid, ObjectType.PublicKey);
  const privateUid =
    publicKey === undefined ? undefined : linkedFrom(publicKey.attributes, LinkType.PrivateKeyLink).at(-1);
  const privateKey = await follow(context, privateUid, ObjectType.PrivateKey);
  const isSelfSigned = certificate.checkIssued(certificate);
  const links = issuerLinks(wish, old, isSelfSigned, privateKey?.uid);
  const publicKeyInfo = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const inherited = inheritedAttributes(
    old,
    wish.attributes,
    replacementDates(datesOf(old, certificate), request.offset, context.nowS),
  );
  const made = await newCertificate(context, {
    content: contentOf(wish, new X509(Uint8Array.from(der)), publicKeyInfo),
    issuer: await findIssuer(context, links, privateKey?.uid),
    signatureAlgorithm: wish.signatureAlgorithm,
    attributes: inherited.filter((a) => !isOfCertificateValue(a)),
    links: [
      ...(publicKey === undefined ? [] : [linkTo(LinkType.PublicKeyLink, publicKey.uid)]),
      replacedLink(old),
    ],
    service: old.service,
    cryptographicAlgorithm: undefined,
    cryptographicLength: undefined,
  });
  checkCounts(made.attributes);
  // The old certificate first: it must give its names up before the new one can claim them.
  await supersede(context, old, made.uid, 'OBJECT_RECERTIFIED');
  await addObject(context, made, 'OBJECT_CREATED');
  await moveLink(context, publicKey, old.uid, made.uid);
  await moveLink(context, privateKey, old.uid, made.uid);
  return { uniqueIdentifier: made.uid };
};
