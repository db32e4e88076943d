/**
 * Runs a client's request, or those of its items that the gateway left to the core (D9). Each item is one database
 * transaction that holds the change, its pushes and its audit events; with Batch Error Continuation Undo the whole
 * message is one.
 */
import type { RegionId } from '../../../contracts/index.ts';
import type { Logger } from '../../../platform/log.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import type { StreamTurn } from '../../cipher/index.ts';
import type { Keychain, WrapBlocks } from '../../keychain/index.ts';
import {
  BatchErrorContinuationOption,
  encodeResponse,
  KmipError,
  messageRefusal,
  operationName,
  type RequestItem,
  type RequestMessage,
  type ResponseItem,
  ResultReason,
  ResultStatus,
  refuseMessage,
  responseHeaderFor,
  withinMaximumSize,
} from '../../kmip/index.ts';
import type { NumberedPush } from '../../mesh/index.ts';
import { nowSeconds } from '../../objects/index.ts';
import { ASYNCHRONOUS_WORK_MS } from '../limits.ts';
import { mayBeAGatewayKey } from '../mesh/elsewhere.ts';
import { findIdentity } from '../store/registry.ts';
import type { RegionDb, RegionTx } from '../store/tables.ts';
import { isPutOff, putOff } from './asynchronous.ts';
import { type BudgetMark, MessageBudget } from './budget.ts';
import {
  AbsentError,
  type BatchState,
  type Cryptography,
  Lent,
  type OperationContext,
  ownerOf,
  RefusedError,
  type Requester,
} from './context.ts';
import type { Later } from './later.ts';
import { refuse } from './refusals.ts';
import { type Ran, runWithin } from './run-item.ts';
import { type Done, settleItems } from './settling.ts';
import { UnfinishedWork, withSlowWork } from './slow-results.ts';

export interface BatchDependencies {
  readonly db: RegionDb;
  readonly region: RegionId;
  readonly instance: string;
  readonly keychain: Keychain;
  readonly wraps: WrapBlocks;
  readonly later: Later;
  readonly cryptography: Cryptography;
  readonly logger: Logger;
  /** Names of gateways that may have made keys of which no core knows. Absent: there are none. */
  readonly unannounced?: () => Promise<readonly string[]>;
  readonly onItem?: (operation: string, outcome: 'success' | 'failed', seconds: number) => void;
}

export interface BatchRequest {
  readonly message: RequestMessage;
  /** Indexes of the items to run, in ascending order; absent: all. */
  readonly items?: readonly number[] | undefined;
  readonly idPlaceholder?: string | undefined;
  readonly requester: Requester;
  readonly budget: MessageBudget;
}

export interface BatchResult {
  /** A whole response message that answers exactly those items that were run. */
  readonly message: Uint8Array;
  readonly idPlaceholder: string | undefined;
  readonly effects: readonly NumberedPush[];
}

/** Ends the one transaction of an Undo batch. */
class UndoSignal extends Error {}

export async function runBatch(deps: BatchDependencies, request: BatchRequest): Promise<BatchResult> {
  const { header } = request.message;
  const { budget, idPlaceholder } = request;
  const refusal = messageRefusal(request.message);
  if (refusal !== undefined) {
    return { message: refuseMessage(request.message, refusal, nowSeconds()), idPlaceholder, effects: [] };
  }
  const selected = selectItems(request);
  const batch: BatchState = { idPlaceholder, budget, handedOver: new Set() };
  const lent = new Lent();
  try {
    const isUndo =
      header.batchErrorContinuationOption === BatchErrorContinuationOption.Undo && selected.length > 1;
    const done = isUndo
      ? await runUndo(deps, request, selected, batch, lent)
      : await runOneByOne(deps, request, selected, batch, lent);
    const items = done.map(({ item }) => item);
    const message = withinMaximumSize(header, items, (kept) =>
      encodeResponse({ header: responseHeaderFor(header, nowSeconds(), kept.length), items: kept }),
    );
    return { message, idPlaceholder: batch.idPlaceholder, effects: done.flatMap(({ effects }) => effects) };
  } finally {
    lent.wipe();
  }
}

function selectItems({ message, items }: BatchRequest): readonly RequestItem[] {
  if (items === undefined) return message.items;
  return items.map((index, i) => {
    const item = message.items[index];
    const previous = items[i - 1];
    if (item === undefined || (previous !== undefined && previous >= index)) {
      throw KmipError.invalidMessage('the tunnel names batch items that the message does not have');
    }
    return item;
  });
}

async function runOneByOne(
  deps: BatchDependencies,
  request: BatchRequest,
  items: readonly RequestItem[],
  batch: BatchState,
  lent: Lent,
): Promise<Done[]> {
  const { header } = request.message;
  const goesOn = header.batchErrorContinuationOption === BatchErrorContinuationOption.Continue;
  const done: Done[] = [];
  for (const item of items) {
    const result = await timed(deps, item, async () => {
      const before = markOf(batch);
      const owner = ownerOf(request);
      const turn = turnOf(deps, request);
      try {
        if (isPutOff(request.message, item, owner, deps.later)) {
          const { db, later } = deps;
          const run = () => runAlone(deps, request, item, before.idPlaceholder);
          return {
            item: await putOff({ db, later, message: request.message, item, owner, run }),
            effects: [],
          };
        }
        const run = () =>
          withSlowWork((slow) =>
            inTransaction(deps.db, async (tx) => {
              goBack(batch, before);
              turn.abort();
              slow.restart();
              const ran = await runWithin(item, contextFor(deps, request, tx, { batch, lent, turn, slow }));
              const [one] = await settleItems(deps, tx, [ran]);
              return one ?? { item: ran.response, effects: [] };
            }),
          );
        const settled = await run().catch(async (error: unknown) => {
          const search = await searchElsewhere(deps, request.requester, error);
          return search === undefined ? Promise.reject(error) : await run().catch(search.verdict);
        });
        turn.settle();
        return settled;
      } catch (error) {
        turn.abort();
        // An operation may have emptied the placeholder on purpose (§4.10); what it put there does not exist.
        goBack(batch, batch.idPlaceholder === undefined ? { ...before, idPlaceholder: undefined } : before);
        return { item: await refuse(deps, request.requester, item, error), effects: [] };
      }
    });
    done.push(result);
    if (result.item.resultStatus === ResultStatus.OperationFailed && !goesOn) break;
  }
  return done;
}

/** An item that was put off, with the ID Placeholder as it was then. Whoever relayed it hears of its effects as pushes. */
async function runAlone(
  deps: BatchDependencies,
  { message, requester: promised }: BatchRequest,
  item: RequestItem,
  idPlaceholder: string | undefined,
): Promise<ResponseItem> {
  const requester = await asRegistered(deps.db, promised);
  if (requester === undefined) return refuse(deps, promised, item, unregistered());
  const header = { ...message.header, asynchronousIndicator: false };
  const budget = new MessageBudget({ untilMs: performance.now() + ASYNCHRONOUS_WORK_MS });
  const batch: BatchState = { idPlaceholder, budget, handedOver: new Set() };
  const lent = new Lent();
  try {
    const request = { message: { header, items: [item] }, requester, budget };
    const [done] = await runOneByOne(deps, request, [item], batch, lent);
    if (done === undefined) throw KmipError.generalFailure('the operation was not run');
    return done.item;
  } finally {
    lent.wipe();
  }
}

/** Who asked, with what the registry allows by now: minutes may have passed. Undefined: nothing any more (D10). */
async function asRegistered(db: RegionDb, requester: Requester): Promise<Requester | undefined> {
  const { caller } = requester;
  const found = await findIdentity(db, caller.fingerprint);
  if (found?.role !== 'application' || found.tenant !== caller.tenant) return undefined;
  const { services, operations } = found;
  return { ...requester, scope: { tenant: caller.tenant, services }, operations };
}

function unregistered(): RefusedError {
  return new RefusedError(
    ResultReason.PermissionDenied,
    'the application is not registered any more',
    'CALLER_UNKNOWN',
  );
}

/** KMIP 1.4 §6.13: when one item fails, those before it are undone and those after it are not answered. */
async function runUndo(
  deps: BatchDependencies,
  request: BatchRequest,
  items: readonly RequestItem[],
  batch: BatchState,
  lent: Lent,
  search?: Search,
): Promise<Done[]> {
  const before = markOf(batch);
  let done: Done[] = [];
  let failure: { readonly item: RequestItem; readonly error: unknown } | undefined;
  const turn = turnOf(deps, request);
  try {
    await withSlowWork((slow) =>
      inTransaction(deps.db, async (tx) => {
        done = [];
        failure = undefined;
        goBack(batch, before);
        turn.abort();
        slow.restart();
        const ran: Ran[] = [];
        for (const item of items) {
          const context = contextFor(deps, request, tx, { batch, lent, turn, slow });
          try {
            ran.push(await runWithin(item, context));
          } catch (error) {
            failure = { item, error };
            done = ran.map(({ response }) => ({ item: undone(response), effects: [] }));
            throw error instanceof UnfinishedWork ? error : new UndoSignal();
          }
        }
        done = await settleItems(deps, tx, ran);
      }),
    );
    turn.settle();
  } catch (error) {
    turn.abort();
    // Work that an item waited for may have failed, outside of the transaction.
    const cause = failure?.error instanceof UnfinishedWork ? error : failure?.error;
    if (failure === undefined || (cause !== error && !(error instanceof UndoSignal))) throw error;
    goBack(batch, before);
    if (search === undefined) {
      const again = await searchElsewhere(deps, request.requester, cause);
      if (again !== undefined) return runUndo(deps, request, items, batch, lent, again);
    }
    const told = search?.judge(cause) ?? cause;
    done.push({ item: await refuse(deps, request.requester, failure.item, told), effects: [] });
  }
  return done;
}

/** After all gateways that could be asked have announced what they had: what a second look means. */
interface Search {
  /** What the client is told of this error. */
  judge(error: unknown): unknown;
  /** The same, thrown. */
  verdict(error: unknown): never;
}

/**
 * Nobody knows the object that the request names: it may be a key that another gateway has made and not announced, which
 * is never *Item Not Found* (D6). Undefined: the error has another reason, or no gateway makes such identifiers.
 */
async function searchElsewhere(
  { unannounced, logger }: BatchDependencies,
  { correlationId }: Requester,
  error: unknown,
): Promise<Search | undefined> {
  if (unannounced === undefined || !(error instanceof AbsentError) || !mayBeAGatewayKey(error.uid))
    return undefined;
  const gateways = await unannounced();
  const judge = (later: unknown): unknown => {
    if (!(later instanceof AbsentError) || gateways.length === 0) return later;
    logger.warn(
      { reason: 'PERHAPS_ELSEWHERE', correlationId, uid: later.uid, gateways },
      'an object is not known, and gateways that may have made it cannot be asked',
    );
    return KmipError.generalFailure(
      'the object is not known here, and not every gateway of the region has told what it has made; try again',
    );
  };
  return {
    judge,
    verdict: (later) => {
      throw judge(later);
    },
  };
}

/** A transaction that is tried again starts with none of the streams that the try before had in hand: they have moved on. */
function turnOf({ cryptography }: BatchDependencies, { requester }: BatchRequest): StreamTurn {
  const { tenant, fingerprint } = requester.caller;
  return cryptography.streams.turn({ tenant, fingerprint });
}

interface BatchMark {
  readonly idPlaceholder: string | undefined;
  readonly sizes: BudgetMark;
}

function markOf({ idPlaceholder, budget }: BatchState): BatchMark {
  return { idPlaceholder, sizes: budget.mark() };
}

function goBack(batch: BatchState, { idPlaceholder, sizes }: BatchMark): void {
  batch.idPlaceholder = idPlaceholder;
  batch.budget.reset(sizes);
}

function undone(item: ResponseItem): ResponseItem {
  return {
    operation: item.operation,
    uniqueBatchItemId: item.uniqueBatchItemId,
    resultStatus: ResultStatus.OperationUndone,
    resultMessage: 'undone, because a later item of the batch failed',
  };
}

function contextFor(
  deps: BatchDependencies,
  { message, requester }: BatchRequest,
  tx: RegionTx,
  { batch, lent, turn, slow }: Pick<OperationContext, 'batch' | 'lent' | 'turn' | 'slow'>,
): OperationContext {
  return {
    tx,
    region: deps.region,
    requester,
    version: message.header.protocolVersion,
    nowS: nowSeconds(),
    keychain: deps.keychain,
    wraps: deps.wraps,
    batch,
    lent,
    allowWeak: deps.cryptography.allowWeak,
    turn,
    slow,
    pushes: [],
    reads: [],
    events: [],
    answer: { instead: undefined },
    logger: deps.logger,
  };
}

async function timed(deps: BatchDependencies, item: RequestItem, fn: () => Promise<Done>): Promise<Done> {
  const startMs = performance.now();
  const done = await fn();
  const outcome = done.item.resultStatus === ResultStatus.Success ? 'success' : 'failed';
  deps.onItem?.(operationName(item.operation), outcome, (performance.now() - startMs) / 1000);
  return done;
}
