/** One connection of a storm: bytes out, an answer or the end in, within a bounded time; then a new connection if need be. */
import { connect, type SecureContext, type TLSSocket } from 'node:tls';

const HEADER_BYTES = 8;
const CONNECT_TIMEOUT_MS = 10_000;

export type Reply =
  | { readonly outcome: 'answered'; readonly frame: Buffer }
  /** `rest` is what had come before the end. */
  | { readonly outcome: 'closed'; readonly rest: Buffer }
  | { readonly outcome: 'silent' };

export interface LineOptions {
  readonly host: string;
  readonly port: number;
  readonly secureContext: SecureContext;
  /** A server that neither answers nor closes within this time hangs. */
  readonly replyTimeoutMs: number;
}

export class Line {
  readonly #options: LineOptions;
  #socket: TLSSocket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  connections = 0;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** With `ends` our side says that nothing follows, and the reply is what comes until the end. */
  async send(bytes: Uint8Array, ends: boolean): Promise<Reply> {
    const socket = await this.#open();
    this.#received = Buffer.alloc(0);
    // A server that closes while we write resets the connection: the reply is its end.
    if (ends) socket.end(bytes);
    else socket.write(bytes);
    const deadline = performance.now() + this.#options.replyTimeoutMs;
    for (;;) {
      if (!ends) {
        const frame = this.#frame();
        if (frame !== undefined) return { outcome: 'answered', frame };
      }
      if (socket.destroyed || socket.readableEnded) {
        this.close();
        return { outcome: 'closed', rest: this.#received };
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        this.close();
        return { outcome: 'silent' };
      }
      await this.#woken(leftMs);
    }
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #frame(): Buffer | undefined {
    if (this.#received.length < HEADER_BYTES) return undefined;
    const end = HEADER_BYTES + this.#received.readUInt32BE(4);
    return this.#received.length < end ? undefined : this.#received.subarray(0, end);
  }

  async #woken(withinMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  async #open(): Promise<TLSSocket> {
    const open = this.#socket;
    if (open !== undefined && !open.destroyed && open.writable) return open;
    this.close();
    const { host, port, secureContext } = this.#options;
    const socket = connect({ host, port, secureContext, servername: 'localhost', minVersion: 'TLSv1.2' });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    socket.on('end', () => this.#wake?.());
    socket.on('close', () => this.#wake?.());
    socket.on('error', () => this.#wake?.());
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no connection in time')), CONNECT_TIMEOUT_MS);
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.once('close', () => {
        clearTimeout(timer);
        reject(new Error('the server takes no connection'));
      });
    });
    this.connections += 1;
    this.#socket = socket;
    return socket;
  }
}
