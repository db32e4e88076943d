/**
 * A port for applications: TLS with mandatory client certificates (D10). A connection that is refused is refused
 * for a reason of its own, before a byte of KMIP is parsed; one that is open stays so only while its certificate is
 * valid and its key registered. What is spoken on it is the business of the door that the listener opens.
 */
import type { AddressInfo, Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { ConnectionQuota } from '../../../platform/connection-quota.ts';
import { errorCode, errorMessage } from '../../../platform/errors.ts';
import { LineBudget } from '../../../platform/line-budget.ts';
import type { Logger } from '../../../platform/log.ts';
import { resetConnection } from '../../../platform/reset.ts';
import type { Chain } from '../../../platform/revocation.ts';
import type { ServerIdentity } from '../../../platform/server-identity.ts';
import { Handshakes, peerOf } from '../../../platform/tls-handshakes.ts';
import { checkPeer } from '../../../platform/tls-identity.ts';
import { answerAnyVersion, KmipError } from '../../kmip/index.ts';
import type { Audit } from '../audit.ts';
import type { Identities } from '../identities.ts';
import {
  DRAIN_REQUESTS_MS,
  EXPIRY_CHECK_INTERVAL_MS,
  HANDSHAKE_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_HANDSHAKES,
  MAX_REFUSAL_LINE_KINDS,
  MAX_REQUEST_BYTES,
} from '../limits.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Requester } from '../requests/context.ts';
import type { RequestHandler } from '../requests/handler.ts';
import { type TicketKeys, useTicketKeys } from '../workers/tickets.ts';
import type { Door, Served } from './doors.ts';

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** What is spoken here. */
  readonly door: Door;
  /** The server's certificate, whom it trusts, and what has been revoked. */
  readonly tls: ServerIdentity;
  /** Shared by all ports. */
  readonly quota: ConnectionQuota;
  /** Of this process; default MAX_HANDSHAKES. */
  readonly maxHandshakes?: number | undefined;
  readonly identities: Identities;
  readonly handler: RequestHandler;
  readonly audit: Audit;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
}

interface Open {
  readonly socket: TLSSocket;
  readonly connection: Served;
  readonly fingerprint: string;
  readonly notAfterMs: number;
  /** For the revocation lists; undefined where there are none. */
  readonly chain: Chain | undefined;
  readonly peer: string;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #open = new Set<Open>();
  readonly #handshakes: Handshakes;
  readonly #droppedLines = new LineBudget({ perSecond: 1, maxKinds: MAX_REFUSAL_LINE_KINDS });
  #timer: NodeJS.Timeout | undefined;
  #ticketKeys: TicketKeys | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { door, tls, maxHandshakes: max = MAX_HANDSHAKES } = options;
    this.#handshakes = new Handshakes({
      max,
      onEvicted: (peer) => this.#dropped('TOO_MANY_HANDSHAKES', { peer, limit: max }),
    });
    this.#server = door.createServer({
      ...tls.context(door.name),
      requestCert: true,
      // We look at the certificate ourselves, so that each refusal has its reason in the log and the audit trail.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    tls.onContext(() => this.#reloadContext());
    tls.onRevocations(() => this.#recheck());
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('connection', (socket: Socket) => this.#handshakes.begin(socket));
    // What the door itself does with a connection waits until that has been let in.
    const served = this.#server.listeners('secureConnection');
    this.#server.removeAllListeners('secureConnection');
    this.#server.on('secureConnection', (socket) => {
      this.#handshakes.ended(peerOf(socket));
      if (!this.#admit(socket)) return;
      for (const listener of served) Reflect.apply(listener, this.#server, [socket]);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      // Node leaves it open: a peer that said nothing would hold its place among MAX_CONNECTIONS for ever.
      socket.destroy();
      const { logger, metrics } = options;
      metrics.connections.inc({ outcome: 'refused' });
      metrics.refusals.inc({ reason: 'HANDSHAKE_FAILED' });
      const code = errorCode(error) ?? 'TLS';
      logger.info({ reason: 'HANDSHAKE_FAILED', code, peer: socket.remoteAddress }, 'TLS handshake failed');
    });
    this.#server.on('drop', () => this.#dropped('TOO_MANY_CONNECTIONS', { limit: MAX_CONNECTIONS }));
  }

  get openConnections(): number {
    return this.#open.size;
  }

  /** Returns the port. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: this.#options.host, port: this.#options.port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#server.on('error', (error) =>
      this.#options.logger.error({ cause: errorMessage(error) }, 'listener failed'),
    );
    this.#timer = setInterval(() => this.#recheck(), EXPIRY_CHECK_INTERVAL_MS);
    this.#timer.unref();
    return (this.#server.address() as AddressInfo).port;
  }

  /** The identity is gone: its open connections end now. */
  cutOff(fingerprint: string): void {
    for (const open of this.#open) if (open.fingerprint === fingerprint) this.#end(open, 'IDENTITY_REMOVED');
  }

  /** In a worker: connections are handed over by `take`, and no port is opened. */
  openWithoutPort(): void {
    // HTTP begins to watch over its time-outs with this.
    this.#server.emit('listening');
    this.#timer = setInterval(() => this.#recheck(), EXPIRY_CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** A connection that another process has accepted, and from which nobody has read. */
  take(socket: Socket): void {
    socket.allowHalfOpen = Reflect.get(this.#server, 'allowHalfOpen') === true;
    this.#server.emit('connection', socket);
  }

  /** For session tickets, the same in all processes that take connections of this port. */
  useTicketKeys(keys: TicketKeys): void {
    this.#ticketKeys = keys;
    useTicketKeys(this.#server, keys);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    await Promise.all([...this.#open].map(({ connection }) => connection.close(DRAIN_REQUESTS_MS)));
    // What is left never became a connection of KMIP: it must not hold up the shutdown.
    this.#handshakes.destroyAll();
    await closed;
  }

  /** For new connections; open ones live on. */
  #reloadContext(): void {
    const { door, logger, tls } = this.#options;
    try {
      this.#server.setSecureContext(tls.context(door.name));
      if (this.#ticketKeys !== undefined) useTicketKeys(this.#server, this.#ticketKeys);
    } catch (error) {
      logger.error(
        { cause: errorMessage(error) },
        'the trusted issuers could not be loaded; the former ones stay',
      );
    }
  }

  /** Whether the connection may stay. */
  #admit(socket: TLSSocket): boolean {
    const peer = peerOf(socket);
    // Whatever happens from here, an error of the socket must not be an exception of ours.
    socket.on('error', () => undefined);
    const check = checkPeer(socket);
    if (!check.ok) {
      this.#refuse(socket, peer, check.code, check.message);
      return false;
    }
    const identity = this.#options.identities.get(check.fingerprint);
    if (identity === undefined) {
      const message = `the key of "${check.subject}" (${check.fingerprint}) is not registered in this region`;
      this.#refuse(socket, peer, 'NOT_REGISTERED', message, check.fingerprint);
      return false;
    }
    const { door, handler, identities, logger, metrics, quota, tls } = this.#options;
    const { fingerprint, certificate } = check;
    // Asked on resumption too, which brings no more than the certificate.
    const chain = tls.revocations?.chainOf(certificate, socket.isSessionReused());
    const revoked = chain === undefined ? undefined : tls.revocations?.judge(chain, Date.now());
    if (revoked !== undefined) {
      this.#refuse(socket, peer, revoked.code, revoked.message, fingerprint);
      return false;
    }
    if (!quota.take(fingerprint)) {
      const message = `"${identity.application}" of ${identity.tenant} has ${quota.max} connections open, which is the limit`;
      this.#refuse(socket, peer, 'TOO_MANY_CONNECTIONS_OF_IDENTITY', message, fingerprint);
      return false;
    }
    const notAfterMs = check.notAfter.getTime();
    let last: Requester = { identity, peer };
    // Looked up anew for each message: what an identity may do can change while it is connected, and its connection end.
    const requester = (): Requester | undefined => {
      const current = this.#open.has(open) ? identities.get(fingerprint) : undefined;
      if (current === undefined) return undefined;
      if (current !== last.identity) last = { identity: current, peer };
      return last;
    };
    const connection = door.serve(socket, {
      plain: handler.plainAnswers(requester),
      handle: (message) => {
        const current = requester();
        if (current === undefined)
          throw KmipError.authenticationNotSuccessful(
            'this identity is no longer registered, or its connection was ended',
          );
        return answerAnyVersion(message, (asked) => handler.handle(asked, current), {
          limits: { maxBytes: MAX_REQUEST_BYTES },
          onRefused: ({ code, message: cause }) => {
            metrics.refusals.inc({ reason: code });
            const { application } = current.identity;
            logger.info({ reason: code, cause, peer, application }, 'a message of KMIP 2 was refused');
          },
        });
      },
      onError: (error) => logger.debug({ peer, cause: errorMessage(error) }, 'trouble on a connection'),
    });
    const open: Open = { socket, connection, fingerprint, notAfterMs, chain, peer };
    this.#open.add(open);
    metrics.connections.inc({ outcome: 'accepted' });
    const resumed = socket.isSessionReused();
    metrics.handshakes.inc({ version: socket.getProtocol() ?? 'unknown', resumed: resumed ? 'yes' : 'no' });
    logger.debug(
      {
        peer,
        door: door.name,
        application: identity.application,
        tenant: identity.tenant,
        tls: socket.getProtocol(),
        resumed,
      },
      'connected',
    );
    void connection.closed.then((reason) => {
      this.#open.delete(open);
      quota.give(fingerprint);
      logger.debug({ peer, reason }, 'disconnected');
    });
    return true;
  }

  #refuse(socket: TLSSocket, peer: string, reason: string, message: string, fingerprint?: string): void {
    this.#reset(socket, peer);
    const { logger, audit, metrics } = this.#options;
    metrics.connections.inc({ outcome: 'refused' });
    metrics.refusals.inc({ reason });
    logger.warn({ reason, peer, cause: message }, 'connection refused');
    audit.refused({
      event: 'CONNECTION_REFUSED',
      outcome: 'refused',
      reason,
      peer,
      ...(fingerprint === undefined ? {} : { fingerprint }),
    });
  }

  /**
   * By a reset: TLS tells the peer that its certificate was taken, and a connection that then ends in order is for some
   * clients no error, so that they wait for ever. In the next turn, since inside the handshake's callback it would pull
   * the connection away under OpenSSL.
   */
  #reset(socket: TLSSocket, peer: string): void {
    const tcp = this.#handshakes.socketOf(peer);
    setImmediate(() => {
      if (tcp?.destroyed === false) resetConnection(tcp, socket);
      socket.destroy();
    });
  }

  #recheck(): void {
    const now = Date.now();
    const { identities, tls } = this.#options;
    for (const open of this.#open) {
      if (identities.get(open.fingerprint) === undefined) this.#end(open, 'IDENTITY_REMOVED');
      else if (now > open.notAfterMs) this.#end(open, 'EXPIRED');
      else {
        const revoked = open.chain === undefined ? undefined : tls.revocations?.judge(open.chain, now);
        if (revoked !== undefined) this.#end(open, revoked.code);
      }
    }
  }

  /** Before anybody knows who it was. Counted each time, and logged once a second: anybody can bring it about. */
  #dropped(reason: string, detail: Readonly<Record<string, unknown>>): void {
    const { logger, metrics } = this.#options;
    metrics.connections.inc({ outcome: 'refused' });
    metrics.refusals.inc({ reason });
    this.#droppedLines.spend(reason, (besides) =>
      logger.warn({ reason, ...detail, ...besides }, 'connection refused'),
    );
  }

  #end(open: Open, reason: string): void {
    open.socket.destroy();
    this.#open.delete(open);
    this.#options.metrics.refusals.inc({ reason });
    this.#options.logger.warn({ reason, peer: open.peer, fingerprint: open.fingerprint }, 'connection ended');
    this.#options.audit.refused({
      event: 'CONNECTION_ENDED',
      outcome: 'refused',
      reason,
      peer: open.peer,
      fingerprint: open.fingerprint,
    });
  }
}
