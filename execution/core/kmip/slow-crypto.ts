/**
 * Cryptography that takes seconds: never on the event loop, few at once (D14), and never longer than anybody waits for
 * the answer. It is begun before the operation has locked anything, so that nobody else waits for it.
 */
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

/**
 * The result of `work`, which runs on libuv's threads. It cannot be stopped: past the message's time it keeps its place
 * until it ends, and `discard` gets what nobody waits for any more.
 *
 * @throws KmipError General Failure when the time of the message is over, or too many wait; what `work` throws.
 */
export async function runSlowCrypto<T>(
  { batch, requester }: Pick<OperationContext, 'batch' | 'requester'>,
  work: () => Promise<T>,
  discard: (late: T) => void = () => {},
): Promise<T> {
  let isLate = false;
  const running = slots.run(async () => {
    if (isLate) throw tooSlow();
    const result = await work();
    if (isLate) discard(result);
    return result;
  }, requester.scope.tenant);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => {
        isLate = true;
        reject(tooSlow());
      },
      Math.max(0, batch.budget.leftMs()),
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
