/**
 * The core's port: KMIP over mutual TLS, for gateways only (separation record, "authorization is strictly
 * certificate-bound"). Whoever cannot show a certificate of the right authority whose key is registered as a gateway's
 * is cut off before a byte of KMIP is read, and log and trail say exactly why (D10).
 */
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { ConnectionQuota } from '../../../platform/connection-quota.ts';
import { errorMessage } from '../../../platform/errors.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import type { Chain } from '../../../platform/revocation.ts';
import { Semaphore } from '../../../platform/semaphore.ts';
import { ServerIdentity } from '../../../platform/server-identity.ts';
import { Handshakes, peerOf } from '../../../platform/tls-handshakes.ts';
import { checkPeer, keyFingerprint } from '../../../platform/tls-identity.ts';
import { appendAudit } from '../audit/trail.ts';
import type { CoreConfig } from '../config.ts';
import {
  MAX_CONCURRENT_ANNOUNCEMENTS,
  MAX_CONCURRENT_HEARTBEATS,
  MAX_CONCURRENT_HOT,
  MAX_CONCURRENT_LIFECYCLE,
  MAX_CONCURRENT_PER_TENANT,
  MAX_CONNECTIONS_PER_GATEWAY,
  MAX_GATEWAY_CONNECTIONS,
  MAX_HANDSHAKES,
  MAX_QUEUED_PER_TENANT,
  MAX_QUEUED_REQUESTS,
  RECHECK_CONNECTIONS_MS,
} from '../limits.ts';
import { findIdentity, registeredGateways } from '../store/registry.ts';
import { type Lanes, serveGateway } from './connection.ts';
import type { MeshDependencies } from './dependencies.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Refusals a second that reach the trail: anybody can be refused, and the trail must not be anybody's to fill. */
const MAX_AUDITED_REFUSALS_PER_SECOND = 20;

export interface MeshListener {
  readonly port: number;
  /** Ends the open connections of a gateway that is no longer registered; without waiting for the next recheck. */
  recheck(): Promise<void>;
  /** Reads certificates, keys and revocation lists now. Never rejects. */
  reloadTls(): Promise<void>;
  close(): Promise<void>;
}

/** An open connection, and what it is judged by. */
interface Open {
  readonly fingerprint: string;
  readonly notAfterMs: number;
  readonly chain: Chain | undefined;
}

/** Errors: TLS_FILES, CRL_REFUSED, TLS_NO_HYBRID, or of the socket. */
export async function listenForGateways(
  deps: MeshDependencies,
  config: Pick<CoreConfig, 'kmip' | 'tls'>,
): Promise<MeshListener> {
  const { logger } = deps;
  const identity = await ServerIdentity.open({
    config: config.tls,
    onReload: (outcome) => deps.metrics.tlsReloaded(outcome),
    logger,
  });
  const showExpiry = () => deps.metrics.setCertificateEnd(identity.material.certificate.validToDate);
  showExpiry();
  const server = createServer({
    ...identity.context('mesh'),
    requestCert: true,
    // Node would drop a stranger without a word; `checkPeer` says which check failed, and then we drop it.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    noDelay: true,
  });
  identity.onContext(() => {
    showExpiry();
    try {
      server.setSecureContext(identity.context('mesh'));
    } catch (error) {
      logger.error(
        { cause: errorMessage(error) },
        'the new TLS context cannot be used; the former one stays',
      );
    }
  });
  server.maxConnections = MAX_GATEWAY_CONNECTIONS;
  const handshakes = new Handshakes({
    max: MAX_HANDSHAKES,
    onEvicted: () => deps.metrics.connectionRefused('TOO_MANY_HANDSHAKES'),
  });
  server.on('connection', (socket) => handshakes.begin(socket));
  const quota = new ConnectionQuota(MAX_CONNECTIONS_PER_GATEWAY);
  const open = new Map<TLSSocket, Open>();
  const auditedRefusals = { second: 0, count: 0 };
  const lanes: Lanes = {
    heart: new Semaphore({ max: MAX_CONCURRENT_HEARTBEATS, maxQueued: MAX_QUEUED_REQUESTS }),
    hot: new Semaphore({ max: MAX_CONCURRENT_HOT, maxQueued: MAX_QUEUED_REQUESTS }),
    lifecycle: new Semaphore({
      max: MAX_CONCURRENT_LIFECYCLE,
      maxQueued: MAX_QUEUED_REQUESTS,
      maxPerKey: MAX_CONCURRENT_PER_TENANT,
      maxQueuedPerKey: MAX_QUEUED_PER_TENANT,
    }),
    announce: new Semaphore({ max: MAX_CONCURRENT_ANNOUNCEMENTS, maxQueued: MAX_QUEUED_REQUESTS }),
  };

  function mayAudit(): boolean {
    const second = Math.floor(Date.now() / 1000);
    if (auditedRefusals.second !== second) Object.assign(auditedRefusals, { second, count: 0 });
    auditedRefusals.count += 1;
    return auditedRefusals.count <= MAX_AUDITED_REFUSALS_PER_SECOND;
  }

  async function refuse(
    socket: TLSSocket,
    peer: string,
    reason: string,
    message: string,
    fingerprint?: string,
  ) {
    socket.destroy();
    deps.metrics.connectionRefused(reason);
    deps.logger.warn({ peer, reason, fingerprint }, `a connection was refused: ${message}`);
    if (!mayAudit()) return;
    const event = { event: 'CONNECTION_REFUSED', outcome: 'refused' as const, reason, peer };
    await inTransaction(deps.db, (tx) =>
      appendAudit(tx, { source: deps.instance }, [
        fingerprint === undefined ? event : { ...event, fingerprint },
      ]),
    );
  }

  async function accept(socket: TLSSocket): Promise<void> {
    const address = peerOf(socket);
    handshakes.ended(address);
    const peer = checkPeer(socket);
    if (!peer.ok) {
      // A certificate of another authority still says who it was: the trail can name a lost application.
      const certificate = socket.getPeerX509Certificate();
      const fingerprint = certificate === undefined ? undefined : keyFingerprint(certificate);
      await refuse(socket, address, peer.code, peer.message, fingerprint);
      return;
    }
    const { fingerprint } = peer;
    const chain = identity.revocations?.chainOf(peer.certificate, socket.isSessionReused());
    const revoked = chain === undefined ? undefined : identity.revocations?.judge(chain, Date.now());
    if (revoked !== undefined) {
      await refuse(socket, address, revoked.code, revoked.message, fingerprint);
      return;
    }
    const registered = await findIdentity(deps.db, fingerprint);
    if (registered === undefined) {
      await refuse(
        socket,
        address,
        'NOT_REGISTERED',
        `the key of "${peer.subject}" is not registered`,
        fingerprint,
      );
      return;
    }
    if (registered.role !== 'gateway') {
      const message = `"${registered.name}" is registered as ${registered.role}; this port is for gateways`;
      await refuse(socket, address, 'WRONG_ROLE', message, fingerprint);
      return;
    }
    if (socket.destroyed) return;
    if (!quota.take(fingerprint)) {
      const message = `"${registered.name}" has ${quota.max} connections open, which is the limit`;
      await refuse(socket, address, 'TOO_MANY_CONNECTIONS_OF_IDENTITY', message, fingerprint);
      return;
    }
    open.set(socket, { fingerprint, notAfterMs: peer.notAfter.getTime(), chain });
    socket.once('close', () => {
      open.delete(socket);
      quota.give(fingerprint);
    });
    deps.logger.info({ gateway: registered.name, peer: address }, 'a gateway has connected');
    serveGateway(deps, { identity: registered, address }, lanes, socket);
  }

  server.on('secureConnection', (socket) => {
    // A refused peer may reset the connection while we still look it up.
    socket.on('error', () => socket.destroy());
    accept(socket).catch((err: unknown) => {
      deps.logger.error({ err }, 'a connection could not be checked, and was cut');
      socket.destroy();
    });
  });
  server.on('tlsClientError', (error, socket) => {
    // Node leaves it open: a peer that said nothing would hold its place for ever.
    socket.destroy();
    deps.metrics.connectionRefused('HANDSHAKE');
    deps.logger.info({ peer: socket.remoteAddress, reason: error.message }, 'a TLS handshake failed');
  });

  async function recheck(): Promise<void> {
    if (open.size === 0) return;
    // As they are now: one that is let in while the registry is asked was not asked about.
    const asked = [...open];
    const registered = await registeredGateways(deps.db, [
      ...new Set(asked.map(([, { fingerprint }]) => fingerprint)),
    ]);
    const now = Date.now();
    for (const [socket, { fingerprint, notAfterMs, chain }] of asked) {
      const reason = !registered.has(fingerprint)
        ? 'NOT_REGISTERED'
        : now > notAfterMs
          ? 'EXPIRED'
          : chain === undefined
            ? undefined
            : identity.revocations?.judge(chain, now)?.code;
      if (reason === undefined) continue;
      deps.logger.warn({ fingerprint, reason }, 'an open gateway connection was cut');
      deps.metrics.connectionRefused(reason);
      socket.destroy();
    }
  }
  const recheckSoon = (): void => {
    // While the database is away nothing can be served anyway; the next round looks again.
    recheck().catch((err: unknown) => deps.logger.warn({ err }, 'open connections could not be rechecked'));
  };
  identity.onRevocations(recheckSoon);
  const timer = setInterval(recheckSoon, RECHECK_CONNECTIONS_MS).unref();

  const port = await bind(server, config.kmip);
  identity.start();
  return {
    port,
    recheck,
    reloadTls: () => identity.reload(),
    close: () =>
      new Promise<void>((resolve) => {
        clearInterval(timer);
        identity.close();
        server.close(() => resolve());
        for (const socket of open.keys()) socket.destroy();
        handshakes.destroyAll();
      }),
  };
}

function bind(server: Server, { host, port }: CoreConfig['kmip']): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
