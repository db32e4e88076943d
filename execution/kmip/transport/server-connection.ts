/**
 * The server's side of one connection: reads messages, has them answered, and writes the answers in the order of the
 * requests (KMIP has no other way to tell which answer belongs to which message). Everything is bounded: messages in
 * flight, their size, the time a message may take to arrive, and what a peer that does not read may make us hold.
 */
import type { Socket } from 'node:net';
// The global of that name is looked up by an accessor at each use.
import { performance } from 'node:perf_hooks';
import { KmipError } from '../errors.ts';
import { errorResponse, peekVersion } from '../messages/messages.ts';
import { TtlvError } from '../ttlv/error.ts';
import { DEFAULT_MAX_FRAME_BYTES, FrameError, FrameReader } from '../ttlv/frame-reader.ts';
import { HEADER_BYTES, ItemType } from '../ttlv/item.ts';
import { OUTPUT_BUFFER_BYTES, OutputBuffer } from './output-buffer.ts';
import { onReads } from './shared-reads.ts';
import { mayWait, waits } from './untaken.ts';

export type ServerLimits = {
  /** Greatest size of a request, in bytes. */
  readonly maxFrameBytes: number;
  /** Requests of one connection that are being answered; beyond it the connection is not read. */
  readonly maxInFlight: number;
  /** Bytes of answers that the peer has not taken; beyond it the connection is not read (see untaken.ts for all together). */
  readonly maxOutputBytes: number;
  /** From the first byte of a request to its last. */
  readonly frameTimeoutMs: number;
  /** How long a peer may leave answers untaken. */
  readonly stallTimeoutMs: number;
  /** Without any request, after which the connection is closed. 0: never. */
  readonly idleTimeoutMs: number;
};

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  maxFrameBytes: DEFAULT_MAX_FRAME_BYTES,
  maxInFlight: 64,
  maxOutputBytes: 4 * 1024 * 1024,
  frameTimeoutMs: 10_000,
  stallTimeoutMs: 30_000,
  idleTimeoutMs: 15 * 60_000,
};

/** Of every tag of KMIP (§9.1.1.1). */
const FIRST_BYTE = 0x42;
/** After our last answer, how long the peer has to read it and hang up. */
const LINGER_MS = 2_000;

/** Why a connection ended; stable, for logs and metrics. */
export type CloseReason =
  | 'peer'
  | 'shutdown'
  | 'idle'
  | 'frame-timeout'
  | 'stalled'
  | 'not-kmip'
  | 'malformed'
  | 'socket-error';

export type ServeOptions = Partial<ServerLimits> & {
  /**
   * Answers one whole request. An answer that is already there (not a promise) is written together with the others
   * of the same read. A handler answers failures itself, as KMIP responses; when it throws, the peer is told General
   * Failure and `onError` is told the cause. When it throws a TtlvError, the bytes were no TTLV: the peer is told so,
   * and nothing more is read from it.
   */
  readonly handle: (request: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Asked before `handle`, as long as nothing waits that came before. */
  readonly plain?: PlainAnswers | undefined;
  /** Hears of what the peer cannot be told: failures of the handler, and messages that could not be read. */
  readonly onError?: ((error: unknown) => void) | undefined;
};

/**
 * Answers requests where they lie and writes the answers one behind the other: no view, promise or buffer for each. All
 * answers to what came in one read leave in one write.
 */
export interface PlainAnswers {
  /**
   * Answers the message in `bytes` from `start` to `end` by writing at `at`, and returns where the answer ends. -1: it is
   * not for here, or does not fit, and nothing has happened; `handle` is asked then.
   */
  answer(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number;
  /**
   * The answers are about to leave: what they still lack is written into them now. Returns whether there is anything in
   * them that nobody else may see.
   */
  settle(): boolean;
  /** The answers since the last call are written. The requests were read at `readAtMs` (`performance.now`). */
  done(readAtMs: number): void;
}

/** While the answers of a read take no more than this, there is room for any other. */
const ROOM_ENOUGH_BYTES = OUTPUT_BUFFER_BYTES / 4;

type Slot = { answer: Uint8Array | undefined };

export class ServerConnection {
  /** Resolves when the socket is closed, whatever closed it. */
  readonly closed: Promise<CloseReason>;
  readonly #socket: Socket;
  readonly #options: ServeOptions;
  readonly #limits: ServerLimits;
  readonly #reader: FrameReader;
  /** Requests that have been taken up, oldest first. */
  readonly #slots: Slot[] = [];
  /** Requests of the last read that have to wait for a slot. */
  #waiting: Uint8Array[] = [];
  /** Of answers that are there, and wait for those before them or for the end of the turn. */
  #readyBytes = 0;
  #paused = false;
  #ending: CloseReason | undefined;
  #frameTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #lastRequestAtMs = performance.now();
  #pumping = false;
  #pumpScheduled = false;
  /** The answer to a message that could not be read: the last thing that is written. */
  #refusal: Uint8Array | undefined;

  constructor(socket: Socket, options: ServeOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#limits = withDefaults(options);
    this.#reader = new FrameReader({ maxFrameBytes: this.#limits.maxFrameBytes });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#ending ??= 'peer';
        this.#waiting = [];
        for (const timer of [this.#frameTimer, this.#idleTimer]) clearTimeout(timer);
        this.#forgetStall();
        resolve(this.#ending);
      });
    });
    socket.setNoDelay(true);
    onReads(socket, (chunk) => this.#received(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('end', () => this.#finish('peer'));
    socket.on('error', (error) => {
      this.#ending ??= 'socket-error';
      options.onError?.(error);
    });
    this.#armIdle();
  }

  /** Requests that are being answered. */
  get inFlight(): number {
    return this.#slots.length;
  }

  /** Takes no further request, answers those in flight, then hangs up; after `withinMs` at the latest. */
  async close(withinMs = 5_000): Promise<void> {
    this.#waiting = [];
    this.#finish('shutdown');
    const timer = setTimeout(() => this.#socket.destroy(), withinMs);
    await this.closed;
    clearTimeout(timer);
  }

  /** `chunk` is valid until this returns. */
  #received(chunk: Buffer): void {
    // After the end of the conversation what still comes is read and dropped, so that our last answer arrives.
    if (this.#ending !== undefined) return;
    const rest = this.#answerPlain(chunk);
    if (rest === undefined) return;
    let frames: readonly Uint8Array[];
    let failure: FrameError | undefined;
    try {
      frames = this.#reader.push(ownCopyOf(rest));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      failure = error;
      frames = error.frames;
    }
    this.#watchFrame(frames.length > 0);
    if (frames.length > 0) this.#lastRequestAtMs = performance.now();
    for (const frame of frames) this.#waiting.push(frame);
    this.#pump();
    if (failure !== undefined) this.#refuse(failure);
  }

  /** What is left of the bytes once the plain requests at their start have been answered; undefined when all have. */
  #answerPlain(chunk: Buffer): Buffer | undefined {
    const { plain } = this.#options;
    const isQuiet = this.#slots.length === 0 && this.#waiting.length === 0 && this.#reader.pendingBytes === 0;
    if (plain === undefined || !isQuiet || this.#paused || !this.#hasRoom()) return chunk;
    const readAtMs = performance.now();
    let output = OutputBuffer.take();
    let from = 0;
    /** Up to where the answers have been handed to the socket. */
    let written = 0;
    let filled = 0;
    try {
      for (;;) {
        const end = frameEnd(chunk, from, this.#limits.maxFrameBytes);
        if (end < 0) break;
        let answered = plain.answer(chunk, from, end, output.bytes, filled);
        if (answered < 0 && filled > ROOM_ENOUGH_BYTES) {
          // Perhaps for want of room alone.
          // Taken first: what has been lent to the socket is no longer ours to give back, should there be no memory.
          const next = OutputBuffer.take();
          this.#send(output, filled, plain, readAtMs);
          written = from;
          filled = 0;
          output = next;
          answered = plain.answer(chunk, from, end, output.bytes, filled);
        }
        if (answered < 0) break;
        from = end;
        filled = answered;
      }
      if (filled > 0) this.#send(output, filled, plain, readAtMs);
      else output.giveBack();
    } catch (error) {
      // A fault of ours; the other way may still have an answer to those that have none yet.
      this.#options.onError?.(error);
      output.first(OUTPUT_BUFFER_BYTES, true);
      output.giveBack();
      from = written;
    }
    plain.done(readAtMs);
    if (from === chunk.length) {
      this.#throttle();
      return undefined;
    }
    return from === 0 ? chunk : chunk.subarray(from);
  }

  /** Gives the buffer back, once the socket has done with it. */
  #send(output: OutputBuffer, filled: number, plain: PlainAnswers, readAtMs: number): void {
    const isSecret = plain.settle();
    const answers = output.first(filled, isSecret);
    this.#lastRequestAtMs = readAtMs;
    if (!this.#canWrite()) output.giveBack();
    else if (this.#socket.writableLength === 0) this.#socket.write(answers, output.giveBack);
    else {
      // The peer is slow to read. What waits for it is counted by its size, and a whole buffer is many times that.
      const copy = ownCopyOf(answers);
      output.giveBack();
      this.#write(copy, () => {
        if (isSecret) copy.fill(0);
      });
    }
  }

  /** The stream is beyond repair: say so where the peer speaks KMIP, after the answers that are due, and hang up. */
  #refuse(failure: FrameError): void {
    this.#options.onError?.(failure);
    if (failure.code === 'TTLV_NOT_KMIP') {
      this.#finish('not-kmip');
      return;
    }
    this.#refusal = errorResponse(
      peekVersion(failure.head),
      KmipError.from(failure).resultReason,
      failure.message,
    );
    this.#finish('malformed');
  }

  /** Takes up waiting requests as far as the limits allow, and writes the answers that are due. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // Written answers free the places that the next requests take.
    this.#flush();
    while (this.#hasRoom()) {
      const request = this.#waiting.shift();
      if (request !== undefined) this.#take(request);
      if (request === undefined || !this.#hasRoom()) this.#flush();
      if (request === undefined) break;
    }
    this.#pumping = false;
    this.#throttle();
    if (this.#ending !== undefined && this.#waiting.length === 0 && this.#slots.length === 0) this.#hangUp();
  }

  #hasRoom(): boolean {
    const untaken = this.#socket.writableLength + this.#readyBytes;
    return (
      this.#slots.length < this.#limits.maxInFlight &&
      untaken <= this.#limits.maxOutputBytes &&
      (untaken === 0 || mayWait(untaken))
    );
  }

  #take(request: Uint8Array): void {
    const slot: Slot = { answer: undefined };
    this.#slots.push(slot);
    const ready = (answer: Uint8Array): void => {
      slot.answer = answer;
      this.#readyBytes += answer.length;
    };
    const settle = (answer: Uint8Array): void => {
      ready(answer);
      this.#schedulePump();
    };
    const fail = (error: unknown): void => {
      settle(this.#failed(request, error));
      if (KmipError.from(error).cause instanceof TtlvError) this.#finish('malformed');
    };
    try {
      const answer = this.#options.handle(request);
      if (answer instanceof Uint8Array) ready(answer);
      else answer.then(settle, fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Answers that become ready in the same turn share one write. */
  #schedulePump(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    process.nextTick(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #failed(request: Uint8Array, error: unknown): Uint8Array {
    this.#options.onError?.(error);
    const failure = KmipError.from(error);
    return errorResponse(peekVersion(request), failure.resultReason, failure.message);
  }

  /** One write for all answers that are due: a write per answer would cost more than the answer. */
  #flush(): void {
    let due = 0;
    while (this.#slots[due]?.answer !== undefined) due++;
    if (due === 0) return;
    const answers = this.#slots
      .splice(0, due)
      .flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
    for (const { length } of answers) this.#readyBytes -= length;
    const [only] = answers;
    this.#write(answers.length === 1 && only !== undefined ? only : Buffer.concat(answers));
  }

  /** The peer has not closed its side and, unless half-open connections are allowed, thereby ours. */
  #canWrite(): boolean {
    return !this.#socket.destroyed && !this.#socket.writableEnded;
  }

  #write(answers: Uint8Array, sent?: () => void): void {
    const isSlow = this.#socket.writableLength > 0;
    if (!this.#canWrite()) sent?.();
    else if (isSlow && !mayWait(answers.length)) {
      sent?.();
      this.#abort('stalled');
    } else {
      const taken = waits(answers.length);
      this.#socket.write(answers, () => {
        taken();
        sent?.();
        if (this.#socket.writableLength > 0) this.#stallTimer?.refresh();
        else this.#forgetStall();
      });
      if (isSlow) this.#watchReader();
    }
  }

  /** What waits for the peer to take something else waits no longer than that. */
  #watchReader(): void {
    this.#stallTimer ??= setTimeout(() => this.#abort('stalled'), this.#limits.stallTimeoutMs);
  }

  #forgetStall(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
  }

  #throttle(): void {
    const full = this.#waiting.length > 0 || !this.#hasRoom();
    if (this.#socket.writableLength > this.#limits.maxOutputBytes) this.#watchReader();
    if (this.#ending !== undefined || full === this.#paused) return;
    this.#paused = full;
    if (full) {
      // The peer is not to blame for what we do not read.
      clearTimeout(this.#frameTimer);
      this.#frameTimer = undefined;
      this.#socket.pause();
    } else {
      this.#socket.resume();
      this.#watchFrame(false);
    }
  }

  #drained(): void {
    this.#forgetStall();
    this.#pump();
  }

  #watchFrame(isNewFrame: boolean): void {
    if (this.#frameTimer !== undefined && (isNewFrame || this.#reader.pendingBytes === 0)) {
      clearTimeout(this.#frameTimer);
      this.#frameTimer = undefined;
    }
    // While we do not read, the rest cannot come; what was read before may still be handed to us.
    if (!this.#paused && this.#reader.pendingBytes > 0 && this.#frameTimer === undefined) {
      this.#frameTimer = setTimeout(() => this.#abort('frame-timeout'), this.#limits.frameTimeoutMs);
    }
  }

  /** One timer, which looks at the clock when it fires: to set it anew for each request would cost more. */
  #armIdle(leftMs = this.#limits.idleTimeoutMs): void {
    const { idleTimeoutMs } = this.#limits;
    if (idleTimeoutMs === 0) return;
    this.#idleTimer = setTimeout(() => {
      const left = this.#lastRequestAtMs + idleTimeoutMs - performance.now();
      if (this.#slots.length > 0) this.#armIdle();
      else if (left > 0) this.#armIdle(left);
      else this.#finish('idle');
    }, leftMs);
    this.#idleTimer.unref();
  }

  /** No further request is read; what has been read is still answered. */
  #finish(reason: CloseReason): void {
    if (this.#ending !== undefined) return;
    this.#ending = reason;
    clearTimeout(this.#frameTimer);
    clearTimeout(this.#idleTimer);
    this.#socket.resume();
    this.#pump();
  }

  #hangUp(): void {
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    if (this.#refusal === undefined) this.#socket.end();
    else this.#socket.end(this.#refusal);
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #abort(reason: CloseReason): void {
    this.#ending ??= reason;
    this.#socket.destroy();
  }
}

/** In memory that nobody shares: what is small would come from a pool. */
function ownCopyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Where the message that starts at `from` ends; -1 unless it lies whole in `bytes` and may be looked at. */
function frameEnd(bytes: Buffer, from: number, maxFrameBytes: number): number {
  if (from + HEADER_BYTES > bytes.length || bytes[from] !== FIRST_BYTE) return -1;
  if (bytes[from + 3] !== ItemType.Structure) return -1;
  const length = bytes.readUInt32BE(from + 4);
  const end = from + HEADER_BYTES + length;
  return length % 8 === 0 && end - from <= maxFrameBytes && end <= bytes.length ? end : -1;
}

function withDefaults(options: ServeOptions): ServerLimits {
  return {
    maxFrameBytes: options.maxFrameBytes ?? DEFAULT_SERVER_LIMITS.maxFrameBytes,
    maxInFlight: options.maxInFlight ?? DEFAULT_SERVER_LIMITS.maxInFlight,
    maxOutputBytes: options.maxOutputBytes ?? DEFAULT_SERVER_LIMITS.maxOutputBytes,
    frameTimeoutMs: options.frameTimeoutMs ?? DEFAULT_SERVER_LIMITS.frameTimeoutMs,
    stallTimeoutMs: options.stallTimeoutMs ?? DEFAULT_SERVER_LIMITS.stallTimeoutMs,
    idleTimeoutMs: options.idleTimeoutMs ?? DEFAULT_SERVER_LIMITS.idleTimeoutMs,
  };
}

/**
 * Serves KMIP on a connected socket (a TLSSocket after its handshake, once the peer's certificate has been accepted).
 * The socket belongs to the connection from then on. Create the server with `allowHalfOpen: true` to answer peers
 * that close their side right after asking.
 */
export function serveKmip(socket: Socket, options: ServeOptions): ServerConnection {
  return new ServerConnection(socket, options);
}
