/**
 * Load, full unless it is paced: connections that encrypt, now and then make a key and go on with that one, and check a
 * plaintext. Each remembers every key whose Create was answered.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeRequest, type KmipClient, Operation, schemasOf, V1_4 } from '../../execution/kmip/index.ts';
import { create } from '../support/applications.ts';
import { type Phase, reasonOf, type Tally } from './tally.ts';

const DATA_BYTES = 32;
/** Of a hundred requests, those whose ciphertext is decrypted again and compared. */
const CHECKED_PERCENT = 0.5;
/** A refused request is tried again after this long, so that a refusal is not a flood. */
const REFUSED_PAUSE_MS = 20;

export interface TrafficContext {
  /** In which phase the work is that began now. */
  readonly phase: () => Phase;
  readonly hot: Tally;
  readonly acknowledged: Map<string, KmipClient>;
  readonly wrong: { plaintexts: number };
  readonly signal: AbortSignal;
}

interface Sealing {
  readonly uid: string;
  readonly request: Uint8Array;
}

function sealingWith(uid: string, data: Uint8Array): Sealing {
  const payload = schemasOf(Operation.Encrypt).request.write({ uniqueIdentifier: uid, data }, V1_4);
  const header = { protocolVersion: V1_4, batchCount: 1 };
  return { uid, request: encodeRequest({ header, items: [{ operation: Operation.Encrypt, payload }] }) };
}

/** One connection, with several requests under way. */
export class HotSeat {
  readonly #client: KmipClient;
  readonly #context: TrafficContext;
  readonly #createShare: number;
  readonly #data = randomBytes(DATA_BYTES);
  #sealing: Sealing;
  /** Of an answer to the request that is sent over and over; a refusal has another. */
  readonly #answerBytes: number;

  private constructor(
    client: KmipClient,
    context: TrafficContext,
    createPercent: number,
    uid: string,
    answerBytes: number,
  ) {
    this.#client = client;
    this.#context = context;
    this.#createShare = createPercent / 100;
    this.#sealing = sealingWith(uid, this.#data);
    this.#answerBytes = answerBytes;
  }

  static async open(client: KmipClient, context: TrafficContext, createPercent: number): Promise<HotSeat> {
    const uid = await create(client);
    context.acknowledged.set(uid, client);
    const answer = await client.send(sealingWith(uid, randomBytes(DATA_BYTES)).request);
    return new HotSeat(client, context, createPercent, uid, answer.length);
  }

  /** @param paceMs of each line between two requests; 0: none */
  async work(depth: number, paceMs: number): Promise<void> {
    await Promise.all(Array.from({ length: depth }, () => this.#line(paceMs)));
  }

  close(): void {
    this.#client.close();
  }

  async #line(paceMs: number): Promise<void> {
    while (!this.#context.signal.aborted) {
      const drawn = Math.random();
      if (drawn < this.#createShare) await this.#ask(() => this.#make());
      else if (drawn < this.#createShare + CHECKED_PERCENT / 100) await this.#ask(() => this.#check());
      else await this.#ask(() => this.#seal());
      if (paceMs > 0) await delay(paceMs);
    }
  }

  async #seal(): Promise<void> {
    const { request, uid } = this.#sealing;
    const answer = await this.#client.send(request);
    if (answer.length === this.#answerBytes) return;
    // Another size: most likely a refusal, which the same question in full has again.
    await this.#client.request(Operation.Encrypt, { uniqueIdentifier: uid, data: this.#data });
  }

  async #make(): Promise<void> {
    const uid = await create(this.#client);
    this.#context.acknowledged.set(uid, this.#client);
    this.#sealing = sealingWith(uid, this.#data);
  }

  async #check(): Promise<void> {
    const { uid } = this.#sealing;
    const data = randomBytes(DATA_BYTES);
    const sealed = await this.#client.request(Operation.Encrypt, { uniqueIdentifier: uid, data });
    const opened = await this.#client.request(Operation.Decrypt, {
      uniqueIdentifier: uid,
      data: sealed.data,
      ivCounterNonce: sealed.ivCounterNonce,
      authenticatedEncryptionTag: sealed.authenticatedEncryptionTag,
    });
    if (!data.equals(opened.data ?? Buffer.alloc(0))) this.#context.wrong.plaintexts += 1;
  }

  async #ask(work: () => Promise<void>): Promise<void> {
    const { hot, phase } = this.#context;
    const began = phase();
    const startedAt = performance.now();
    try {
      await work();
      hot.served(began, performance.now() - startedAt);
    } catch (error) {
      // What began in one phase may be refused by the next.
      const ended = phase();
      hot.refused(
        ended === 'ending' || ended === 'refused' ? ended : began,
        reasonOf(error),
        performance.now() - startedAt,
      );
      await delay(REFUSED_PAUSE_MS);
    }
  }
}
