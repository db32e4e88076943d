/** The connections of one lane to one gateway: how many, which of them next, and whether the gateway is well. */
import {
  type ClientConnection,
  call,
  decodeCalls,
  encodeCalls,
  KmipClientError,
  Operation,
  type Version,
} from '../../kmip/index.ts';
import { type LaneLimits, PROBE_TIMEOUT_MS } from '../limits.ts';
import { Breaker, type BreakerState } from './breaker.ts';

type OnClosed = (connection: ClientConnection, error: KmipClientError, waiting: number) => void;

export interface GatewayLaneOptions {
  readonly where: string;
  readonly limits: LaneLimits;
  readonly version: Version;
  /** Silence after which the gateway is asked whether it is well; undefined: never. */
  readonly healthIntervalMs: number | undefined;
  readonly open: (onClosed: OnClosed) => ClientConnection;
  readonly onRoom: () => void;
  readonly onState: (state: BreakerState, cause: KmipClientError | undefined) => void;
}

export class GatewayLane {
  readonly #options: GatewayLaneOptions;
  readonly #connections = new Set<ClientConnection>();
  readonly #breaker: Breaker;
  readonly #health: NodeJS.Timeout | undefined;
  #lastError: KmipClientError | undefined;
  #heard = true;
  #closed = false;

  constructor(options: GatewayLaneOptions) {
    this.#options = options;
    this.#breaker = new Breaker({
      probe: () => this.probe(),
      onChange: (state) => {
        options.onState(state, this.#lastError);
        options.onRoom();
      },
    });
    if (options.healthIntervalMs !== undefined) {
      this.#health = setInterval(() => this.#checkHealth(), options.healthIntervalMs);
      this.#health.unref();
    }
  }

  get isWell(): boolean {
    return this.#breaker.state === 'closed' && !this.#closed;
  }

  /** Asks whether it is well by now, if it was left alone. */
  lookAgain(): Promise<void> {
    return this.#breaker.lookAgain();
  }

  /** Why it was left alone, or what went wrong last. */
  get lastError(): KmipClientError | undefined {
    return this.#lastError;
  }

  /** Requests that wait for their answers. */
  get load(): number {
    let load = 0;
    for (const connection of this.#connections) load += connection.load;
    return load;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get hasRoom(): boolean {
    if (this.#connections.size < this.#options.limits.connections) return true;
    for (const { usable, load, abandoned } of this.#connections) {
      if ((usable && load < this.#options.limits.pipeline) || abandoned) return true;
    }
    return false;
  }

  /**
   * The connection for the next request: the least busy that stands, and another one is opened beside it when that is busy;
   * without one that has room, one that is being opened, if need be in the place of one whose answers nobody waits for any
   * more. @throws KmipClientError KMIP_OVERLOADED without room.
   */
  take(): ClientConnection {
    const { connections, pipeline } = this.#options.limits;
    let standing: ClientConnection | undefined;
    let coming: ClientConnection | undefined;
    for (const connection of this.#connections) {
      if (!connection.usable || connection.load >= pipeline) continue;
      if (connection.connected) {
        if (standing === undefined || connection.load < standing.load) standing = connection;
      } else if (coming === undefined || connection.load < coming.load) coming = connection;
    }
    const mayOpen = this.#connections.size < connections;
    if (standing !== undefined) {
      if (standing.load > 0 && mayOpen && coming === undefined) this.#open();
      return standing;
    }
    if (coming !== undefined && (coming.load === 0 || !mayOpen)) return coming;
    if (mayOpen) return this.#open();
    const abandoned = [...this.#connections].find((connection) => connection.abandoned);
    if (abandoned !== undefined) {
      abandoned.destroy(new KmipClientError('KMIP_CLOSED', 'its callers have gone'));
      return this.#open();
    }
    throw new KmipClientError('KMIP_OVERLOADED', `every connection to ${this.#options.where} is busy`);
  }

  /** @throws KmipClientError; the signal's reason. */
  async sendOn(
    connection: ClientConnection,
    request: Uint8Array,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    try {
      const answer = await connection.send(request, timeoutMs, signal);
      this.#heard = true;
      this.#breaker.succeeded();
      return answer;
    } catch (error) {
      // Failed connections are counted once each, when they close.
      if (error instanceof KmipClientError && error.code === 'KMIP_TIMEOUT') this.#failed(error);
      throw error;
    } finally {
      this.#options.onRoom();
    }
  }

  /** Whether the gateway answers Discover Versions, which it does from memory. */
  async probe(): Promise<boolean> {
    const { version, where } = this.#options;
    const calls = [call(Operation.DiscoverVersions, { protocolVersion: [] })] as const;
    try {
      const answer = await this.sendOn(this.take(), encodeCalls(calls, version), PROBE_TIMEOUT_MS);
      // A refusal is an answer as well: this client may not be permitted to ask.
      decodeCalls(calls, version, answer, where);
      return true;
    } catch (error) {
      // Our own places are taken, which says nothing about the gateway.
      return error instanceof KmipClientError ? error.code === 'KMIP_OVERLOADED' : true;
    }
  }

  renew(): void {
    for (const connection of [...this.#connections]) connection.drain();
  }

  close(error: KmipClientError): void {
    this.#closed = true;
    this.#breaker.end();
    clearInterval(this.#health);
    for (const connection of [...this.#connections]) connection.destroy(error);
  }

  #open(): ClientConnection {
    const connection = this.#options.open((closed, error, waiting) => {
      this.#connections.delete(closed);
      if (this.#closed) return;
      // A server may end a connection that nobody uses.
      if (!closed.connected || waiting > 0) this.#failed(error);
      this.#options.onRoom();
    });
    this.#connections.add(connection);
    return connection;
  }

  #failed(error: KmipClientError): void {
    this.#lastError = error;
    this.#breaker.failed();
  }

  #checkHealth(): void {
    if (this.#heard || this.#connections.size === 0 || !this.isWell) {
      this.#heard = false;
      return;
    }
    void this.probe();
  }
}
