/**
 * A storm of generated requests at a gateway: none may crash or hang a process, each is answered in well-formed KMIP or
 * its connection is closed, and in the end the processes hold no more memory than after the first of it.
 */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import {
  decodeResponse,
  decodeTtlv,
  ItemType,
  KmipClient,
  peekVersion,
  Tag,
} from '../../execution/kmip/index.ts';
import { readPrivate } from '../../platform/config-file.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { System } from '../../testkit/system.ts';
import { formFault } from '../conformance/form.ts';
import { answeredItems, itemsWith, objectsMade } from '../conformance/items.ts';
import { Corpus } from './corpus.ts';
import { collectedHeaps, type Heaps, nodeOptions, watched } from './heap.ts';
import { Line, type Reply } from './line.ts';
import { Living } from './living.ts';
import { Random } from './random.ts';
import { RequestMaker, type StormRequest } from './requests.ts';
import { Tally } from './tally.ts';

const REGION = 'eu-west-1';
const REPLY_TIMEOUT_MS = 30_000;
const CLIENT_TIMEOUT_MS = 30_000;
/** pino's `error`. */
const ERROR_LINE = /"level":(?:50|60|"error"|"fatal")/;
const SHOWN_BYTES = 400;

export interface StormPlan {
  readonly seed: number;
  readonly requests: number;
  readonly connections: number;
  /** Requests after which the heaps are measured for the first time. */
  readonly warmUp: number;
  /** How often each heap is looked at, a second apart: the smallest counts. */
  readonly heapLooks: number;
}

export interface StormReport {
  readonly plan: StormPlan;
  readonly tookSeconds: number;
  readonly tally: Tally;
  readonly connections: number;
  readonly objects: { readonly made: number; readonly destroyed: number; readonly left: readonly string[] };
  readonly heaps: { readonly before: Heaps; readonly after: Heaps };
  /** Errors that the processes did not expect, from their logs. */
  readonly unexpected: readonly string[];
  /** Processes of the region that are not the ones which were there at the start. */
  readonly died: readonly string[];
}

export async function storm(plan: StormPlan, tell: Tell): Promise<StormReport> {
  const corpus = await Corpus.read();
  tell('starting an installation');
  const system = await System.startUnder(nodeOptions);
  try {
    return await new Storm(plan, system, corpus, await credentialsOf(system), tell).run();
  } finally {
    await system.interrupt();
  }
}

type Credentials = Awaited<ReturnType<typeof credentialsOf>>;

async function credentialsOf(system: System) {
  const { cert, key, ca } = system.files();
  return { cert: await readFile(cert), key: Buffer.from(await readPrivate(key)), ca: await readFile(ca) };
}

class Storm {
  readonly #plan: StormPlan;
  readonly #system: System;
  readonly #corpus: Corpus;
  readonly #tell: Tell;
  readonly #client: KmipClient;
  readonly #living: Living;
  readonly #lines: readonly Line[];
  readonly #tally = new Tally();

  constructor(plan: StormPlan, system: System, corpus: Corpus, credentials: Credentials, tell: Tell) {
    this.#plan = plan;
    this.#system = system;
    this.#corpus = corpus;
    this.#tell = tell;
    const { gateway } = system.region(REGION);
    this.#client = new KmipClient({ ...gateway, ...credentials, timeoutMs: CLIENT_TIMEOUT_MS, poolSize: 2 });
    this.#living = new Living(this.#client, new Random(plan.seed ^ 0x5eed));
    const secureContext = createSecureContext(credentials);
    this.#lines = Array.from(
      { length: plan.connections },
      () => new Line({ ...gateway, secureContext, replyTimeoutMs: REPLY_TIMEOUT_MS }),
    );
  }

  async run(): Promise<StormReport> {
    const { warmUp, requests, heapLooks } = this.#plan;
    const pids = this.#pids();
    try {
      await this.#blow(warmUp, 0);
      this.#tell('measuring the heaps');
      const before = await collectedHeaps(this.#system, REGION, heapLooks);
      const startedAt = performance.now();
      await this.#blow(requests - warmUp, warmUp);
      const tookSeconds = (performance.now() - startedAt) / 1_000;
      const left = await this.#living.end();
      this.#tell('measuring the heaps');
      const after = await collectedHeaps(this.#system, REGION, heapLooks);
      await this.#system.refreshed();
      const now = this.#pids();
      return {
        plan: this.#plan,
        tookSeconds,
        tally: this.#tally,
        connections: this.#lines.reduce((sum, { connections }) => sum + connections, 0),
        objects: { made: this.#living.made, destroyed: this.#living.destroyed, left },
        heaps: { before, after },
        unexpected: await this.#unexpected(),
        died: watched.map((name) => `${REGION}/${name}`).filter((name) => now.get(name) !== pids.get(name)),
      };
    } finally {
      for (const line of this.#lines) line.close();
      this.#client.close();
    }
  }

  /** Every connection has chance of its own, so that what it sends does not depend on the others' pace. */
  async #blow(count: number, from: number): Promise<void> {
    let left = count;
    await Promise.all(
      this.#lines.map(async (line, index) => {
        const random = new Random(this.#plan.seed + from + index * 0x9e3779b1);
        const maker = new RequestMaker(this.#corpus, random, this.#living);
        while (left > 0) {
          left -= 1;
          await this.#once(line, maker.next());
          await this.#living.trim();
          this.#tell(
            `${this.#tally.total} requests, ${this.#living.size} objects, ${this.#tally.faultCount} faults`,
          );
        }
      }),
    );
  }

  async #once(line: Line, request: StormRequest): Promise<void> {
    const startedAt = performance.now();
    this.#tally.noteSent(request.kind);
    let reply: Reply;
    try {
      reply = await line.send(request.bytes, request.ends);
    } catch (error) {
      this.#tally.fault(`${request.kind}: ${errorMessage(error)}`);
      return;
    }
    this.#tally.noteReply(performance.now() - startedAt);
    switch (reply.outcome) {
      case 'silent':
        this.#fault(request, `neither an answer nor an end within ${REPLY_TIMEOUT_MS} ms`);
        return;
      case 'closed':
        this.#tally.closed += 1;
        if (reply.rest.length > 0) this.#check(request, firstFrame(reply.rest));
        return;
      case 'answered':
        this.#check(request, reply.frame);
    }
  }

  #check(request: StormRequest, frame: Buffer): void {
    const fault = formFault(frame, request.message === undefined ? undefined : peekVersion(request.bytes));
    if (fault !== undefined) {
      this.#fault(request, fault);
      return;
    }
    this.#tally.noteAnswer(decodeResponse(frame));
    const answer = decodeTtlv(frame);
    if (request.message !== undefined) this.#living.add(objectsMade(answeredItems(request.message, answer)));
    for (const { type, value } of itemsWith(answer, Tag.CorrelationValue))
      if (type === ItemType.ByteString) this.#living.noteCorrelationValue(value);
  }

  #fault({ kind, bytes }: StormRequest, text: string): void {
    const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
    this.#tally.fault(`${kind}: ${text}; the request was ${shown}${bytes.length > SHOWN_BYTES ? '…' : ''}`);
  }

  #pids(): ReadonlyMap<string, number | null> {
    return new Map(this.#system.endpoints.processes.map(({ name, pid }) => [name, pid]));
  }

  async #unexpected(): Promise<string[]> {
    const logs = await Promise.all(watched.map((name) => this.#system.log(`${REGION}/${name}`)));
    return logs.flatMap((log) => log.split('\n').filter((line) => ERROR_LINE.test(line)));
  }
}

/** A connection that ends may have been answered before: by one message. */
function firstFrame(bytes: Buffer): Buffer {
  const HEADER_BYTES = 8;
  return bytes.length < HEADER_BYTES ? bytes : bytes.subarray(0, HEADER_BYTES + bytes.readUInt32BE(4));
}

/** Every reason why the storm has failed. `growth` is the part by which a heap may grow, and `slackBytes` what it may in any case. */
export function failuresOf(report: StormReport, growth: number, slackBytes = 0): string[] {
  const { tally, heaps, objects, unexpected, died } = report;
  const failures = tally.faults.map((fault) => fault);
  if (tally.faultCount > tally.faults.length) failures.push(`${tally.faultCount} faults in all`);
  for (const name of died) failures.push(`${name} died`);
  for (const line of unexpected.slice(0, 10)) failures.push(`an error that was not expected: ${line}`);
  if (unexpected.length > 10) failures.push(`${unexpected.length} unexpected errors in all`);
  for (const object of objects.left) failures.push(`an object is left: ${object}`);
  for (const name of watched) {
    const { before, after } = { before: heaps.before[name], after: heaps.after[name] };
    if (after > Math.max(before * (1 + growth), before + slackBytes)) {
      failures.push(`the heap of the ${name} grew from ${mib(before)} to ${mib(after)}`);
    }
  }
  return failures;
}

export function mib(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
