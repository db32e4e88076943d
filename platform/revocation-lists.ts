/**
 * Certificate revocation lists (RFC 5280 §5) from files, DER or PEM: read, verified against the authorities that are
 * trusted here, and reduced to the serial numbers that they revoke.
 *
 * A list that does not stand for itself is refused rather than half understood: deltas, parts (Issuing Distribution Point)
 * and lists in another authority's name.
 */
import 'reflect-metadata'; // @peculiar/x509's dependency injector needs it, loaded first
import { createHash, webcrypto, type X509Certificate } from 'node:crypto';
import {
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as ParsedCertificate,
  X509Crl,
} from '@peculiar/x509';
import { type Entries, readEntries, splitList } from './crl-entries.ts';
import { errorMessage, OkcmError } from './errors.ts';
import { issuerOf, keyFingerprint, subjectOf } from './tls-identity.ts';
import { certificatesIn, readBounded } from './tls-material.ts';

cryptoProvider.set(webcrypto);

/** Bytes of one file: some 200,000 entries. */
export const MAX_CRL_BYTES = 8 * 1024 * 1024;
export const MAX_CRL_FILES = 64;
/** Certificates of authorities in one file, beside its lists. */
const MAX_AUTHORITIES = 64;
/** How far the clock of an authority may be ahead of ours. */
const SKEW_MS = 5 * 60_000;

export interface RevocationList {
  /** Hex SHA-256 of the public key of the authority whose certificates it revokes; it has signed the list. */
  readonly issuer: string;
  readonly issuerName: string;
  readonly thisUpdateMs: number;
  /** By then there is a newer one, and nobody should go by this any more. */
  readonly nextUpdateMs: number;
  /** Serial numbers in lower-case hex, without leading zeros. */
  readonly revoked: ReadonlySet<string>;
  /** Hex SHA-256 of the list. */
  readonly digest: string;
}

export interface ReadLists {
  /** One for each authority: its latest. */
  readonly lists: readonly RevocationList[];
  /** Authorities named by lists that nobody here trusts, so that the list has no use (yet). */
  readonly unknownIssuers: readonly string[];
  /** Those that were trusted, and the intermediates that came with lists. */
  readonly authorities: readonly X509Certificate[];
}

/**
 * A PEM file may hold the certificates of intermediate authorities beside the lists that these have signed.
 * Errors: CRL_REFUSED, TLS_FILES; both name the file.
 */
export async function readRevocationLists(
  paths: readonly string[],
  trusted: readonly X509Certificate[],
  before: readonly RevocationList[] = [],
): Promise<ReadLists> {
  const latest = new Map<string, RevocationList>();
  const unknown = new Set<string>();
  const files = await Promise.all(
    paths.map(async (path) => ({ path, ...contentOf(await readBounded(path, MAX_CRL_BYTES), path) })),
  );
  const authorities = withIntermediates(
    trusted,
    files.flatMap((file) => file.certificates),
  );
  for (const { path, encoded } of files) {
    for (const der of encoded) {
      const list = await verified(der, authorities, path);
      if (typeof list === 'string') {
        unknown.add(list);
        continue;
      }
      const other = latest.get(list.issuer);
      if (other === undefined || other.thisUpdateMs < list.thisUpdateMs) latest.set(list.issuer, list);
    }
  }
  for (const old of before) {
    const fresh = latest.get(old.issuer);
    if (fresh === undefined || fresh.thisUpdateMs >= old.thisUpdateMs) continue;
    const [was, is] = [old.thisUpdateMs, fresh.thisUpdateMs].map((ms) => new Date(ms).toISOString());
    throw new OkcmError(
      'CRL_REFUSED',
      `the list of "${fresh.issuerName}" is of ${is}, older than the one in use, which is of ${was}`,
    );
  }
  return { lists: [...latest.values()], unknownIssuers: [...unknown], authorities };
}

/** RFC 7468 §7: `X509 CRL`; some tools leave the first word out. */
const CRL_BLOCK = /-----BEGIN (?:X509 )?CRL-----([A-Za-z0-9+/=\s]+)-----END (?:X509 )?CRL-----/g;
const DER_SEQUENCE = 0x30;

function contentOf(bytes: Buffer, path: string) {
  if (bytes[0] === DER_SEQUENCE) return { encoded: [bytes], certificates: [] };
  const text = bytes.toString('latin1');
  const encoded = [...text.matchAll(CRL_BLOCK)].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
  if (encoded.length === 0) throw refused(path, 'holds no revocation list, neither DER nor PEM (X509 CRL)');
  return { encoded, certificates: certificatesIn(text, path).slice(0, MAX_AUTHORITIES) };
}

/** Those of `candidates` too that a trusted authority has issued as authorities, at any depth. */
function withIntermediates(
  trusted: readonly X509Certificate[],
  candidates: readonly X509Certificate[],
): X509Certificate[] {
  const authorities = [...trusted];
  let left = candidates.filter((candidate) => candidate.ca);
  for (;;) {
    const found = left.filter((candidate) => issuerOf(candidate, authorities) !== undefined);
    if (found.length === 0) return authorities;
    authorities.push(...found);
    left = left.filter((candidate) => !found.includes(candidate));
  }
}

/** A list as the library reads it, without its entries; signed is what they are a part of. */
class ListWithoutEntries extends X509Crl {
  constructor(withoutEntries: Buffer, signed: Buffer) {
    super(withoutEntries);
    this.asn.tbsCertListRaw = new Uint8Array(signed).buffer;
  }
}

interface Parsed {
  readonly list: X509Crl;
  readonly entries: Entries;
}

/** The name of its issuer where that is not known. */
async function verified(
  der: Buffer,
  authorities: readonly X509Certificate[],
  path: string,
): Promise<RevocationList | string> {
  const { list, entries } = await parse(der, path);
  const name = Buffer.from(list.issuerName.toArrayBuffer());
  const namesakes = authorities
    .map((authority) => ({ authority, parsed: new ParsedCertificate(authority.raw) }))
    .filter(({ parsed }) => name.equals(Buffer.from(parsed.subjectName.toArrayBuffer())));
  if (namesakes.length === 0) return list.issuer;
  for (const { authority, parsed } of namesakes) {
    if (!maySignLists(parsed) || !(await hasSignedList(list, parsed))) continue;
    refuseUnlessItHolds(list, entries, path);
    return {
      issuer: keyFingerprint(authority),
      issuerName: subjectOf(authority),
      thisUpdateMs: list.thisUpdate.getTime(),
      nextUpdateMs: list.nextUpdate?.getTime() ?? 0,
      revoked: entries.serials,
      digest: createHash('sha256').update(der).digest('hex'),
    };
  }
  throw refused(path, `is not signed by "${list.issuer}", in whose name it is, or that may not sign lists`);
}

async function parse(der: Buffer, path: string): Promise<Parsed> {
  let parsed: Parsed;
  try {
    const { withoutEntries, signed, entries } = splitList(der);
    parsed = {
      list: new ListWithoutEntries(withoutEntries, signed),
      entries: await readEntries(entries),
    };
  } catch (error) {
    throw refused(path, `cannot be read: ${errorMessage(error)}`, error);
  }
  const odd = parsed.list.extensions.find(({ type, critical }) => critical || NEVER_WHOLE.has(type));
  if (odd !== undefined) {
    const what = NEVER_WHOLE.get(odd.type) ?? `a critical extension that is not understood (${odd.type})`;
    throw refused(path, `holds ${what}; a complete list of the authority itself is needed`);
  }
  return parsed;
}

const NEVER_WHOLE: ReadonlyMap<string, string> = new Map([
  ['2.5.29.27', 'a delta (Delta CRL Indicator)'],
  ['2.5.29.28', 'a part of a list (Issuing Distribution Point)'],
]);

/** RFC 5280 §6.3.3 (f). */
function maySignLists(authority: ParsedCertificate): boolean {
  const usage = authority.getExtension(KeyUsagesExtension);
  return usage === null || (usage.usages & KeyUsageFlags.cRLSign) !== 0;
}

async function hasSignedList(list: X509Crl, authority: ParsedCertificate): Promise<boolean> {
  try {
    return await list.verify({ publicKey: authority.publicKey });
  } catch {
    return false; // the signature is not of this key's kind
  }
}

function refuseUnlessItHolds(
  { thisUpdate, nextUpdate }: X509Crl,
  { hasCritical }: Entries,
  path: string,
): void {
  if (nextUpdate === undefined) throw refused(path, 'does not say until when it holds (nextUpdate)');
  if (thisUpdate.getTime() > Date.now() + SKEW_MS)
    throw refused(path, `holds from ${thisUpdate.toISOString()} on, our clock is behind that`);
  if (hasCritical)
    throw refused(path, 'holds an entry with a critical extension, as lists for other authorities do');
}

function refused(path: string, what: string, cause?: unknown): OkcmError {
  return new OkcmError('CRL_REFUSED', `${path} ${what}`, { cause });
}
