/** Leaves nothing behind that could disturb the next case: objects are revoked if they must be, and destroyed. */
import {
  BatchErrorContinuationOption,
  type CallResult,
  call,
  type KmipClient,
  Operation,
  ResultReason,
  RevocationReasonCode,
  StorageStatusMask,
} from '../../execution/kmip/index.ts';

/** On-line and archived objects (KMIP 1.4 §9.1.3.3.2). */
const ALL_STORAGE = StorageStatusMask.OnLineStorage | StorageStatusMask.ArchivalStorage;
const PAGE = 200;
/** Objects of one message, which has two items for each. */
const AT_ONCE = 20;
const CONTINUE = { batchErrorContinuationOption: BatchErrorContinuationOption.Continue };
const MAX_PAGES = 100;

/** Destroys these objects. Returns those that could not be destroyed, with what the server said. */
export async function destroyAll(client: KmipClient, uids: Iterable<string>): Promise<string[]> {
  const left: string[] = [];
  const all = [...uids];
  for (let start = 0; start < all.length; start += AT_ONCE) {
    const some = all.slice(start, start + AT_ONCE);
    const items = some.flatMap((uid) => [revoke(uid), call(Operation.Destroy, { uniqueIdentifier: uid })]);
    const results = await client.batch(items, { header: CONTINUE });
    for (const [index, uid] of some.entries()) {
      const result = results[2 * index + 1];
      if (result === undefined || isGone(result)) continue;
      const refusal = await recoverAndDestroy(client, uid);
      if (refusal !== undefined) left.push(`${uid}: ${refusal}`);
    }
  }
  return left;
}

/** Destroys everything that the client can find. For a service that belongs to the test alone. */
export async function destroyEverything(client: KmipClient): Promise<string[]> {
  for (let page = 0; page < MAX_PAGES; page++) {
    const { uniqueIdentifier = [] } = await client.request(Operation.Locate, {
      maximumItems: PAGE,
      storageStatusMask: ALL_STORAGE,
    });
    if (uniqueIdentifier.length === 0) return [];
    const left = await destroyAll(client, uniqueIdentifier);
    if (left.length > 0) return left;
  }
  return [`there are still objects after ${MAX_PAGES} rounds`];
}

async function recoverAndDestroy(client: KmipClient, uid: string): Promise<string | undefined> {
  const recover = call(Operation.Recover, { uniqueIdentifier: uid });
  const destroy = call(Operation.Destroy, { uniqueIdentifier: uid });
  const [, , result] = await client.batch([recover, revoke(uid), destroy], { header: CONTINUE });
  return result.ok || isGone(result) ? undefined : result.error.message;
}

function revoke(uniqueIdentifier: string) {
  return call(Operation.Revoke, {
    uniqueIdentifier,
    revocationReason: { revocationReasonCode: RevocationReasonCode.CessationOfOperation },
  });
}

function isGone(result: CallResult<unknown>): boolean {
  return result.ok || result.error.resultReason === ResultReason.ItemNotFound;
}
