/**
 * Certificates: which check fails, and only that. The judgements are of texts and times; what reads files and speaks TLS
 * stands below them and in `tls-peer.ts`.
 */
import 'reflect-metadata'; // @peculiar/x509's dependency injector needs it, loaded first
import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as ParsedCertificate } from '@peculiar/x509';
import { errorMessage } from '../../platform/errors.ts';
import { Revocations } from '../../platform/revocation.ts';
import { type ReadLists, readRevocationLists } from '../../platform/revocation-lists.ts';
import type { RevocationConfig } from '../../platform/tls-config.ts';
import { checkPurpose, checkValidity, isSignedBy, issuerOf, subjectOf } from '../../platform/tls-identity.ts';
import { certificatesIn, MAX_PEM_BYTES, readBounded } from '../../platform/tls-material.ts';
import { finding, passed, type Verdict } from './verdict.ts';

const DAY_MS = 86_400_000;
/** A certificate is renewed this long before it ends; one that lives shorter, in the last third of its life. */
const SOON_MS = 30 * DAY_MS;
const SOON_SHARE = 1 / 3;
/** The same of a revocation list: the last quarter of its time. */
const CRL_SOON_SHARE = 1 / 4;

export interface CertificateCase {
  /** What it is for, such as "server certificate". */
  readonly checked: string;
  readonly file: string;
  /** PEM: the certificate, then the intermediates above it. */
  readonly pem: string;
  /** PEM of its private key, and where it lies. */
  readonly key?: { readonly file: string; readonly pem: string } | undefined;
  readonly purpose: 'server' | 'client';
  /** The name or address that peers connect to. */
  readonly host?: string | undefined;
  /** The authorities of the peer, and in which file. */
  readonly trust?: { readonly file: string; readonly pem: string } | undefined;
  readonly revocations?: Revocations | undefined;
}

export function judgeCertificate(of: CertificateCase, nowMs: number): Verdict[] {
  const { checked, file, purpose } = of;
  let chain: X509Certificate[];
  try {
    chain = certificatesIn(of.pem, file);
  } catch (error) {
    return [finding('CERT_UNREADABLE', checked, errorMessage(error), { file })];
  }
  const [certificate, ...above] = chain;
  if (certificate === undefined)
    return [finding('CERT_UNREADABLE', checked, `${file} holds no certificate`, { file })];
  const found = [
    ...keyTrouble(of, certificate),
    ...timeTrouble(of, chain, nowMs),
    ...usageTrouble(of, certificate, purpose),
    ...nameTrouble(of, certificate),
    ...chainTrouble(of, certificate, above),
    ...revocationTrouble(of, certificate, nowMs),
  ];
  if (found.length > 0) return found;
  const daysLeft = Math.floor((certificate.validToDate.getTime() - nowMs) / DAY_MS);
  const facts = {
    file,
    subject: subjectOf(certificate),
    notAfter: instant(certificate.validToDate),
    daysLeft,
  };
  return [passed(checked, `"${facts.subject}", ${daysLeft} days left`, facts)];
}

function keyTrouble({ checked, file, key }: CertificateCase, certificate: X509Certificate): Verdict[] {
  if (key === undefined) return [];
  const facts = { file, key: key.file };
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key.pem));
  } catch {
    // The engine's own words may quote the file.
    return [finding('CERT_KEY_MISMATCH', checked, `${key.file} holds no private key`, facts)];
  }
  if (matches) return [];
  return [finding('CERT_KEY_MISMATCH', checked, `the key in ${key.file} is not that of ${file}`, facts)];
}

function timeTrouble(
  { checked, file }: CertificateCase,
  chain: readonly X509Certificate[],
  nowMs: number,
): Verdict[] {
  for (const certificate of chain) {
    const facts = {
      file,
      subject: subjectOf(certificate),
      notBefore: instant(certificate.validFromDate),
      notAfter: instant(certificate.validToDate),
    };
    const refusal = checkValidity(certificate, new Date(nowMs));
    if (refusal?.code === 'EXPIRED') return [finding('CERT_EXPIRED', checked, refusal.message, facts)];
    if (refusal !== undefined) return [finding('CERT_NOT_YET_VALID', checked, refusal.message, facts)];
    const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
    const leftMs = to - nowMs;
    if (leftMs < Math.min(SOON_MS, (to - from) * SOON_SHARE)) {
      const left =
        leftMs < DAY_MS ? `${Math.floor(leftMs / 3_600_000)} hours` : `${Math.floor(leftMs / DAY_MS)} days`;
      const told = `"${facts.subject}" ends in ${left}, on ${facts.notAfter}`;
      return [finding('CERT_EXPIRES_SOON', checked, told, { ...facts, leftMs })];
    }
  }
  return [];
}

function usageTrouble(
  { checked, file }: CertificateCase,
  certificate: X509Certificate,
  purpose: 'server' | 'client',
): Verdict[] {
  const refusal = checkPurpose(certificate, purpose);
  const facts = { file, subject: subjectOf(certificate), purpose };
  if (refusal !== undefined) return [finding('CERT_WRONG_USAGE', checked, refusal.message, facts)];
  // RFC 8446 §4.4.2.2: where there is a key usage, it must allow signatures.
  const usage = new ParsedCertificate(certificate.raw).getExtension(KeyUsagesExtension);
  if (usage === null || (usage.usages & KeyUsageFlags.digitalSignature) !== 0) return [];
  const told = `the key usage of "${facts.subject}" does not allow signatures (digitalSignature)`;
  return [finding('CERT_WRONG_USAGE', checked, told, facts)];
}

function nameTrouble({ checked, file, host }: CertificateCase, certificate: X509Certificate): Verdict[] {
  if (host === undefined) return [];
  const covers =
    isIP(host) === 0 ? certificate.checkHost(host) !== undefined : certificate.checkIP(host) !== undefined;
  if (covers) return [];
  const names = (certificate.subjectAltName ?? '').slice(0, 512);
  const told = `it is for ${names === '' ? 'no name at all' : names}, and peers connect to ${host}`;
  return [finding('CERT_WRONG_NAME', checked, told, { file, host, names })];
}

function chainTrouble(
  { checked, file, trust }: CertificateCase,
  certificate: X509Certificate,
  above: readonly X509Certificate[],
): Verdict[] {
  if (trust === undefined) return [];
  let authorities: X509Certificate[];
  try {
    authorities = certificatesIn(trust.pem, trust.file);
  } catch (error) {
    return [finding('CERT_UNREADABLE', checked, errorMessage(error), { file: trust.file })];
  }
  let current = certificate;
  // Each step uses up one intermediate, so that this ends.
  for (let left = [...above]; ; ) {
    if (authorities.some((authority) => authority.raw.equals(current.raw))) return [];
    if (issuerOf(current, authorities) !== undefined) return [];
    const next = left.find((candidate) => isSignedBy(current, candidate));
    if (next === undefined) break;
    left = left.filter((candidate) => candidate !== next);
    current = next;
  }
  const issuer = current.issuer.slice(0, 512).replaceAll('\n', ', ');
  const told = `"${subjectOf(current)}" is issued by "${issuer}", which is not among the ${authorities.length} in ${trust.file}`;
  return [finding('CERT_CHAIN', checked, told, { file, ca: trust.file, issuer })];
}

function revocationTrouble(
  { checked, file, revocations }: CertificateCase,
  certificate: X509Certificate,
  nowMs: number,
): Verdict[] {
  if (revocations === undefined) return [];
  const refusal = revocations.judge(revocations.chainOf(certificate, false), nowMs);
  if (refusal?.code !== 'REVOKED') return []; // lists that are out of date are told once, by themselves
  return [finding('CERT_REVOKED', checked, refusal.message, { file, serial: certificate.serialNumber })];
}

/** Lists as they were read. */
export function judgeLists(files: readonly string[], { lists }: ReadLists, nowMs: number): Verdict[] {
  const checked = 'revocation lists';
  const [file = ''] = files;
  return lists.map(({ issuerName, thisUpdateMs, nextUpdateMs, revoked }) => {
    const until = instant(new Date(nextUpdateMs));
    const facts = { file, issuer: issuerName, nextUpdate: until, revoked: revoked.size };
    if (nowMs > nextUpdateMs)
      return finding(
        'CRL_STALE',
        checked,
        `the list of "${issuerName}" is out of date since ${until}`,
        facts,
      );
    if (nextUpdateMs - nowMs < (nextUpdateMs - thisUpdateMs) * CRL_SOON_SHARE)
      return finding('CRL_EXPIRES_SOON', checked, `the list of "${issuerName}" holds until ${until}`, facts);
    return passed(checked, `"${issuerName}": ${revoked.size} revoked, until ${until}`, facts);
  });
}

/** Reads the lists of a port; undefined where none are configured. */
export async function readLists(
  crl: RevocationConfig | undefined,
  caFile: string,
  nowMs: number,
): Promise<{ readonly verdicts: readonly Verdict[]; readonly revocations: Revocations | undefined }> {
  if (crl === undefined) return { verdicts: [], revocations: undefined };
  try {
    const trusted = certificatesIn(await readPem(caFile), caFile);
    const read = await readRevocationLists(crl.files, trusted);
    const policy = { whenStale: crl.whenStale ?? 'refuse', whenMissing: 'accept' } as const;
    return { verdicts: judgeLists(crl.files, read, nowMs), revocations: new Revocations(policy, read) };
  } catch (error) {
    const [file = ''] = crl.files;
    return {
      verdicts: [finding('CRL_REFUSED', 'revocation lists', errorMessage(error), { file })],
      revocations: undefined,
    };
  }
}

export interface CertificateFiles {
  readonly cert: string;
  readonly key?: string | undefined;
  readonly purpose: 'server' | 'client';
  readonly checked: string;
  readonly host?: string | undefined;
  /** File of the authorities by which the peer judges it. */
  readonly trust?: string | undefined;
  readonly revocations?: Revocations | undefined;
}

/** The same of files. One that cannot be read is told by the check of files. */
export async function checkCertificate(files: CertificateFiles, nowMs = Date.now()): Promise<Verdict[]> {
  const { cert, key, trust, ...rest } = files;
  const read = async (file: string | undefined) =>
    file === undefined ? undefined : { file, pem: await readPem(file) };
  try {
    const [own, ownKey, authorities] = await Promise.all([read(cert), read(key), read(trust)]);
    const of = { ...rest, file: cert, pem: own?.pem ?? '', key: ownKey, trust: authorities };
    return judgeCertificate(of, nowMs);
  } catch (error) {
    return [finding('CERT_UNREADABLE', files.checked, errorMessage(error), { file: cert })];
  }
}

export async function readPem(file: string): Promise<string> {
  return (await readBounded(file, MAX_PEM_BYTES)).toString('utf8');
}

const instant = (date: Date): string => date.toISOString();
