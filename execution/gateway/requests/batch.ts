/**
 * One message of an application: its items run in order, here or at the core, with the ID Placeholder between them
 * and the Batch Error Continuation Option honoured (KMIP 1.4 §4, §6.13; D9).
 */
import {
  BatchErrorContinuationOption,
  failedItem,
  KmipError,
  Operation,
  type RequestItem,
  type RequestMessage,
  type ResponseItem,
  ResultStatus,
  successItem,
} from '../../kmip/index.ts';
import { routeOf } from '../../routing/index.ts';
import type { RequestContext } from './context.ts';
import { lookUp } from './look-up.ts';
import { namedKeys } from './named-keys.ts';
import { store } from './operations/create.ts';
import { type LocalPlan, type Plan, planItem, uidIn } from './plan.ts';
import { itemsOf, type Tunnel } from './tunnel.ts';

export interface BatchOptions {
  readonly tunnel: Tunnel;
  /** Hears of each item that fails here, and may turn the error into what the client is told. */
  readonly failed: (item: RequestItem, error: unknown, context: RequestContext) => KmipError;
}

/** Either items to encode, or the core's own message, to be relayed as it is. */
export type BatchResult = { readonly items: readonly ResponseItem[] } | { readonly relayed: Uint8Array };

export class Batch {
  readonly #options: BatchOptions;
  readonly #message: Uint8Array;
  readonly #items: readonly RequestItem[];
  readonly #continues: boolean;
  readonly #context: RequestContext;
  readonly #answers: ResponseItem[] = [];
  #idPlaceholder: string | undefined;

  constructor(options: BatchOptions, message: Uint8Array, request: RequestMessage, context: RequestContext) {
    this.#options = options;
    this.#message = message;
    this.#items = request.items;
    this.#context = context;
    this.#continues = request.header.batchErrorContinuationOption === BatchErrorContinuationOption.Continue;
  }

  /** Items in request order, neighbours that the core runs in one tunnel. */
  async run(): Promise<BatchResult> {
    let index = 0;
    for (;;) {
      const item = this.#items[index];
      if (item === undefined) return { items: this.#answers };
      const plan = this.#plan(item);
      if (plan === undefined) {
        index += 1;
      } else if (plan.route === 'local') {
        await this.#runHere(item, plan.run);
        index += 1;
      } else {
        const end = this.#endOfRun(index);
        if (index === 0 && end === this.#items.length) return await this.relayWhole();
        await this.#runAtCore(index, end);
        index = end;
      }
      if (this.#hasStopped()) return { items: this.#answers };
    }
  }

  /** Undo with items of the core: the core runs the whole message in one transaction (D9). */
  async relayWhole(): Promise<BatchResult> {
    try {
      const { message } = await this.#options.tunnel.send(
        this.#message,
        undefined,
        undefined,
        this.#context,
        namedKeys(this.#items, undefined),
      );
      return { relayed: message };
    } catch (error) {
      const failing = this.#continues ? this.#items : this.#items.slice(0, 1);
      for (const item of failing) this.#fail(item, error);
      return { items: this.#answers };
    }
  }

  /** Undo among items that all run here: new keys become durable together, with the last item, or not at all. */
  async runUndoable(): Promise<BatchResult> {
    const { staged } = this.#context;
    for (const item of this.#items) {
      const plan = this.#plan(item);
      if (plan?.route === 'local') await this.#runHere(item, plan.run);
      // What looked local before an earlier item ran may not be so now: the batch fails rather than half of it.
      else if (plan !== undefined)
        this.#fail(item, KmipError.generalFailure('the object is no longer held by this gateway; try again'));
      if (this.#hasFailed()) return { items: this.#undone() };
    }
    const keys = staged?.all() ?? [];
    try {
      if (keys.length > 0) {
        await store(
          keys.map(({ object }) => object),
          this.#context,
        );
      }
    } catch (error) {
      const last = this.#items.at(-1);
      this.#answers.pop();
      if (last !== undefined) this.#fail(last, error);
      return { items: this.#undone() };
    }
    staged?.settle();
    for (const { object, key } of keys) this.#context.services.ring.keep(object, key);
    return { items: this.#answers };
  }

  /** Whether every item runs here, as far as that can be told before the first has run. */
  isAllLocal(): boolean {
    let creates = false;
    return this.#items.every((item) => {
      // An item without a UID takes that of the Create before it, which is L4.
      if (creates && takesUid(item) && uidIn(item) === undefined)
        return routeOf(item.operation, 'L4') === 'local';
      let plan: Plan;
      try {
        plan = planItem(item, undefined, this.#context);
      } catch {
        return true; // it fails here, and runs nowhere
      }
      creates ||= item.operation === Operation.Create && plan.route === 'local';
      return plan.route === 'local';
    });
  }

  #plan(item: RequestItem): Plan | undefined {
    try {
      return planItem(item, this.#idPlaceholder, this.#context);
    } catch (error) {
      this.#fail(item, error);
      return undefined;
    }
  }

  async #runHere(item: RequestItem, run: LocalPlan['run']): Promise<void> {
    try {
      const { payload, idPlaceholder } = await run();
      this.#idPlaceholder = idPlaceholder ?? this.#idPlaceholder;
      this.#answers.push(successItem(item, payload));
    } catch (error) {
      this.#fail(item, error);
    }
  }

  /** The first item after `start` that does not surely belong to the core. */
  #endOfRun(start: number): number {
    let end = start + 1;
    for (let item = this.#items[end]; item !== undefined; item = this.#items[++end]) {
      // Without a UID it takes what the run before it leaves in the placeholder: the core knows that first.
      if (takesUid(item) && uidIn(item) === undefined) continue;
      try {
        if (planItem(item, undefined, this.#context).route !== 'core') return end;
      } catch {
        return end;
      }
    }
    return end;
  }

  async #runAtCore(start: number, end: number): Promise<void> {
    const items = this.#items.slice(start, end);
    const indexes = items.map((_, offset) => start + offset);
    let answers: readonly ResponseItem[];
    try {
      const tunnelled = await this.#options.tunnel.send(
        this.#message,
        indexes,
        this.#idPlaceholder,
        this.#context,
        namedKeys(items, this.#idPlaceholder),
      );
      answers = itemsOf(tunnelled);
      this.#idPlaceholder = tunnelled.idPlaceholder;
      await this.#lookUpPlaceholder();
    } catch (error) {
      for (const item of this.#continues ? items : items.slice(0, 1)) this.#fail(item, error);
      return;
    }
    for (const [offset, answer] of answers.slice(0, items.length).entries()) {
      const item = items[offset];
      // An answer to the message as a whole names no operation (KMIP 1.4 §11.1); among others it must. One to Poll names
      // the operation that was polled for.
      this.#answers.push({
        ...answer,
        operation: answer.operation ?? item?.operation,
        uniqueBatchItemId: item?.uniqueBatchItemId,
      });
    }
  }

  /** What the core has found, the next item may use here. A store that is away leaves it to the core, which knows the key. */
  async #lookUpPlaceholder(): Promise<void> {
    const { services, requester } = this.#context;
    if (services.store.keys.answersAtOnce || this.#idPlaceholder === undefined) return;
    await lookUp(services, requester.identity.tenant, [this.#idPlaceholder]);
  }

  #fail(item: RequestItem, error: unknown): void {
    this.#answers.push(failedItem(item, this.#options.failed(item, error, this.#context)));
  }

  #hasFailed(): boolean {
    return this.#answers.at(-1)?.resultStatus === ResultStatus.OperationFailed;
  }

  #hasStopped(): boolean {
    return this.#hasFailed() && !this.#continues;
  }

  /** §11.43: what had been done is undone and says so; the item that failed says why; the rest is not returned. */
  #undone(): readonly ResponseItem[] {
    this.#context.staged?.discard();
    return this.#answers.map((answer) => {
      if (answer.resultStatus !== ResultStatus.Success) return answer;
      const { operation, uniqueBatchItemId } = answer;
      return {
        operation,
        uniqueBatchItemId,
        resultStatus: ResultStatus.OperationUndone,
        resultMessage: 'undone, because a later item of the batch failed',
      };
    });
  }
}

/** Operations that fall back to the ID Placeholder when they name no object. */
function takesUid({ operation }: RequestItem): boolean {
  return (
    operation !== Operation.Create &&
    operation !== Operation.Query &&
    operation !== Operation.DiscoverVersions
  );
}
