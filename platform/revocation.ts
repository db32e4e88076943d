/** Whether a certificate has been revoked, by the revocation lists in use: asked at a handshake, and again ever after. */
import { createHash, type X509Certificate } from 'node:crypto';
import { serialOf } from './crl-entries.ts';
import type { ReadLists, RevocationList } from './revocation-lists.ts';
import { isSignedBy, issuerOf, keyFingerprint, subjectOf } from './tls-identity.ts';

export type RevocationCode = 'REVOKED' | 'CRL_STALE' | 'CRL_MISSING';

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

/** Certificates of a chain that are looked at; OpenSSL verifies no longer ones than this by far. */
const MAX_CHAIN = 10;

export class Revocations {
  readonly #policy: RevocationPolicy;
  #lists: ReadonlyMap<string, RevocationList>;
  #authorities: readonly X509Certificate[];

  constructor(policy: RevocationPolicy, read: ReadLists) {
    this.#policy = policy;
    this.#lists = byIssuer(read);
    this.#authorities = read.authorities;
  }

  replace(read: ReadLists): void {
    this.#lists = byIssuer(read);
    this.#authorities = read.authorities;
  }

  /**
   * The certificate and those above it, without the root, which only its own authority could revoke. Computes a
   * signature for each: keep the answer as long as the connection.
   */
  chainOf(certificate: X509Certificate): readonly ChainLink[] {
    const links: ChainLink[] = [];
    let current: X509Certificate | undefined = certificate;
    while (current !== undefined && links.length < MAX_CHAIN && !isSignedBy(current, current)) {
      // Those in use here first: a resumed session brings no issuers, and a peer may send one of the same name.
      const sent: X509Certificate | undefined = current.issuerCertificate;
      const issuer: X509Certificate | undefined =
        issuerOf(current, this.#authorities) ??
        (sent !== undefined && isSignedBy(current, sent) ? sent : undefined);
      links.push({
        subject: subjectOf(current),
        serial: serialOf(current.serialNumber),
        issuer: issuer === undefined ? undefined : keyFingerprint(issuer),
      });
      current = issuer;
    }
    return links;
  }

  /** Changes whenever a list does. */
  get epoch(): string {
    const digests = [...this.#lists.values()].map(({ digest }) => digest).sort();
    return createHash('sha256').update(digests.join()).digest('hex');
  }

  /** The list that is out of date first: when, in milliseconds since 1970; undefined where there is none. */
  get nextUpdateMs(): number | undefined {
    const times = [...this.#lists.values()].map(({ nextUpdateMs }) => nextUpdateMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  judge(chain: readonly ChainLink[], nowMs: number): RevocationRefusal | undefined {
    for (const link of chain) {
      const refusal = this.#judge(link, nowMs);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
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
