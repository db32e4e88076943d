/**
 * The plainest and commonest requests, answered from the bytes in one pass: Encrypt and Decrypt with AES-GCM under an L4
 * whose key is open in memory, and both under a leased L3; Get of such an L4; Create of an AES key (split record §1). No
 * tree, no promise, nothing that waits, but for Create, which waits for its commit.
 *
 * It only ever says yes. Whatever is not plainly allowed and plainly possible — a refusal, an error, an option, a key that
 * must be opened first — is left to the general path, which then finds out by itself and gives the answer; so that there
 * is one place for every reason, and the two cannot disagree about one. A property test holds both to the same bytes.
 */

import { performance } from 'node:perf_hooks';
import { Operation, operationName, type PlainAnswers } from '../../../kmip/index.ts';
import { isL3Address } from '../../../routing/index.ts';
import type { HeldKey } from '../../keys/key-cache.ts';
import { MAX_L3_DATA_BYTES } from '../../limits.ts';
import type { GatewayMetrics } from '../../metrics.ts';
import type { Requester, Services } from '../context.ts';
import type { Correlations } from '../correlation.ts';
import { Exchange } from './exchange.ts';
import { GCM_TAG_BYTES, HotCiphers, isUsable } from './hot-ciphers.ts';
import { HotCreate, type HotCreateOptions } from './hot-create.ts';
import { answerGet } from './hot-get.ts';
import { answerUnderL3 } from './hot-l3.ts';
import { Repeats } from './repeats.ts';
import { Uids } from './uids.ts';

/** Bytes of Data. Larger ones gain nothing here. */
const MAX_HOT_DATA_BYTES = 16_384;
/** What an answer has beside Data, and beside a wrapped key. */
const MAX_OVERHEAD_BYTES = 1_024;
/** Not for here. */
const NO = -1;

export interface HotPathOptions {
  readonly services: Services;
  readonly metrics: GatewayMetrics;
  readonly correlations: Correlations;
  readonly failed: HotCreateOptions['failed'];
}

export class HotPath {
  readonly #services: Services;
  readonly #metrics: GatewayMetrics;
  readonly #correlations: Correlations;
  readonly #create: HotCreate;
  readonly #exchange = new Exchange();
  readonly #ciphers: HotCiphers;
  readonly #uids = new Uids();
  readonly #repeats = new Repeats();
  /** For an answer that goes alone. */
  readonly #own = Buffer.alloc(MAX_HOT_DATA_BYTES + MAX_L3_DATA_BYTES + MAX_OVERHEAD_BYTES);

  /** The key of the message that was just answered, where that was an Encrypt under an L4. */
  #encrypted: HeldKey | undefined;

  constructor(options: HotPathOptions) {
    this.#services = options.services;
    this.#metrics = options.metrics;
    this.#correlations = options.correlations;
    this.#create = new HotCreate(options);
    this.#ciphers = new HotCiphers(this.#exchange, options.services);
  }

  /** For one connection: what it sends, answered where it lies. `requester`: whoever is behind it by now, if anybody. */
  plainAnswers(requester: () => Requester | undefined): PlainAnswers {
    return {
      answer: (bytes, start, end, out, at) => {
        const who = requester();
        return who === undefined ? NO : this.#answerNext(bytes, start, end, out, at, who);
      },
      settle: () => {
        this.#repeats.settle();
        const wasSecret = this.#exchange.isSecret;
        this.#exchange.isSecret = false;
        return wasSecret;
      },
      done: (readAtMs) => this.#done(readAtMs),
    };
  }

  /** The whole answer to one message; undefined when the request is not for here. Has no effect then. */
  answer(message: Uint8Array, requester: Requester): Uint8Array | undefined {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const startedAtMs = performance.now();
    let end: number;
    try {
      end = this.#answerInto(bytes, 0, bytes.length, this.#own, 0, requester);
    } finally {
      this.#done(startedAtMs);
    }
    if (end < 0) return undefined;
    const answer = Buffer.from(this.#own.subarray(0, end));
    this.#own.fill(0, 0, end);
    return answer;
  }

  /** The answer to a Create, once the key is durable; undefined when the request is not for here. Has no effect then. */
  create(message: Uint8Array, requester: Requester): Promise<Uint8Array> | undefined {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const exchange = this.#exchange;
    if (!exchange.read(bytes, 0, bytes.length) || exchange.scan.operation !== Operation.Create)
      return undefined;
    return this.#create.answer(bytes, exchange.scan, requester);
  }

  /** As `PlainAnswers.answer`. */
  #answerNext(
    bytes: Buffer,
    start: number,
    end: number,
    out: Buffer,
    at: number,
    requester: Requester,
  ): number {
    const repeated = this.#repeats.of(bytes, start, end, out, at, requester);
    if (repeated === undefined) {
      const answered = this.#answerInto(bytes, start, end, out, at, requester);
      if (answered >= 0 && this.#encrypted !== undefined && end < bytes.length)
        this.#repeats.remember(
          {
            requester,
            uid: this.#encrypted.object.uid,
            key: this.#encrypted.key,
            bytes,
            start,
            end,
            out,
            answerAt: at,
            answerEnd: answered,
            sealedAt: this.#ciphers.sealedAt,
            ivAt: this.#ciphers.ivAt,
            tagAt: this.#ciphers.tagAt,
          },
          this.#exchange.scan,
        );
      return answered;
    }
    if (!this.#services.ivBudget.trySpend(repeated)) return NO;
    this.#metrics.hot.answered(Operation.Encrypt);
    return this.#repeats.answer(start, at);
  }

  /** One message, as `PlainAnswers.answer`. */
  #answerInto(
    bytes: Buffer,
    start: number,
    end: number,
    out: Buffer,
    at: number,
    requester: Requester,
  ): number {
    const exchange = this.#exchange;
    this.#encrypted = undefined;
    if (!exchange.read(bytes, start, end)) return NO;
    const { operation, dataLength } = exchange.scan;
    if (operation === Operation.Create) return NO;
    if (dataLength > MAX_HOT_DATA_BYTES + (operation === Operation.Encrypt ? 0 : GCM_TAG_BYTES)) return NO;
    const { operations } = requester.identity;
    if (operations !== null && !operations.includes(operationName(operation))) return NO;
    exchange.open(out, at);
    if (!this.#answered(operation, requester)) return NO;
    this.#metrics.hot.answered(operation);
    return exchange.writer.at;
  }

  #answered(operation: number, requester: Requester): boolean {
    const exchange = this.#exchange;
    const { uidAt, uidLength } = exchange.scan;
    const uid = this.#uids.textOf(exchange.bytes, uidAt, uidLength);
    if (isL3Address(uid)) return answerUnderL3(exchange, this.#services, uid, requester);
    const held = this.#held(uid, requester);
    if (held === undefined) return false;
    if (operation === Operation.Get)
      return answerGet(exchange, this.#services, this.#correlations, held, requester);
    const encrypts = operation === Operation.Encrypt;
    if (!isUsable(held, encrypts, exchange.nowS)) return false;
    if (!encrypts) return this.#ciphers.decrypt(held);
    if (!this.#ciphers.encrypt(held)) return false;
    this.#encrypted = held;
    return true;
  }

  #done(readAtMs: number): void {
    this.#repeats.forget();
    this.#encrypted = undefined;
    this.#exchange.forget();
    this.#metrics.hot.readTook(performance.now() - readAtMs);
  }

  /** The opened key, when it is the caller's. */
  #held(uid: string, { identity }: Requester): HeldKey | undefined {
    const held = this.#services.ring.ready(identity.tenant, uid, this.#exchange.leaseMs);
    return held !== undefined && identity.services.includes(held.object.service) ? held : undefined;
  }
}
