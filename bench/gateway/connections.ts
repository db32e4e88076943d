/**
 * The client of the gateway's benches: connections that send the same bytes over and over, encoded beforehand, and wait for
 * the answers (a closed loop). Nothing is decoded: the answers are counted by their size.
 */
import { once } from 'node:events';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { withDeadline } from '../../platform/backoff.ts';

/** PEM of the client's certificate, its key, and the server's authority. */
export interface Access {
  readonly host: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** One write, of one or more requests, and what comes back. */
export interface Step {
  readonly bytes: Buffer;
  /** Of all its answers together. */
  readonly responseBytes: number;
  /** Batch items of all its requests. */
  readonly items: number;
}

export interface Negotiated {
  readonly version: SecureVersion;
  readonly cipher: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** The last answers may wait for a great many Creates before them. */
const ANSWER_WITHIN_MS = 60_000;

export async function open(access: Access): Promise<TLSSocket> {
  const socket = connect({ ...access, servername: 'localhost' });
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  socket.setNoDelay(true);
  return socket;
}

export function negotiatedOn(socket: TLSSocket): Negotiated {
  // Node's own names of them, which `minVersion` takes.
  return { version: socket.getProtocol() as SecureVersion, cipher: socket.getCipher().name };
}

/** Sends a step in one write, waits for all of its answers, and goes on with the next step; after the last with the first. */
class Line {
  readonly #socket: TLSSocket;
  readonly #steps: readonly Step[];
  #next = 0;
  #sent: Step;
  #missing = 0;
  #going = false;
  #idle: (() => void) | undefined;
  answered = 0;
  failure: Error | undefined;

  constructor(socket: TLSSocket, steps: readonly [Step, ...Step[]]) {
    this.#socket = socket;
    this.#steps = steps;
    this.#sent = steps[0];
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  start(): void {
    this.#going = true;
    this.#send();
  }

  /** Resolves with the last answer. */
  stop(): Promise<void> {
    this.#going = false;
    if (this.#missing === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #send(): void {
    const step = this.#steps[this.#next] ?? this.#sent;
    this.#next = this.#next + 1 === this.#steps.length ? 0 : this.#next + 1;
    this.#sent = step;
    this.#missing = step.responseBytes;
    this.#socket.write(step.bytes);
  }

  #data(chunk: Buffer): void {
    // The answers to a step have one size: an error would have another, and break the count.
    this.#missing -= chunk.length;
    if (this.#missing > 0) return;
    if (this.#missing < 0) this.#fail(new Error('an answer has another size than expected'));
    this.answered += this.#sent.items;
    if (this.#going && this.failure === undefined) this.#send();
    else this.#idle?.();
  }

  #fail(error: Error): void {
    this.failure ??= error;
    this.#missing = 0;
    this.#idle?.();
  }
}

/** Open connections to one server, all at work between `start` and `stop`. */
export class Connections {
  readonly negotiated: Negotiated;
  readonly #lines: readonly Line[];

  private constructor(lines: readonly Line[], negotiated: Negotiated) {
    this.#lines = lines;
    this.negotiated = negotiated;
  }

  static async open(access: Access, steps: readonly [Step, ...Step[]], count: number): Promise<Connections> {
    const sockets = await Promise.all(Array.from({ length: count }, () => open(access)));
    const [first] = sockets;
    if (first === undefined) throw new RangeError('at least one connection');
    return new Connections(
      sockets.map((socket) => new Line(socket, steps)),
      negotiatedOn(first),
    );
  }

  /** Batch items, since the connections were opened. */
  get answered(): number {
    return this.#lines.reduce((sum, line) => sum + line.answered, 0);
  }

  start(): void {
    for (const line of this.#lines) line.start();
  }

  /** Resolves when all that was sent is answered. Rejects when anything went wrong since `open`, or an answer is missing. */
  async stop(): Promise<void> {
    await withDeadline(ANSWER_WITHIN_MS, 'the last answers', () =>
      Promise.all(this.#lines.map((line) => line.stop())),
    );
    this.check();
  }

  /** Errors: a connection that broke, or an answer of another size than it should have. */
  check(): void {
    const failed = this.#lines.find((line) => line.failure !== undefined);
    if (failed?.failure !== undefined) throw failed.failure;
  }

  close(): void {
    for (const line of this.#lines) line.close();
  }
}
