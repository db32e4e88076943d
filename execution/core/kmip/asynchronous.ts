/**
 * Operations that are answered before they are done (KMIP 1.4 §6.7, §6.8), where the client says that it can take it.
 * Only what may take long, and answers with identifiers alone: an answer that waits in the database holds no key.
 */
import { randomBytes } from 'node:crypto';
import {
  encodeResponse,
  Operation,
  type RequestItem,
  type RequestMessage,
  type ResponseItem,
  ResultStatus,
  responseHeaderFor,
} from '../../kmip/index.ts';
import { nowSeconds } from '../../objects/index.ts';
import { claimWaiting, finish, insertWaiting, type Owner } from '../store/asynchronous.ts';
import type { RegionDb } from '../store/tables.ts';
import type { Later } from './later.ts';

/**
 * Key pairs, whose primes are searched for; derivation, which may be slow on purpose; Locate, which may look at many
 * objects; Recover, which §4.23 names.
 */
const mayTakeLong: ReadonlySet<number> = new Set([
  Operation.CreateKeyPair,
  Operation.ReKeyKeyPair,
  Operation.DeriveKey,
  Operation.Locate,
  Operation.Recover,
]);

/** Bytes. It need not be guessed, since only its owner may use it; it must not come twice. */
const CORRELATION_BYTES = 16;

export interface PutOff {
  readonly db: RegionDb;
  readonly later: Later;
  readonly message: RequestMessage;
  readonly item: RequestItem;
  readonly owner: Owner;
  /** Runs the item as if it had come alone. */
  readonly run: () => Promise<ResponseItem>;
}

/**
 * Whether the item may be put off: the last of its message, so that no other item waits for what it leaves in the ID
 * Placeholder, and while there is room in the line.
 */
export function isPutOff(message: RequestMessage, item: RequestItem, owner: Owner, later: Later): boolean {
  return (
    message.header.asynchronousIndicator === true &&
    mayTakeLong.has(item.operation) &&
    message.items.at(-1) === item &&
    later.takes(owner.tenant)
  );
}

/** The answer that promises another one. */
export async function putOff({ db, later, message, item, owner, run }: PutOff): Promise<ResponseItem> {
  const correlation = randomBytes(CORRELATION_BYTES);
  await insertWaiting(db, correlation, owner);
  later.add(owner.tenant, async () => {
    if (!(await claimWaiting(db, correlation))) return;
    const answer = await run();
    const header = responseHeaderFor(message.header, nowSeconds(), 1);
    const state = answer.resultStatus === ResultStatus.Success ? 'done' : 'failed';
    await finish(db, correlation, state, encodeResponse({ header, items: [answer] }));
  });
  return {
    operation: item.operation,
    uniqueBatchItemId: item.uniqueBatchItemId,
    resultStatus: ResultStatus.OperationPending,
    asynchronousCorrelationValue: correlation,
  };
}
