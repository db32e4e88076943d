/**
 * Cryptography that takes seconds: never on the event loop, few at once (D14), never longer than anybody waits for the
 * answer, and never inside a transaction (`slow-results.ts`).
 */
import type { TenantId } from '../../../contracts/index.ts';
import { QueueFullError, Semaphore } from '../../../platform/semaphore.ts';
import { KmipError } from '../../kmip/index.ts';
import { MAX_CONCURRENT_SLOW_CRYPTO, MAX_QUEUED_SLOW_CRYPTO } from '../limits.ts';
import type { OperationContext } from './context.ts';
import { UnfinishedWork } from './slow-results.ts';

/** Of the process, as libuv's threads are. */
const slots = new Semaphore({
  max: MAX_CONCURRENT_SLOW_CRYPTO,
  maxQueued: MAX_QUEUED_SLOW_CRYPTO,
  maxPerKey: 1,
});

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
