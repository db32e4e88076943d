/**
 * Whether certificates form a valid chain (KMIP 1.4 §4.24), by the rules of RFC 5280 §6 that need no policy: issuer and
 * subject, signatures, dates, who may issue, how deep, and extensions that must be understood. Pure; trust and
 * revocation are the caller's to tell.
 */
import type { X509Certificate } from 'node:crypto';
import { find } from './wish.ts';
import {
  BasicConstraintsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type ParsedCertificate,
} from './x509.ts';

export interface ChainCertificate extends ParsedCertificate {
  /** A root of this caller's, where chains may end. */
  readonly isAnchor: boolean;
  /** Revoked by the time that is asked about. */
  readonly isRevoked: boolean;
}

export type Verdict = 'valid' | 'invalid' | 'unknown';

/** Critical extensions that this check acts on, or that restrict only what a certificate is used for. */
const understood: ReadonlySet<string> = new Set([
  '2.5.29.14',
  '2.5.29.15',
  '2.5.29.17',
  '2.5.29.18',
  '2.5.29.19',
  '2.5.29.35',
  '2.5.29.37',
]);

/** The issuer of `certificate` by name and signature, never itself. */
export function issuerAmong<T extends { readonly certificate: X509Certificate }>(
  { certificate }: { readonly certificate: X509Certificate },
  candidates: readonly T[],
): T | undefined {
  return candidates.find(
    (candidate) =>
      candidate.certificate !== certificate &&
      certificate.checkIssued(candidate.certificate) &&
      verifies(certificate, candidate.certificate),
  );
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && verifies(certificate, certificate);
}

function verifies(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/**
 * The certificates from leaf to root; undefined when they are not one chain.
 */
export function ordered<T extends ChainCertificate>(certificates: readonly T[]): readonly T[] | undefined {
  const issuers = new Map(certificates.map((one) => [one, issuerAmong(one, certificates)]));
  const leaves = certificates.filter((one) => ![...issuers.values()].includes(one));
  const [leaf, ...others] = leaves;
  if (leaf === undefined || others.length > 0) return undefined;
  const chain: T[] = [];
  for (let next: T | undefined = leaf; next !== undefined && !chain.includes(next); ) {
    chain.push(next);
    next = issuers.get(next);
  }
  return chain.length === certificates.length ? chain : undefined;
}

function isInTime(certificate: X509Certificate, atS: number): boolean {
  const atMs = atS * 1000;
  return certificate.validFromDate.getTime() <= atMs && atMs <= certificate.validToDate.getTime();
}

/** `below`: intermediate CAs between this one and the leaf. */
function mayIssue(extensions: readonly Extension[], below: number): boolean {
  const constraints = find(extensions, BasicConstraintsExtension);
  const usages = find(extensions, KeyUsagesExtension)?.usages;
  return (
    constraints?.ca === true &&
    (constraints.pathLength === undefined || below <= constraints.pathLength) &&
    (usages === undefined || (usages & KeyUsageFlags.keyCertSign) !== 0)
  );
}

/**
 * `chain`: from leaf to root, each signed by the next. Unknown: nothing is wrong, but it ends in no anchor, or an
 * extension says something critical that is not understood here.
 */
export function verdictOn(chain: readonly ChainCertificate[], atS: number): Verdict {
  let isUnderstood = true;
  for (const [index, { certificate, extensions, isRevoked }] of chain.entries()) {
    if (isRevoked || !isInTime(certificate, atS)) return 'invalid';
    if (index > 0 && !mayIssue(extensions, index - 1)) return 'invalid';
    if (extensions.some(({ critical, type }) => critical && !understood.has(type))) isUnderstood = false;
  }
  const root = chain.at(-1);
  if (root === undefined || !isUnderstood) return 'unknown';
  return root.isAnchor && isSelfSigned(root.certificate) ? 'valid' : 'unknown';
}
