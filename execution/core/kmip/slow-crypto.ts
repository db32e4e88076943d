/**
 * Cryptography that takes seconds: never on the event loop, few at once (D14), never longer than anybody waits for the
 * answer, and never inside a transaction. An operation that needs some ends its transaction by asking for it; once it is
 * done, the operation runs again from the start, and finds the result.
 */
import type { TenantId } from '../../../contracts/index.ts';
import { KmipError } from '../../kmip/index.ts';
import { MAX_CONCURRENT_SLOW_CRYPTO, MAX_QUEUED_SLOW_CRYPTO } from '../limits.ts';
import { QueueFullError, Semaphore } from '../semaphore.ts';
import type { OperationContext } from './context.ts';

/** Of the process, as libuv's threads are. */
const slots = new Semaphore({
  max: MAX_CONCURRENT_SLOW_CRYPTO,
  maxQueued: MAX_QUEUED_SLOW_CRYPTO,
  maxPerKey: 1,
});

/** Ends a transaction that has to wait for slow work. No failure of the operation. */
export class UnfinishedWork extends Error {
  readonly finish: () => Promise<void>;
  constructor(finish: () => Promise<void>) {
    super('the operation goes on when its slow work is done');
    this.name = 'UnfinishedWork';
    this.finish = finish;
  }
}

interface Result {
  readonly key: string;
  readonly value: unknown;
  readonly discard: () => void;
}

/** What has been computed for the operations of one transaction, over all its attempts. */
export class SlowResults {
  readonly #results: Result[] = [];
  readonly #taken = new Set<Result>();

  /** A new attempt: every result is there again. */
  restart(): void {
    this.#taken.clear();
  }

  /** A result for `key` that nothing else in this attempt has taken. Lent until the operation's end: do not wipe it. */
  take(key: string): { readonly value: unknown } | undefined {
    const result = this.#results.find((one) => one.key === key && !this.#taken.has(one));
    if (result !== undefined) this.#taken.add(result);
    return result;
  }

  add<T>(key: string, value: T, discard: (value: T) => void): void {
    this.#results.push({ key, value, discard: () => discard(value) });
  }

  wipe(): void {
    for (const { discard } of this.#results) discard();
    this.#results.length = 0;
  }
}

/** Runs a transaction, and again after each slow work that it asks for. `run` calls `restart` at every attempt. */
export async function withSlowWork<T>(run: (slow: SlowResults) => Promise<T>): Promise<T> {
  const slow = new SlowResults();
  try {
    for (;;) {
      try {
        return await run(slow);
      } catch (error) {
        if (!(error instanceof UnfinishedWork)) throw error;
        await error.finish();
      }
    }
  } finally {
    slow.wipe();
  }
}

export interface SlowWork<T> {
  /** Tells this work from every other of the operation: same key, same kind of result. No secret. */
  readonly key: string;
  run(): Promise<T>;
  /** Zeroises a result; for those that are secret bytes. */
  discard?(result: T): void;
}

/**
 * The result of `work`, lent to the operation until its end. The first time it throws UnfinishedWork: ask before
 * anything is changed.
 *
 * @throws KmipError General Failure when the time of the message is over, or too many wait; what `work` throws.
 */
export function slowly<T>(
  { slow, batch, requester }: Pick<OperationContext, 'slow' | 'batch' | 'requester'>,
  work: SlowWork<T>,
): T {
  const discard = (result: T) => work.discard?.(result);
  const found = slow.take(work.key);
  // Whoever added it under this key had the same type of work.
  if (found !== undefined) return found.value as T;
  throw new UnfinishedWork(async () => {
    const value = await inTime(() => work.run(), batch.budget.leftMs(), requester.scope.tenant, discard);
    slow.add(work.key, value, discard);
  });
}

/** It cannot be stopped: past the time it keeps its place until it ends, and `discard` gets what nobody waits for. */
async function inTime<T>(
  run: () => Promise<T>,
  leftMs: number,
  tenant: TenantId,
  discard: (late: T) => void,
): Promise<T> {
  let isLate = false;
  const running = slots.run(async () => {
    if (isLate) throw tooSlow();
    const result = await run();
    if (isLate) discard(result);
    return result;
  }, tenant);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        isLate = true;
        reject(tooSlow());
      },
      Math.max(0, leftMs),
    );
  });
  try {
    return await Promise.race([running, deadline]);
  } catch (error) {
    if (error instanceof QueueFullError) {
      throw KmipError.generalFailure('too many keys are being made at this moment; try again');
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(): KmipError {
  return KmipError.generalFailure(
    'it takes longer than one request may; try again, or ask for a shorter key or fewer iterations',
  );
}
