/** What Certify and Re-certify share (KMIP 1.4 §4.7, §4.8): from what is decided to a signed certificate and its object. */
import { createPublicKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import { SecretBytes } from '../../../envelope/index.ts';
import {
  type Attribute,
  CertificateType,
  CryptographicUsageMask,
  KmipError,
  LinkType,
  ObjectType,
  ResultReason,
} from '../../../kmip/index.ts';
import {
  checkCounts,
  dateOf,
  fieldsFromTemplate,
  type ManagedObject,
  make,
  materialDigest,
  withCertificateAttributes,
} from '../../../objects/index.ts';
import { DEFAULT_CERTIFICATE_DAYS } from '../../limits.ts';
import type { OperationContext } from '../context.ts';
import { keyObject } from '../cryptography.ts';
import { linkTo } from '../links.ts';
import { readToProtect, sealMaterial } from '../objects.ts';
import { type CertificateContent, makeCertificate } from './issue.ts';
import type { Issuer } from './issuer.ts';
import { signingAlgorithm } from './signing.ts';
import { find } from './wish.ts';
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, X509 } from './x509.ts';

const DAY_S = 86_400;
/** The end of the year 9999, after which RFC 5280 has no dates. */
const LAST_S = 253_402_300_799;

export interface CertificatePlan {
  readonly content: Omit<CertificateContent, 'notBeforeS' | 'notAfterS'>;
  readonly issuer: Issuer;
  readonly signatureAlgorithm: number | undefined;
  /** For the object; Activation and Deactivation Date are the certificate's validity. */
  readonly attributes: readonly Attribute[];
  readonly links: readonly Attribute[];
  readonly service: ManagedObject['service'];
  /** Of the certified key. */
  readonly cryptographicAlgorithm: number | undefined;
  readonly cryptographicLength: number | undefined;
}

function validityOf(
  attributes: readonly Attribute[],
  ca: Issuer['ca'],
  nowS: number,
): { readonly notBeforeS: number; readonly notAfterS: number } {
  const date = (name: string): number | undefined => {
    const found = attributes.find((a) => a.attributeName === name);
    return found === undefined ? undefined : dateOf(found);
  };
  const notBeforeS = date('Activation Date') ?? nowS;
  const wantedS = date('Deactivation Date') ?? notBeforeS + DEFAULT_CERTIFICATE_DAYS * DAY_S;
  // Nobody would trust it longer than the one who issued it.
  const lastS =
    ca === undefined ? LAST_S : Math.floor(new X509Certificate(ca.der).validToDate.getTime() / 1000);
  const notAfterS = Math.min(wantedS, lastS);
  if (notBeforeS < 0 || notAfterS <= notBeforeS) {
    throw KmipError.invalidField(
      'the certificate would end before it begins: check Activation Date, Deactivation Date, and how long its issuer is valid',
    );
  }
  return { notBeforeS, notAfterS };
}

/** RFC 5280 §4.2.1.3 and §4.2.1.9: what the CA's own certificate allows. */
function requireMayIssue(ca: Issuer['ca'], isCa: boolean): void {
  if (ca === undefined) return;
  const { extensions } = new X509(Uint8Array.from(ca.der));
  const usages = find(extensions, KeyUsagesExtension)?.usages;
  if (usages !== undefined && (usages & KeyUsageFlags.keyCertSign) === 0) {
    throw KmipError.permissionDenied(
      "the Key Usage of the CA's certificate does not allow signing certificates",
    );
  }
  if (isCa && find(extensions, BasicConstraintsExtension)?.pathLength === 0) {
    throw KmipError.permissionDenied("the CA's certificate allows no further CA below it");
  }
}

/**
 * Clients set the links that lead from certificates to keys, and back. A key signs as the CA whose certificate is its own,
 * with what that one allows; without a CA it signs for itself alone. Else a link would make anybody's key a CA's equal.
 */
function requireOwn(privateKey: KeyObject, ca: Issuer['ca'], publicKeyInfo: Uint8Array): void {
  const named =
    ca === undefined
      ? createPublicKey({ key: Buffer.from(publicKeyInfo), format: 'der', type: 'spki' })
      : new X509Certificate(ca.der).publicKey;
  if (createPublicKey(privateKey).equals(named)) return;
  throw KmipError.permissionDenied(
    ca === undefined
      ? 'a key signs for itself without a CA certificate, and the linked private key is another one'
      : "the issuing key is not that of the CA's certificate; check the links between them",
  );
}

/** What the client wants may be DER outside and nonsense inside: then that is said, and not that the server failed. */
async function signed(...content: Parameters<typeof makeCertificate>): Promise<Uint8Array> {
  try {
    return await makeCertificate(...content);
  } catch (cause) {
    if (cause instanceof KmipError) throw cause;
    throw new KmipError(
      ResultReason.CryptographicFailure,
      'no certificate could be made of these names and this key',
      { cause },
    );
  }
}

/** The certificate's object, sealed and not stored yet. The issuing key is used, and its limits are spent. */
export async function newCertificate(
  context: OperationContext,
  plan: CertificatePlan,
): Promise<ManagedObject> {
  const { content, issuer, attributes, links, service, cryptographicAlgorithm, cryptographicLength } = plan;
  const { nowS, requester } = context;
  const validity = validityOf(attributes, issuer.ca, nowS);
  requireMayIssue(issuer.ca, content.isCa);
  const signer = await readToProtect(
    context,
    issuer.privateKey.uid,
    CryptographicUsageMask.CertificateSign,
    content.publicKeyInfo.length,
  );
  const privateKey = await keyObject(context, signer);
  requireOwn(privateKey, issuer.ca, content.publicKeyInfo);
  const algorithm = signingAlgorithm(privateKey, plan.signatureAlgorithm);
  const der = await signed(
    { ...content, ...validity },
    { privateKey, algorithm, certificate: issuer.ca?.der },
  );
  const parent = issuer.ca === undefined ? [] : [linkTo(LinkType.CertificateLink, issuer.ca.object.uid)];
  const fields = fieldsFromTemplate({
    operation: 'register',
    objectType: ObjectType.Certificate,
    attributes: [
      ...attributes.filter(({ attributeName: name }) => name !== ACTIVATION && name !== DEACTIVATION),
      make.date(ACTIVATION, validity.notBeforeS),
      make.date(DEACTIVATION, validity.notAfterS),
      ...links,
      ...parent,
    ],
    nowS,
    keyBlock: {
      ...(cryptographicAlgorithm === undefined ? {} : { cryptographicAlgorithm }),
      ...(cryptographicLength === undefined ? {} : { cryptographicLength }),
    },
  });
  const all = withCertificateAttributes(fields.attributes, CertificateType.X_509, der);
  checkCounts(all);
  const uid = randomUUID();
  using material = SecretBytes.take(der);
  return {
    ...fields,
    attributes: all,
    dates: { ...fields.dates, originalCreation: nowS },
    uid,
    tenant: requester.scope.tenant,
    service,
    subtype: CertificateType.X_509,
    digest: material.use(materialDigest),
    wrapped: await sealMaterial(context, service, uid, material),
    revision: 1,
  };
}

const ACTIVATION = 'Activation Date';
const DEACTIVATION = 'Deactivation Date';
