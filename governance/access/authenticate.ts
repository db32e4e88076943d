/**
 * Who is asking, from what a request brought: a bearer token of a provider or of a development installation, or the
 * certificate of a machine. A bearer token counts before the certificate, which then only proves that the token is used by
 * whom it was issued to.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { decodeJwt } from 'jose';
import type { Chain, Revocations } from '../../platform/revocation.ts';
import { checkPeer, type PeerIdentity } from '../../platform/tls-identity.ts';
import { MAX_AUTHORIZATION_LENGTH } from '../limits.ts';
import { asSystem, type Db } from '../store/transactions.ts';
import type { DevelopmentTokens } from './development-tokens.ts';
import { type Issuer, IssuerAway, TokenRefused } from './issuer.ts';
import { clientId } from './machine-clients.ts';
import type { Principal } from './principal.ts';

export interface Presented {
  /** The Authorization header as it came. */
  readonly authorization: string | undefined;
  readonly socket: Socket;
}

export type Authentication =
  | { readonly ok: true; readonly principal: Principal }
  /** `away`: nobody can say now, because whoever issued the token does not answer. `why` is for the log. */
  | { readonly ok: false; readonly reason: 'refused' | 'away'; readonly why: string };

export interface Authenticator {
  authenticate(presented: Presented): Promise<Authentication>;
}

export interface Credentials {
  readonly db: Db;
  readonly developmentTokens?: DevelopmentTokens | undefined;
  readonly issuers: readonly Issuer[];
  /** Of the port's own trust, where it speaks TLS. */
  readonly revocations?: Revocations | undefined;
  /** Ids of principals, and groups as `ISSUER:GROUP`, that run the platform. */
  readonly operators: { readonly principals: readonly string[]; readonly groups: readonly string[] };
}

const refused = (why: string): Authentication => ({ ok: false, reason: 'refused', why });

export function createAuthenticator(credentials: Credentials): Authenticator {
  const peers = new Peers(credentials.revocations);
  return {
    async authenticate({ authorization, socket }) {
      const peer = peers.of(socket);
      if (typeof peer === 'string') return refused(peer);
      if (authorization === undefined)
        return peer === undefined
          ? refused('there is neither a token nor a certificate')
          : await byCertificate(credentials, peer);
      if (authorization.length > MAX_AUTHORIZATION_LENGTH) return refused('the token is too long');
      const token = /^Bearer ([!-~]+)$/i.exec(authorization)?.[1];
      if (token === undefined) return refused('it is no bearer token');
      const known = credentials.developmentTokens?.(token);
      if (known !== undefined) return { ok: true, principal: known };
      return await byToken(credentials, token, peer);
    },
  };
}

async function byToken(
  { issuers, operators }: Credentials,
  token: string,
  peer: PeerIdentity | undefined,
): Promise<Authentication> {
  const issuer = issuers.find(({ config }) => config.issuer === claimedIssuer(token));
  if (issuer === undefined) return refused('no provider that is trusted here has issued the token');
  try {
    const principal = await issuer.principalOf(token, peer === undefined ? undefined : certificateHash(peer));
    return { ok: true, principal: withDuty(principal, operators) };
  } catch (error) {
    if (error instanceof TokenRefused) return refused(error.message);
    if (error instanceof IssuerAway) return { ok: false, reason: 'away', why: error.message };
    throw error;
  }
}

/** As the token says, before anything is verified: only good to choose whose keys to verify it with. */
function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

const withDuty = (principal: Principal, operators: Credentials['operators']): Principal =>
  operators.principals.includes(principal.id) ||
  principal.groups.some((group) => operators.groups.includes(group))
    ? { ...principal, duty: 'operator' }
    : principal;

/** D10: trusting the authority that signed it lets nobody in; the key has to be registered as well. */
async function byCertificate({ db }: Credentials, peer: PeerIdentity): Promise<Authentication> {
  const client = await asSystem(db, (trx) =>
    trx
      .selectFrom('machine_clients')
      .select(['tenant', 'name'])
      .where('fingerprint', '=', peer.fingerprint)
      .executeTakeFirst(),
  );
  if (client === undefined) return refused(`the key of "${peer.subject}" is registered for nobody`);
  const id = clientId(client);
  return { ok: true, principal: { id, name: client.name, person: false, duty: null, groups: [] } };
}

/** RFC 8705 §3.1: over the certificate, where our fingerprints are over its key. */
const certificateHash = (peer: PeerIdentity): string =>
  createHash('sha256').update(peer.certificate.raw).digest('base64url');

class Peers {
  readonly #revocations: Revocations | undefined;
  readonly #chains = new WeakMap<TLSSocket, Chain>();
  constructor(revocations: Revocations | undefined) {
    this.#revocations = revocations;
  }

  /** The certificate at the other end, judged now (D10); undefined where none was shown; else why it is refused. */
  of(socket: Socket): PeerIdentity | undefined | string {
    if (!(socket instanceof TLSSocket)) return undefined;
    const peer = checkPeer(socket);
    if (!peer.ok) return peer.code === 'NO_CERTIFICATE' ? undefined : peer.message;
    if (this.#revocations === undefined) return peer;
    const chain =
      this.#chains.get(socket) ?? this.#revocations.chainOf(peer.certificate, socket.isSessionReused());
    this.#chains.set(socket, chain);
    return this.#revocations.judge(chain, Date.now())?.message ?? peer;
  }
}
