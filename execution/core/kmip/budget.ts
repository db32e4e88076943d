/**
 * What one client message may cost the region (D14), however many items it has: time, objects looked at by searches,
 * and the size of the answer with its effects, which must fit one message of the mesh. Whatever would go beyond fails
 * by itself, before its change is committed.
 */
import { ItemType, KmipError, type Ttlv } from '../../kmip/index.ts';
import {
  MAX_LOCATE_SCAN,
  MAX_TUNNEL_ANSWER_BYTES,
  MAX_TUNNEL_ANSWER_FIELDS,
  MAX_TUNNEL_EFFECT_BYTES,
  TUNNEL_WORK_MS,
} from '../limits.ts';

export interface BudgetOptions {
  /** On the clock of `performance.now()`: past it nobody waits for the answer any more. */
  readonly untilMs?: number;
  /** Objects that all searches together may look at. */
  readonly scans?: number;
}

/** Sizes spent so far, to go back to when a transaction is undone. */
export interface BudgetMark {
  readonly answerBytes: number;
  readonly answerFields: number;
  readonly effectBytes: number;
}

/** Bytes and TTLV items of an encoded tree; for a Big Integer a bound. */
export function sizeOf(item: Ttlv): { bytes: number; fields: number } {
  switch (item.type) {
    case ItemType.Structure: {
      const size = { bytes: 8, fields: 1 };
      for (const child of item.value) {
        const { bytes, fields } = sizeOf(child);
        size.bytes += bytes;
        size.fields += fields;
      }
      return size;
    }
    case ItemType.TextString:
      return { bytes: 16 + Buffer.byteLength(item.value), fields: 1 };
    case ItemType.ByteString:
      return { bytes: 16 + item.value.length, fields: 1 };
    case ItemType.BigInteger:
      return { bytes: 24 + Math.ceil(item.value.toString(16).length / 2), fields: 1 };
    default:
      return { bytes: 16, fields: 1 };
  }
}

export class MessageBudget {
  readonly #untilMs: number;
  #scansLeft: number;
  #spent: BudgetMark = { answerBytes: 0, answerFields: 0, effectBytes: 0 };

  constructor({ untilMs = performance.now() + TUNNEL_WORK_MS, scans = MAX_LOCATE_SCAN }: BudgetOptions = {}) {
    this.#untilMs = untilMs;
    this.#scansLeft = scans;
  }

  /** Throws General Failure when the time is up. */
  requireTime(): void {
    if (performance.now() < this.#untilMs) return;
    throw KmipError.generalFailure(
      'the time for one message is used up; send fewer items, or narrower searches',
    );
  }

  /** Milliseconds until nobody waits for the answer any more; negative when that has come. */
  leftMs(): number {
    return this.#untilMs - performance.now();
  }

  /** A search is about to look at `objects`. Throws General Failure past the limit. */
  look(objects: number): void {
    this.requireTime();
    this.#scansLeft -= objects;
    if (this.#scansLeft >= 0) return;
    throw KmipError.generalFailure(
      'more objects would have to be looked at than one message may ask for; add a Name, Object Type or State',
    );
  }

  /** An item's answer and what must be applied with it. Throws Response Too Large; then nothing is spent. */
  answer(payload: Ttlv, effects: readonly Ttlv[]): void {
    const { bytes, fields } = sizeOf(payload);
    const next = {
      answerBytes: this.#spent.answerBytes + bytes,
      answerFields: this.#spent.answerFields + fields,
      effectBytes: this.#spent.effectBytes + bytesOf(effects),
    };
    if (
      next.answerBytes > MAX_TUNNEL_ANSWER_BYTES ||
      next.answerFields > MAX_TUNNEL_ANSWER_FIELDS ||
      next.effectBytes > MAX_TUNNEL_EFFECT_BYTES
    ) {
      throw KmipError.responseTooLarge(
        'the answers of one message are too large; send fewer items at a time',
      );
    }
    this.#spent = next;
  }

  /** Whether an effect that the answer can do without still has room; if so, it is counted. */
  takes(effect: Ttlv): boolean {
    const effectBytes = this.#spent.effectBytes + bytesOf([effect]);
    if (effectBytes > MAX_TUNNEL_EFFECT_BYTES) return false;
    this.#spent = { ...this.#spent, effectBytes };
    return true;
  }

  mark(): BudgetMark {
    return this.#spent;
  }

  /** The answers since `mark` will not be given. Time and searches stay spent. */
  reset(mark: BudgetMark): void {
    this.#spent = mark;
  }
}

function bytesOf(items: readonly Ttlv[]): number {
  return items.reduce((sum, item) => sum + sizeOf(item).bytes, 0);
}
