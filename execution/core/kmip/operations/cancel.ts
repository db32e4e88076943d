/** Cancel (KMIP 1.4 §4.27): an operation that was put off is not begun. What has begun is not cut off half-way. */
import { CancellationResult, type Operation } from '../../../kmip/index.ts';
import { type AsynchronousState, cancelWaiting, findAsynchronous } from '../../store/asynchronous.ts';
import { type Handler, ownerOf } from '../context.ts';

const results: Readonly<Record<AsynchronousState, CancellationResult>> = {
  // It began between the two looks.
  waiting: CancellationResult.UnableToCancel,
  running: CancellationResult.UnableToCancel,
  done: CancellationResult.Completed,
  failed: CancellationResult.Failed,
  lost: CancellationResult.Failed,
  cancelled: CancellationResult.Canceled,
};

export const cancelHandler: Handler<typeof Operation.Cancel> = async (request, context) => {
  const { asynchronousCorrelationValue: correlation } = request;
  const owner = ownerOf(context);
  const answer = (cancellationResult: CancellationResult) => ({
    asynchronousCorrelationValue: correlation,
    cancellationResult,
  });
  if (await cancelWaiting(context.tx, correlation, owner)) return answer(CancellationResult.Canceled);
  const found = await findAsynchronous(context.tx, correlation, owner);
  return answer(found === undefined ? CancellationResult.Unavailable : results[found.state]);
};
