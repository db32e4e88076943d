/** Whether a certificate has been revoked, by the revocation lists in use: asked at a handshake, and again ever after. */
import { createHash, type X509Certificate } from 'node:crypto';
import { serialOf } from './crl-entries.ts';
import type { ReadLists, RevocationList } from './revocation-lists.ts';
import { isSignedBy, issuerOf, keyFingerprint, subjectOf } from './tls-identity.ts';

export type RevocationCode = 'REVOKED' | 'CRL_STALE' | 'CRL_MISSING' | 'CHAIN_UNKNOWN';

export interface RevocationRefusal {
  readonly code: RevocationCode;
  readonly message: string;
}

export interface RevocationPolicy {
  /** When the list of a certificate's issuer is out of date. */
  readonly whenStale: 'refuse' | 'accept';
  /** When there is no list of it at all. */
  readonly whenMissing: 'refuse' | 'accept';
}

/** A certificate of a chain, as far as lists go. */
export interface ChainLink {
  readonly subject: string;
  readonly serial: string;
  /** Hex SHA-256 of its issuer's public key; undefined where the issuer was neither sent nor is trusted. */
  readonly issuer: string | undefined;
}

/** A certificate and all that stand above it, of those that are known. */
export interface Chain {
  readonly links: readonly ChainLink[];
  /** Whether it leads to an authority in use here. */
  readonly isWhole: boolean;
  /** A resumed session brings the certificate alone: what stands above it was judged at the first handshake. */
  readonly isResumed: boolean;
  /** Of the lists, when it was looked at. */
  readonly epoch: string;
}

/** Certificates of a chain, and those that a peer sends beside its own; with more it is not whole. */
const MAX_CHAIN = 10;
const MAX_SENT = 32;

export class Revocations {
  readonly #policy: RevocationPolicy;
  #lists: ReadonlyMap<string, RevocationList>;
  #authorities: readonly X509Certificate[];
  #epoch: string;

  constructor(policy: RevocationPolicy, read: ReadLists) {
    this.#policy = policy;
    this.#lists = byIssuer(read);
    this.#authorities = read.authorities;
    this.#epoch = epochOf(read);
  }

  replace(read: ReadLists): void {
    this.#lists = byIssuer(read);
    this.#authorities = read.authorities;
    this.#epoch = epochOf(read);
  }

  /**
   * The certificate and those above it, without the root, which only its own authority could revoke. Computes a
   * signature for each: keep the answer as long as the connection.
   *
   * A peer sends issuers in any order, and others among them (RFC 8446 §4.4.2), and which of them OpenSSL went by it does
   * not tell: so all that have signed count. Some runtimes do not tell what was sent at all (nodejs/node#65579).
   */
  chainOf(certificate: X509Certificate, isResumed: boolean): Chain {
    const sent = sentWith(certificate);
    const links: ChainLink[] = [];
    const found = [certificate];
    let isWhole = sent.length <= MAX_SENT;
    let leads = false;
    for (const current of found) {
      if (isSignedBy(current, current)) {
        leads ||= this.#authorities.some((authority) => isSame(authority, current));
        continue;
      }
      if (links.length >= MAX_CHAIN) {
        isWhole = false;
        break;
      }
      // Those in use here first: a resumed session brings no issuers.
      const known = issuerOf(current, this.#authorities);
      leads ||= known !== undefined;
      const issuers = known === undefined ? sent.filter((one) => isSignedBy(current, one)) : [known];
      const [issuer] = issuers;
      links.push({
        subject: subjectOf(current),
        serial: serialOf(current.serialNumber),
        issuer: issuer === undefined ? undefined : keyFingerprint(issuer),
      });
      found.push(...issuers.filter((one) => !found.some((other) => isSame(one, other))));
    }
    return { links, isWhole: isWhole && leads, isResumed, epoch: this.#epoch };
  }

  /** Changes whenever a list does. */
  get epoch(): string {
    return this.#epoch;
  }

  /** The list that is out of date first: when, in milliseconds since 1970; undefined where there is none. */
  get nextUpdateMs(): number | undefined {
    const times = [...this.#lists.values()].map(({ nextUpdateMs }) => nextUpdateMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  judge({ links, isWhole, isResumed, epoch }: Chain, nowMs: number): RevocationRefusal | undefined {
    for (const link of links) {
      const refusal = this.#judge(link, nowMs);
      if (refusal !== undefined) return refusal;
    }
    // Nobody could say that what stands above is on no list; on resumption, that it is on none that has come since, or
    // should have come.
    const isAsJudged = isResumed && epoch === this.#epoch && !this.#isAnyStale(nowMs);
    if (isWhole || isAsJudged) return undefined;
    const name = links[0]?.subject ?? '?';
    const message = `which authorities stand above "${name}" is not known here: put their certificates beside a list or into "ca"`;
    return { code: 'CHAIN_UNKNOWN', message };
  }

  #isAnyStale(nowMs: number): boolean {
    const { nextUpdateMs } = this;
    return this.#policy.whenStale === 'refuse' && nextUpdateMs !== undefined && nowMs > nextUpdateMs;
  }

  #judge({ subject, serial, issuer }: ChainLink, nowMs: number): RevocationRefusal | undefined {
    const list = issuer === undefined ? undefined : this.#lists.get(issuer);
    if (list === undefined) {
      if (this.#policy.whenMissing === 'accept') return undefined;
      const message = `there is no revocation list of the issuer of "${subject}"`;
      return { code: 'CRL_MISSING', message };
    }
    if (list.revoked.has(serial)) {
      const message = `the certificate of "${subject}" (serial ${serial}) is revoked by "${list.issuerName}"`;
      return { code: 'REVOKED', message };
    }
    if (nowMs > list.nextUpdateMs && this.#policy.whenStale === 'refuse') {
      const since = new Date(list.nextUpdateMs).toISOString();
      const message = `the revocation list of "${list.issuerName}" is out of date since ${since}`;
      return { code: 'CRL_STALE', message };
    }
    return undefined;
  }
}

function byIssuer({ lists }: ReadLists): ReadonlyMap<string, RevocationList> {
  return new Map(lists.map((list) => [list.issuer, list]));
}

function epochOf({ lists }: ReadLists): string {
  const digests = lists.map(({ digest }) => digest).sort();
  return createHash('sha256').update(digests.join()).digest('hex');
}

/** In the peer's order; one more than MAX_SENT at most. */
function sentWith(certificate: X509Certificate): X509Certificate[] {
  const sent: X509Certificate[] = [];
  let next: X509Certificate | undefined = certificate.issuerCertificate;
  for (; next !== undefined && sent.length <= MAX_SENT; next = next.issuerCertificate) sent.push(next);
  return sent;
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
  return one.raw.equals(other.raw);
}
