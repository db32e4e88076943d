/**
 * The load generator of `open-loop.ts`. Between requests it polls: a timer of this runtime is a millisecond late, ten times
 * what lies between two requests. So it takes one processor whole, and leaves the server the others.
 */
import type { TLSSocket } from 'node:tls';
import { errorMessage } from '../../platform/errors.ts';
import { Histogram } from '../../testkit/measure/histogram.ts';
import { negotiatedOn, open } from './connections.ts';
import type { FromGenerator, OpenLoopReport, OpenLoopRun, OpenLoopTarget, ToGenerator } from './open-loop.ts';
import { Schedule } from './schedule.ts';

/** A request that waits longer for its answer has none. */
const ANSWER_WITHIN_MS = 10_000;
/** Sent at once where the generator is late; then it looks for answers before it goes on. */
const MOST_AT_ONCE = 32;
/** Requests of one connection without an answer; more, and the server does not keep up with the rate. */
const MOST_OPEN = 2 ** 16;
/** The first request is due so much later than the run begins. */
const HEAD_START_MS = 5;

/** One connection: its answers come in the order of its requests. */
class Line {
  readonly #socket: TLSSocket;
  readonly #request: Buffer;
  readonly #responseBytes: number;
  /** When the open requests were due: a ring. */
  readonly #due = new Float64Array(MOST_OPEN);
  #sent = 0;
  #answered = 0;
  #received = 0;
  /** Told of every answer: milliseconds since its request was due. */
  onAnswer: (ms: number) => void = () => undefined;
  failure: Error | undefined;

  constructor(socket: TLSSocket, request: Buffer, responseBytes: number) {
    this.#socket = socket;
    this.#request = request;
    this.#responseBytes = responseBytes;
    socket.on('data', (chunk: Buffer) => this.#data(chunk.length));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  get waiting(): number {
    return this.#sent - this.#answered;
  }

  send(dueMs: number): void {
    if (this.waiting === MOST_OPEN) {
      this.#fail(new Error('the server does not keep up with the rate'));
      return;
    }
    this.#due[this.#sent++ % MOST_OPEN] = dueMs;
    this.#socket.write(this.#request);
  }

  #data(bytes: number): void {
    const now = performance.now();
    this.#received += bytes;
    while (this.#received >= this.#responseBytes && this.waiting > 0) {
      this.#received -= this.#responseBytes;
      this.onAnswer(now - (this.#due[this.#answered++ % MOST_OPEN] ?? Number.NaN));
    }
    if (this.waiting === 0 && this.#received > 0)
      this.#fail(new Error('an answer has another size than expected'));
  }

  #fail(error: Error): void {
    this.failure ??= error;
  }
}

async function connectAll(target: OpenLoopTarget) {
  const request = Buffer.from(target.request, 'base64');
  const sockets = await Promise.all(Array.from({ length: target.connections }, () => open(target.access)));
  const [first] = sockets;
  if (first === undefined) throw new RangeError('at least one connection');
  return {
    lines: sockets.map((socket) => new Line(socket, request, target.responseBytes)),
    negotiated: negotiatedOn(first),
  };
}

async function play(lines: readonly Line[], { perSecond, seconds }: OpenLoopRun): Promise<OpenLoopReport> {
  const [latency, lateness] = [new Histogram(), new Histogram()];
  for (const line of lines) line.onAnswer = (ms) => latency.record(ms);
  const schedule = new Schedule(performance.now() + HEAD_START_MS, perSecond, seconds);
  let sent = 0;
  while (sent < schedule.total) {
    const due = Math.min(schedule.due(performance.now()), sent + MOST_AT_ONCE);
    for (; sent < due; sent++) {
      const dueMs = schedule.dueAt(sent);
      lateness.record(performance.now() - dueMs);
      lines[sent % lines.length]?.send(dueMs);
    }
    check(lines);
    await immediate();
  }
  const giveUpAt = performance.now() + ANSWER_WITHIN_MS;
  while (lines.some(({ waiting }) => waiting > 0)) {
    check(lines);
    if (performance.now() > giveUpAt) throw new Error(`no answer within ${ANSWER_WITHIN_MS} ms`);
    await immediate();
  }
  return { latency: latency.pack(), lateness: lateness.pack() };
}

function check(lines: readonly Line[]): void {
  for (const { failure } of lines) if (failure !== undefined) throw failure;
}

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const tell = (answer: FromGenerator): void => {
  process.send?.(answer);
};

let targets: readonly (readonly Line[])[] = [];
async function obey(order: ToGenerator): Promise<void> {
  if (order.kind === 'open') {
    const opened = await Promise.all(order.targets.map(connectAll));
    targets = opened.map(({ lines }) => lines);
    tell({ kind: 'opened', negotiated: opened.map(({ negotiated }) => negotiated) });
    return;
  }
  const lines = targets[order.run.target];
  if (lines === undefined) throw new RangeError(`there is no target ${order.run.target}`);
  tell({ kind: 'done', report: await play(lines, order.run) });
}

process.on('message', (order: ToGenerator) => {
  obey(order).catch((error: unknown) => tell({ kind: 'failed', message: errorMessage(error) }));
});
