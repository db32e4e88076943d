/**
 * Validate (KMIP 1.4 §4.24): one chain of certificates, given or held here. What is missing above it is looked for where
 * the held certificates point to. A chain is trusted when it ends in a root that the caller's tenant holds: whoever may
 * register certificates decides what the tenant trusts.
 */
import {
  type Attribute,
  CertificateType,
  KmipError,
  LinkType,
  ObjectType,
  type Operation,
  type RequestOf,
  ValidityIndicator,
} from '../../../kmip/index.ts';
import {
  certificateAttributes,
  isDestroyed,
  type ManagedObject,
  materialDigest,
  State,
} from '../../../objects/index.ts';
import { MAX_CHAIN_CERTIFICATES } from '../../limits.ts';
import { certificateLike } from '../../store/certificates.ts';
import {
  type ChainCertificate,
  isSelfSigned,
  issuerAmong,
  ordered,
  type Verdict,
  verdictOn,
} from '../certificates/chain.ts';
import { follow, readCertificate } from '../certificates/issuer.ts';
import { parseCertificate } from '../certificates/x509.ts';
import { type Handler, type OperationContext, uidOf } from '../context.ts';
import { linkedFrom } from '../links.ts';
import { readObject } from '../objects.ts';

const indicators: Readonly<Record<Verdict, number>> = {
  valid: ValidityIndicator.Valid,
  invalid: ValidityIndicator.Invalid,
  unknown: ValidityIndicator.Unknown,
};

interface Found extends ChainCertificate {
  readonly object: ManagedObject | undefined;
}

/** §11.25 */
function noList(why: string): KmipError {
  return KmipError.invalidMessage(`the request names no chain of certificates: ${why}`);
}

/** Revoked by `atS`: Deactivated by a client rather than by its date, or Compromised from some moment on (§4.20). */
function isRevoked(object: ManagedObject, atS: number): boolean {
  const { state, dates, revocationReason } = object;
  if (revocationReason === undefined) return false;
  if (state === State.Compromised || state === State.DestroyedCompromised) {
    return atS >= (dates.compromiseOccurrence ?? dates.compromise ?? dates.initial);
  }
  return dates.deactivation !== undefined && atS >= dates.deactivation;
}

function found(der: Uint8Array, object: ManagedObject | undefined, atS: number): Found | undefined {
  const parsed = parseCertificate(der);
  if (parsed === undefined) return undefined;
  const { certificate } = parsed;
  return {
    ...parsed,
    object,
    isAnchor: object !== undefined && !isDestroyed(object.state) && isSelfSigned(certificate),
    isRevoked: object !== undefined && isRevoked(object, atS),
  };
}

async function readHeld(context: OperationContext, uid: string, atS: number): Promise<Found | undefined> {
  const object = await readObject(context, uidOf({ uniqueIdentifier: uid }, context));
  if (object.objectType !== ObjectType.Certificate || object.subtype !== CertificateType.X_509) {
    throw noList('one of the objects is no X.509 certificate');
  }
  return found(await readCertificate(context, object), object, atS);
}

/** X.509 Certificate Identifier; undefined for what could not be registered here either. */
function identifierOf(certificate: Uint8Array): Attribute | undefined {
  try {
    const attributes = certificateAttributes(CertificateType.X_509, certificate);
    return attributes.find(({ attributeName }) => attributeName === 'X.509 Certificate Identifier');
  } catch (error) {
    if (error instanceof KmipError) return undefined;
    throw error;
  }
}

/** A certificate that the client brings may be one that is held here: then what is known of it counts. */
async function readGiven(
  context: OperationContext,
  { certificateType, certificateValue }: NonNullable<ValidateRequest['certificate']>[number],
  atS: number,
): Promise<Found | undefined> {
  if (certificateType !== CertificateType.X_509) {
    throw noList('only X.509 certificates are validated here');
  }
  const { tx, requester, batch } = context;
  const digest = materialDigest(certificateValue);
  const identifier = identifierOf(certificateValue);
  const object =
    identifier && (await certificateLike(tx, requester.scope, { digest, identifier }, batch.budget));
  return found(certificateValue, object, atS);
}

type ValidateRequest = RequestOf<typeof Operation.Validate>;

/** The chain with the held certificates above it, as far as links lead to issuers. */
async function completed(
  context: OperationContext,
  chain: readonly Found[],
  atS: number,
): Promise<readonly Found[]> {
  const all = [...chain];
  while (all.length < MAX_CHAIN_CERTIFICATES) {
    const top = all.at(-1);
    if (top?.object === undefined || isSelfSigned(top.certificate)) break;
    const parents: Found[] = [];
    for (const uid of linkedFrom(top.object.attributes, LinkType.CertificateLink)) {
      context.batch.budget.look(1);
      const object = await follow(context, uid, ObjectType.Certificate);
      if (object === undefined || object.wrapped === null) continue;
      const parent = found(await readCertificate(context, object), object, atS);
      if (parent !== undefined) parents.push(parent);
    }
    const issuer = issuerAmong(top, parents);
    if (issuer === undefined) break;
    all.push(issuer);
  }
  return all;
}

export const validateHandler: Handler<typeof Operation.Validate> = async (request, context) => {
  const { certificate = [], uniqueIdentifier = [], validityDate: atS = context.nowS } = request;
  const count = certificate.length + uniqueIdentifier.length;
  if (count === 0) throw noList('it is empty');
  if (count > MAX_CHAIN_CERTIFICATES) throw noList(`it has more than ${MAX_CHAIN_CERTIFICATES}`);
  const all: (Found | undefined)[] = [];
  for (const uid of uniqueIdentifier) all.push(await readHeld(context, uid, atS));
  for (const given of certificate) all.push(await readGiven(context, given, atS));
  const readable = all.filter((one) => one !== undefined);
  // What cannot be read proves nothing.
  if (readable.length < all.length) return { validityIndicator: ValidityIndicator.Invalid };
  const distinct = readable.filter(
    (one, i) => readable.findIndex(({ certificate: other }) => other.raw.equals(one.certificate.raw)) === i,
  );
  const chain = ordered(distinct);
  // Certificates that do not sign each other: some signature of the chain is wrong, or one is missing.
  if (chain === undefined) return { validityIndicator: ValidityIndicator.Invalid };
  const verdict = verdictOn(await completed(context, chain, atS), atS);
  return { validityIndicator: indicators[verdict] };
};
