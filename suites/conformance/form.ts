/**
 * What every answer must be, whatever a case expects: a response message by our schemas, in the version of its request,
 * with nothing that this version does not know, and with a reason and a message for every failure.
 */
import {
  compareVersions,
  decodeResponse,
  ItemType,
  isKnownOperation,
  isSupported,
  knows,
  LATEST_VERSION,
  Operation,
  operationName,
  operationSince,
  type ResponseItem,
  ResultStatus,
  schemasOf,
  Tag,
  type Ttlv,
  type Version,
  versionText,
} from '../../execution/kmip/index.ts';
import { childrenOf } from './items.ts';

/** What is wrong with the form of the answer; undefined: nothing. */
export function formFault(answer: Uint8Array, requestVersion: Version | undefined): string | undefined {
  try {
    const { header, items } = decodeResponse(answer);
    const version = header.protocolVersion;
    // A client that speaks what we do not is answered in our latest, so that it learns of it.
    const due =
      requestVersion === undefined
        ? undefined
        : isSupported(requestVersion)
          ? requestVersion
          : LATEST_VERSION;
    if (due !== undefined && compareVersions(due, version) !== 0) {
      return `the answer is in version ${versionText(version)}, not in ${versionText(due)}`;
    }
    for (const item of items) {
      const fault = itemFault(item, version);
      if (fault !== undefined) return fault;
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function itemFault(item: ResponseItem, version: Version): string | undefined {
  const { operation, resultStatus, resultReason, resultMessage, payload } = item;
  if (resultStatus === ResultStatus.OperationFailed) {
    return resultReason === undefined || resultMessage === undefined
      ? 'a failure without a reason or a message'
      : undefined;
  }
  if (operation === undefined || payload === undefined || !isKnownOperation(operation)) return undefined;
  const unknown = operation === Operation.Query ? unknownOperation(payload, version) : undefined;
  if (unknown !== undefined)
    return `Query lists ${operationName(unknown)}, which version ${versionText(version)} does not know`;
  const { response } = schemasOf(operation);
  const kept = response.write(response.read(payload, version), version);
  return itemsIn(kept) === itemsIn(payload)
    ? undefined
    : `the payload of ${operationName(operation)} has fields that version ${versionText(version)} does not know`;
}

function unknownOperation(payload: Ttlv, version: Version): number | undefined {
  return childrenOf(payload, Tag.Operation)
    .flatMap(({ value }) => (typeof value === 'number' ? [value] : []))
    .find((operation) => !knows(version, operationSince(operation) ?? 0));
}

function itemsIn(item: Ttlv): number {
  return item.type === ItemType.Structure ? item.value.reduce((sum, child) => sum + itemsIn(child), 1) : 1;
}
