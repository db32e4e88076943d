/**
 * Poll (KMIP 1.4 §4.28): the outcome of an operation that was answered with Operation Pending. Its answer is the one that
 * the operation itself would have given; it may be asked for again until it expires.
 */
import {
  decodeResponse,
  ItemType,
  KmipError,
  type Operation,
  ResultReason,
  ResultStatus,
  structureItem,
  Tag,
} from '../../../kmip/index.ts';
import { findAsynchronous } from '../../store/asynchronous.ts';
import { findObject } from '../../store/objects.ts';
import { type Handler, type OperationContext, ownerOf } from '../context.ts';
import { handOver } from '../objects.ts';

export const pollHandler: Handler<typeof Operation.Poll> = async (request, context) => {
  const { asynchronousCorrelationValue: correlation } = request;
  const found = await findAsynchronous(context.tx, correlation, ownerOf(context));
  switch (found?.state) {
    case undefined:
      throw KmipError.itemNotFound('no operation has this Asynchronous Correlation Value, or it has expired');
    case 'cancelled':
      throw KmipError.operationCanceledByRequester('the operation was cancelled before it had begun');
    case 'lost':
      throw new KmipError(
        ResultReason.GeneralFailure,
        'the operation did not come to its end; look at what there is before you ask for it again',
      );
    case 'waiting':
    case 'running':
      context.answer.instead = {
        resultStatus: ResultStatus.OperationPending,
        asynchronousCorrelationValue: correlation,
      };
      return empty;
    case 'done':
    case 'failed':
      return await relay(found?.answer ?? null, context);
  }
};

const empty = structureItem(Tag.ResponsePayload, []);

async function relay(answer: Uint8Array | null, context: OperationContext) {
  const item = answer === null ? undefined : decodeResponse(answer).items[0];
  if (item === undefined) throw KmipError.generalFailure('the answer of the operation was not kept');
  context.answer.instead = item;
  const payload = item.payload ?? empty;
  for (const field of payload.value) {
    if (field.type === ItemType.TextString) await bringAlong(field.value, context);
  }
  return payload;
}

/** What the operation made or changed goes with its answer, as it would have at once: the push may come later (D6). */
async function bringAlong(uid: string, context: OperationContext): Promise<void> {
  const found = await findObject(context.tx, context.requester.scope, uid);
  if (found.outcome === 'found') handOver(context, found.object);
}
