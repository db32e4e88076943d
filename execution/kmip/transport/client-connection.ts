/** The client's side of one connection: requests go out at once, answers come back in the same order. */
import type { TLSSocket } from 'node:tls';
import { FrameReader } from '../ttlv/frame-reader.ts';
import { type ConnectionStage, fromSocketError, KmipClientError, lostConnection } from './client-errors.ts';

type Pending = {
  /** Null once it has been written. */
  request: Uint8Array | null;
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
  /** Stops the clock and no longer listens to the caller's signal. */
  readonly release: () => void;
  /** Its caller has gone: the answer, when it comes, is dropped, so that later answers keep their places. */
  abandoned: boolean;
};

export type ClientConnectionOptions = {
  readonly where: string;
  readonly maxResponseBytes: number;
  readonly connectTimeoutMs: number;
  /** `waiting`: requests whose callers still waited for an answer. */
  readonly onClosed: (connection: ClientConnection, error: KmipClientError, waiting: number) => void;
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
  #answered = false;
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
      // Held back until the server has been authenticated: what failed before then was surely not carried out.
      for (const pending of this.#pending) this.#write(pending);
    });
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#fail(fromSocketError(error, options.where, this.#stage)));
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

  /** Whether it waits for answers that nobody waits for any more. */
  get abandoned(): boolean {
    return this.#pending.length > 0 && this.#pending.every((pending) => pending.abandoned);
  }

  /** Whether the handshake is over. */
  get connected(): boolean {
    return this.#connected;
  }

  /** @throws KmipClientError; the signal's reason. */
  send(request: Uint8Array, timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure.of({ sent: false }));
        return;
      }
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const aborted = (): void => this.#leave(pending, signal?.reason);
      const timer = setTimeout(() => this.#timedOut(pending, timeoutMs), timeoutMs);
      const pending: Pending = {
        request,
        resolve,
        reject,
        abandoned: false,
        release: () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', aborted);
        },
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#pending.push(pending);
      this.#holdProcess();
      if (this.#connected) this.#write(pending);
    });
  }

  /** Sends nothing more, and closes once what is pending has been answered. */
  drain(): void {
    this.#draining = true;
    if (this.#pending.length === 0) this.#fail(this.#lost());
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
      this.#answered = true;
      pending.release();
      if (!pending.abandoned) pending.resolve(frame);
    }
    this.#holdProcess();
    if (this.#draining && this.#pending.length === 0) this.#fail(this.#lost());
  }

  #write(pending: Pending): void {
    const { request } = pending;
    if (request === null) return;
    pending.request = null;
    this.#socket.write(request);
  }

  /**
   * The caller waits no longer. A request that has not left never will. Of one that has, the answer keeps its place, and
   * its clock runs on: a server that is silent for good must not keep the place for good.
   */
  #leave(pending: Pending, reason: unknown): void {
    if (pending.request === null) {
      pending.abandoned = true;
    } else {
      pending.release();
      this.#pending.splice(this.#pending.indexOf(pending), 1);
    }
    pending.reject(reason);
    this.#holdProcess();
  }

  #timedOut(pending: Pending, timeoutMs: number): void {
    const message = `${this.#options.where} did not answer within ${timeoutMs} ms`;
    const sent = pending.request === null;
    pending.release();
    this.#leave(pending, new KmipClientError('KMIP_TIMEOUT', message, { sent }));
    if (!sent) return;
    // A server that is late once holds up all that follows: those already sent may finish, no more are sent.
    this.#draining = true;
    if (this.#pending.every((each) => each.abandoned)) this.#fail(this.#lost());
  }

  get #stage(): ConnectionStage {
    if (!this.#connected) return 'connecting';
    return this.#answered ? 'answered' : 'connected';
  }

  #lost(): KmipClientError {
    const { where } = this.#options;
    return this.#connected
      ? lostConnection(`${where} closed the connection`, this.#stage)
      : new KmipClientError('KMIP_CONNECT_FAILED', `${where} closed the connection before it was ready`);
  }

  #fail(error: KmipClientError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearTimeout(this.#connectTimer);
    const waiting = this.#pending.splice(0);
    for (const pending of waiting) {
      pending.release();
      if (!pending.abandoned) pending.reject(error.of({ sent: pending.request === null }));
    }
    this.#socket.destroy();
    this.#options.onClosed(this, error, waiting.filter(({ abandoned }) => !abandoned).length);
  }

  /** An idle connection does not keep the process alive; a request that waits does. */
  #holdProcess(): void {
    if (this.#pending.length > 0) this.#socket.ref();
    else this.#socket.unref();
  }
}
