/** What a TLS server shows us: the same judgements as of a file, made of a handshake. */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { judgeCertificate } from './certificates.ts';
import { finding, type Verdict } from './verdict.ts';

/** TLS 1.3 tells a client after its handshake that its certificate was refused: by ending the connection. */
const REFUSAL_WAIT_MS = 400;

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
  /** The name that its certificate must have. */
  readonly servername: string;
  readonly ca: { readonly file: string; readonly pem: string };
  readonly cert?: string;
  readonly key?: string;
}

export interface PeerSeen {
  readonly verdicts: readonly Verdict[];
  /** Why the server ended the connection after the handshake; undefined where it did not. */
  readonly refusal: string | undefined;
}

/** Rejects where there is no connection, or no handshake at all. */
export async function lookAtPeer(
  checked: string,
  address: PeerAddress,
  signal: AbortSignal,
): Promise<PeerSeen> {
  const socket = await handshake(address, signal);
  try {
    return { verdicts: judgePeer(checked, address, socket), refusal: await endedBy(socket, signal) };
  } finally {
    socket.destroy();
  }
}

/** Intermediates that were sent count where OpenSSL has found its way: not every runtime shows them (nodejs/node#65579). */
function judgePeer(
  checked: string,
  { host, port, servername, ca }: PeerAddress,
  socket: TLSSocket,
): Verdict[] {
  const file = `${host}:${port}`;
  const trust = socket.authorized ? undefined : ca;
  // `getPeerX509Certificate` answers a client once, and then no more.
  const { raw } = socket.getPeerCertificate();
  const pem = raw === undefined ? '' : new X509Certificate(raw).toString();
  const of = { checked, file, pem, purpose: 'server', host: servername, trust } as const;
  const verdicts = judgeCertificate(of, Date.now());
  if (socket.authorized || verdicts.some(({ state }) => state === 'broken')) return verdicts;
  const told = `its chain does not verify: ${errorCode(socket.authorizationError) ?? 'unknown reason'}`;
  return [finding('CERT_CHAIN', checked, told, { file, ca: ca.file })];
}

function handshake(
  { host, port, servername, ca, cert, key }: PeerAddress,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      // A greeting names no addresses (RFC 6066 §3).
      ...(isIP(servername) === 0 ? { servername } : {}),
      ca: ca.pem,
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      // Judged afterwards, so that the one check that fails can be named. Nothing is sent.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    socket.on('error', reject);
    socket.once('secureConnect', () => resolve(socket));
    signal.addEventListener('abort', () => socket.destroy(new Error('given up')), { once: true });
  });
}

async function endedBy(socket: TLSSocket, signal: AbortSignal): Promise<string | undefined> {
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error) => resolve(errorCode(error) ?? errorMessage(error)));
    socket.once('close', () => resolve('it was closed'));
    socket.once('end', () => resolve('it was closed'));
    socket.resume();
  });
  return await Promise.race([ended, delay(REFUSAL_WAIT_MS, undefined, { signal, ref: false })]);
}
