/** The client's side of one connection: requests go out at once, answers come back in the same order. */
import type { TLSSocket } from 'node:tls';
import { FrameReader } from '../ttlv/frame-reader.ts';
import { fromSocketError, KmipClientError } from './client-errors.ts';

type Pending = {
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (error: KmipClientError) => void;
  readonly timer: NodeJS.Timeout;
  /** Its caller has gone: the answer, when it comes, is dropped, so that later answers keep their places. */
  abandoned: boolean;
};

export type ClientConnectionOptions = {
  readonly where: string;
  readonly maxResponseBytes: number;
  readonly connectTimeoutMs: number;
  readonly onClosed: (connection: ClientConnection) => void;
};

/** Keeps dead peers from being taken for slow ones. */
const KEEP_ALIVE_MS = 30_000;

export class ClientConnection {
  readonly #socket: TLSSocket;
  readonly #options: ClientConnectionOptions;
  readonly #reader: FrameReader;
  readonly #pending: Pending[] = [];
  readonly #connectTimer: NodeJS.Timeout;
  #connected = false;
  #draining = false;
  #failure: KmipClientError | undefined;

  /** Takes over a socket that `tls.connect` has just returned. */
  constructor(socket: TLSSocket, options: ClientConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new FrameReader({ maxFrameBytes: options.maxResponseBytes });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#connectTimer = setTimeout(() => {
      this.#fail(new KmipClientError('KMIP_CONNECT_FAILED', `no TLS connection to ${options.where} in time`));
    }, options.connectTimeoutMs);
    socket.once('secureConnect', () => {
      this.#connected = true;
      clearTimeout(this.#connectTimer);
    });
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#fail(fromSocketError(error, options.where, this.#connected)));
    socket.on('end', () => this.#fail(this.#lost()));
    socket.once('close', () => this.#fail(this.#lost()));
    this.#holdProcess();
  }

  /** Whether requests may still be sent on it. */
  get usable(): boolean {
    return this.#failure === undefined && !this.#draining;
  }

  /** Requests that wait for their answers. */
  get load(): number {
    return this.#pending.length;
  }

  send(request: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const pending: Pending = {
        resolve,
        reject,
        abandoned: false,
        timer: setTimeout(() => this.#timedOut(pending, timeoutMs), timeoutMs),
      };
      this.#pending.push(pending);
      this.#holdProcess();
      this.#socket.write(request);
    });
  }

  /** Rejects what is pending with `error` and closes. */
  destroy(error: KmipClientError): void {
    this.#fail(error);
  }

  #received(chunk: Buffer): void {
    let frames: readonly Uint8Array[];
    try {
      frames = this.#reader.push(chunk);
    } catch (error) {
      const message = error instanceof Error ? error.message : 'unreadable';
      this.#fail(
        new KmipClientError(
          'KMIP_BAD_RESPONSE',
          `${this.#options.where} sent what cannot be read: ${message}`,
          {
            cause: error,
          },
        ),
      );
      return;
    }
    for (const frame of frames) {
      const pending = this.#pending.shift();
      if (pending === undefined) {
        this.#fail(
          new KmipClientError('KMIP_BAD_RESPONSE', `${this.#options.where} answered what nobody asked`),
        );
        return;
      }
      clearTimeout(pending.timer);
      if (!pending.abandoned) pending.resolve(frame);
    }
    this.#holdProcess();
    if (this.#draining && this.#pending.length === 0) this.#fail(this.#lost());
  }

  #timedOut(pending: Pending, timeoutMs: number): void {
    pending.abandoned = true;
    pending.reject(
      new KmipClientError('KMIP_TIMEOUT', `${this.#options.where} did not answer within ${timeoutMs} ms`),
    );
    // A server that is late once holds up all that follows: those already sent may finish, no more are sent.
    this.#draining = true;
    if (this.#pending.every((each) => each.abandoned)) this.#fail(this.#lost());
  }

  #lost(): KmipClientError {
    const { where } = this.#options;
    return this.#connected
      ? new KmipClientError('KMIP_CONNECTION_LOST', `${where} closed the connection`)
      : new KmipClientError('KMIP_CONNECT_FAILED', `${where} closed the connection before it was ready`);
  }

  #fail(error: KmipClientError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearTimeout(this.#connectTimer);
    for (const pending of this.#pending.splice(0)) {
      clearTimeout(pending.timer);
      if (!pending.abandoned) pending.reject(error);
    }
    this.#socket.destroy();
    this.#options.onClosed(this);
  }

  /** An idle connection does not keep the process alive; a request that waits does. */
  #holdProcess(): void {
    if (this.#pending.length > 0) this.#socket.ref();
    else this.#socket.unref();
  }
}
