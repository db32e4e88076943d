/** One gateway: its address, its TLS sessions, the keys it is known to hold, and its connections lane by lane. */
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { ClientConnection, type KmipClientError, type Version } from '../../kmip/index.ts';
import { OpenKcmError } from '../errors.ts';
import { type LaneName, laneNames } from '../lanes/lane-of.ts';
import { type LaneLimits, MAX_SESSIONS } from '../limits.ts';
import { GatewayLane } from './gateway-lane.ts';
import { KnownKeys } from './known-keys.ts';
import type { TlsIdentity } from './tls.ts';

export interface GatewayAddress {
  readonly host: string;
  /** IANA gave KMIP port 5696, which is the default. */
  readonly port?: number | undefined;
  /** The name that the gateway's certificate bears. Default: `host`. */
  readonly servername?: string | undefined;
}

export const KMIP_PORT = 5696;

export interface GatewayOptions {
  readonly tls: TlsIdentity;
  readonly version: Version;
  readonly lanes: Readonly<Record<LaneName, LaneLimits>>;
  readonly connectTimeoutMs: number;
  readonly maxResponseBytes: number;
  readonly healthIntervalMs: number;
  /** A place may have become free, or a lane may have become usable or useless. */
  readonly onRoom: (lane: LaneName) => void;
  readonly onState: (lane: LaneName, state: 'open' | 'closed', cause: KmipClientError | undefined) => void;
}

export class Gateway {
  readonly name: string;
  readonly known = new KnownKeys();
  readonly lanes: Readonly<Record<LaneName, GatewayLane>>;
  readonly #address: Required<Pick<GatewayAddress, 'host' | 'port'>> & GatewayAddress;
  readonly #options: GatewayOptions;
  /**
   * Each for one connection, as TLS 1.3 would have it (RFC 8446 §C.4), but for the last: servers give none with a resumed
   * handshake, and that an eavesdropper can join two connections of one program is no loss here.
   */
  #sessions: Buffer[] = [];
  #sessionsOf = 0;
  #handshakes = 0;
  #resumed = 0;

  constructor(address: GatewayAddress, options: GatewayOptions) {
    const port = address.port ?? KMIP_PORT;
    this.#address = { ...address, port };
    this.name = gatewayName(address);
    this.#options = options;
    const lanes = laneNames.map((name) => [name, this.#lane(name)] as const);
    this.lanes = Object.fromEntries(lanes) as Record<LaneName, GatewayLane>;
  }

  /** Handshakes so far, and how many of them resumed a session. */
  get handshakes(): { readonly all: number; readonly resumed: number } {
    return { all: this.#handshakes, resumed: this.#resumed };
  }

  /** New connections show the new certificate; the old ones end when they have answered what they were asked. */
  renew(): void {
    for (const name of laneNames) this.lanes[name].renew();
  }

  close(error: KmipClientError): void {
    for (const name of laneNames) this.lanes[name].close(error);
  }

  #lane(name: LaneName): GatewayLane {
    const { onRoom, onState, version, healthIntervalMs } = this.#options;
    return new GatewayLane({
      where: this.name,
      limits: this.#options.lanes[name],
      version,
      // Where the hot lane is well, others are asked by whoever uses them.
      healthIntervalMs: name === 'hot' ? healthIntervalMs : undefined,
      open: (onClosed) => this.#open(onClosed),
      onRoom: () => onRoom(name),
      onState: (state, cause) => onState(name, state, cause),
    });
  }

  #open(onClosed: ConstructorParameters<typeof ClientConnection>[1]['onClosed']): ClientConnection {
    const { tls, connectTimeoutMs, maxResponseBytes } = this.#options;
    const { host, port, servername = host } = this.#address;
    // A session stands for the certificate that it was made with.
    if (this.#sessionsOf !== tls.generation) this.#sessions = [];
    this.#sessionsOf = tls.generation;
    const session = this.#sessions.length > 1 ? this.#sessions.pop() : this.#sessions[0];
    const socket = connect({
      host,
      port,
      secureContext: tls.context,
      minVersion: 'TLSv1.2',
      ...(isIP(servername) === 0 ? { servername } : {}),
      ...(session === undefined ? {} : { session }),
    });
    this.#keepSessions(socket, tls.generation);
    return new ClientConnection(socket, {
      where: this.name,
      maxResponseBytes,
      connectTimeoutMs,
      onClosed: (connection, error, waiting) => {
        // A session may be what the server did not like.
        if (!connection.connected) this.#sessions = [];
        onClosed(connection, error, waiting);
      },
    });
  }

  #keepSessions(socket: TLSSocket, generation: number): void {
    socket.on('session', (session: Buffer) => {
      if (generation !== this.#sessionsOf) return;
      this.#sessions.push(session);
      if (this.#sessions.length > MAX_SESSIONS) this.#sessions.shift();
    });
    socket.once('secureConnect', () => {
      this.#handshakes++;
      if (socket.isSessionReused()) this.#resumed++;
    });
  }
}

/** `host:port`, as errors, metrics and events name it. */
export function gatewayName({ host, port = KMIP_PORT }: GatewayAddress): string {
  return `${host}:${port}`;
}

/** `host`, `host:port`, `[v6]:port`, or as an object. @throws OpenKcmError INVALID_OPTION */
export function parseAddress(address: string | GatewayAddress): GatewayAddress {
  if (typeof address !== 'string') return checked(address ?? { host: '' }, String(address?.host));
  const parts = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^:[\]/\s]+))(?::(?<port>\d{1,5}))?$/.exec(
    address,
  )?.groups;
  const host = parts?.['v6'] ?? parts?.['host'];
  if (host === undefined) {
    throw new OpenKcmError('INVALID_OPTION', `"${address}" is no address of a gateway: write host:port`);
  }
  const port = parts?.['port'];
  return checked(port === undefined ? { host } : { host, port: Number(port) }, address);
}

function checked(address: GatewayAddress, text: string): GatewayAddress {
  const { host, port = KMIP_PORT } = address;
  if (typeof host === 'string' && host !== '' && Number.isInteger(port) && port > 0 && port < 65_536)
    return address;
  throw new OpenKcmError(
    'INVALID_OPTION',
    `"${text}" is no address of a gateway: a host and a port of 1 to 65535`,
  );
}
