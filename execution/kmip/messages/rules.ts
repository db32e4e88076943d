/** What is asked of a message as a whole, before any of its items runs (KMIP 1.4 §6.13, §6.16, §11.1). */
import { KmipError } from '../errors.ts';
import { BatchErrorContinuationOption } from '../names/messages.ts';
import { encodeResponse, failedItem, responseHeaderFor } from './messages.ts';
import type { RequestMessage } from './schemas.ts';

const continuations: readonly number[] = Object.values(BatchErrorContinuationOption);

/**
 * Why the whole message is refused; undefined when it is not: an unknown Batch Error Continuation Option, or a Message
 * Extension that is critical, of which none is understood.
 *
 * Taken as they come: items of a batch without a Unique Batch Item ID, or with the same (§6.4), since real clients send
 * both and answers follow the order of the items anyway; a Batch Order Option of either value, since items always run in
 * order; a Time Stamp of another time (§6.5), since devices without a clock send one; credentials and attestations, which
 * identify nobody.
 */
export function messageRefusal({ header, items }: RequestMessage): KmipError | undefined {
  const { batchErrorContinuationOption: option } = header;
  if (option !== undefined && !continuations.includes(option)) {
    return KmipError.invalidField('the Batch Error Continuation Option is Continue, Stop or Undo');
  }
  if (items.some(({ messageExtension }) => messageExtension?.criticalityIndicator === true)) {
    return KmipError.featureNotSupported(
      'a Message Extension is marked critical, and none is understood here',
    );
  }
  return undefined;
}

/** The answer to a message that is refused as a whole: no item has run, and each is told so. */
export function refuseMessage(
  { header, items }: RequestMessage,
  refusal: KmipError,
  timeStampS: number,
): Uint8Array {
  return encodeResponse({
    header: responseHeaderFor(header, timeStampS, items.length),
    items: items.map((item) => failedItem(item, refusal)),
  });
}
