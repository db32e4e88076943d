/** Leaves nothing behind that could disturb the next case: objects are revoked if they must be, and destroyed. */
import {
  BatchErrorContinuationOption,
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
const MAX_PAGES = 100;

/** Destroys these objects. Returns those that could not be destroyed, with what the server said. */
export async function destroyAll(client: KmipClient, uids: Iterable<string>): Promise<string[]> {
  const left: string[] = [];
  for (const uniqueIdentifier of uids) {
    const refusal = await destroyOne(client, uniqueIdentifier);
    if (refusal !== undefined) left.push(`${uniqueIdentifier}: ${refusal}`);
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

async function destroyOne(client: KmipClient, uniqueIdentifier: string): Promise<string | undefined> {
  const revoke = call(Operation.Revoke, {
    uniqueIdentifier,
    revocationReason: { revocationReasonCode: RevocationReasonCode.CessationOfOperation },
  });
  const destroy = call(Operation.Destroy, { uniqueIdentifier });
  const header = { batchErrorContinuationOption: BatchErrorContinuationOption.Continue };
  const [, first] = await client.batch([revoke, destroy], { header });
  if (first.ok || isGone(first.error.resultReason)) return undefined;
  const recover = call(Operation.Recover, { uniqueIdentifier });
  const [, , second] = await client.batch([recover, revoke, destroy], { header });
  return second.ok || isGone(second.error.resultReason) ? undefined : second.error.message;
}

const isGone = (reason: number): boolean => reason === ResultReason.ItemNotFound;
