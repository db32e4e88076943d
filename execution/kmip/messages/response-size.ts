/** Maximum Response Size (KMIP 1.4 §6.3), which small clients really set: 8192, 2048, 256. */
import { KmipError } from '../errors.ts';
import { ResultStatus } from '../names/messages.ts';
import { failedItem } from './messages.ts';
import type { RequestHeader, ResponseItem } from './schemas.ts';

/**
 * The encoded message, no larger than the client takes: from the last item on, answers that do not fit are replaced
 * by Response Too Large. An earlier item keeps its answer, since it may tell of a change that has been made. When even
 * the refusals are too large they are sent all the same: the client must hear something.
 */
export function withinMaximumSize(
  header: Pick<RequestHeader, 'maximumResponseSize'>,
  items: readonly ResponseItem[],
  encode: (items: readonly ResponseItem[]) => Uint8Array,
): Uint8Array {
  const max = header.maximumResponseSize;
  const whole = encode(items);
  if (max === undefined || whole.length <= max) return whole;
  const kept = [...items];
  let bytes = whole;
  for (let i = kept.length - 1; i >= 0 && bytes.length > max; i--) {
    const item = kept[i];
    if (item === undefined || item.resultStatus !== ResultStatus.Success) continue;
    kept[i] = tooLarge(item, max);
    bytes = encode(kept);
  }
  return bytes;
}

function tooLarge(item: ResponseItem, max: number): ResponseItem {
  const { uniqueBatchItemId, operation } = item;
  const request = {
    operation: operation ?? 0,
    uniqueBatchItemId,
    payload: { tag: 0, type: 1, value: [] },
  } as const;
  return failedItem(
    request,
    KmipError.responseTooLarge(`the answer is larger than the ${max} bytes of Maximum Response Size`),
  );
}
