/** The client of bench:gateway: connections that send the same bytes over and over, and wait for the answers. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

export interface Access {
  readonly host: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface Exchange {
  readonly request: Buffer;
  /** Of every answer. */
  readonly responseBytes: number;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Sends `depth` requests in one write, waits for all the answers, and does it again. */
class Line {
  readonly #socket: TLSSocket;
  readonly #batch: Buffer;
  readonly #exchange: Exchange;
  readonly #depth: number;
  #missing = 0;
  #going = false;
  #idle: (() => void) | undefined;
  answered = 0;
  failure: Error | undefined;

  constructor(socket: TLSSocket, exchange: Exchange, depth: number) {
    this.#socket = socket;
    this.#exchange = exchange;
    this.#depth = depth;
    this.#batch = Buffer.concat(new Array<Buffer>(depth).fill(exchange.request));
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
    this.#missing = this.#depth * this.#exchange.responseBytes;
    this.#socket.write(this.#batch);
  }

  #data(chunk: Buffer): void {
    // All answers have one size: an error would have another, and break the count.
    this.#missing -= chunk.length;
    if (this.#missing > 0) return;
    if (this.#missing < 0) this.#fail(new Error('an answer has another size than expected'));
    this.answered += this.#depth;
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
  readonly #lines: readonly Line[];

  private constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  static async open(access: Access, exchange: Exchange, count: number, depth: number): Promise<Connections> {
    const lines = await Promise.all(
      Array.from({ length: count }, async () => {
        const socket = connect({ ...access, servername: 'localhost' });
        await once(socket, 'secureConnect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
        socket.setNoDelay(true);
        return new Line(socket, exchange, depth);
      }),
    );
    return new Connections(lines);
  }

  get answered(): number {
    return this.#lines.reduce((sum, line) => sum + line.answered, 0);
  }

  start(): void {
    for (const line of this.#lines) line.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#lines.map((line) => line.stop()));
    const failed = this.#lines.find((line) => line.failure !== undefined);
    if (failed?.failure !== undefined) throw failed.failure;
  }

  close(): void {
    for (const line of this.#lines) line.close();
  }
}
