/** One item of a batch, inside its transaction: may it be asked for, and what does its operation answer. */
import {
  KmipError,
  knows,
  Operation,
  operationName,
  operationSince,
  type RequestItem,
  type ResponseItem,
  SchemaError,
  schemasOf,
  successItem,
} from '../../kmip/index.ts';
import { pushCodec, UNNUMBERED } from '../../mesh/index.ts';
import { type OperationContext, requirePermitted } from './context.ts';
import { markServedIn } from './objects.ts';
import { handlerOf, isServed, type ServedOperation } from './operations/index.ts';

/** An item that has run inside its transaction, and what it left for the commit. */
export interface Ran {
  readonly item: RequestItem;
  readonly context: OperationContext;
  readonly response: ResponseItem;
}

/** Runs one item, as far as the message's budget goes: what the answer cannot carry is not done. */
export async function runWithin(item: RequestItem, context: OperationContext): Promise<Ran> {
  const { budget } = context.batch;
  budget.requireTime();
  const payload = await runItem(item, context);
  if (serves(item.operation)) await markServedIn(context, payload);
  budget.answer(
    payload,
    context.pushes.map((push) => pushCodec.write({ number: UNNUMBERED, push })),
  );
  const { instead } = context.answer;
  if (instead === undefined) return { item, context, response: successItem(item, payload) };
  return { item, context, response: { ...instead, uniqueBatchItemId: item.uniqueBatchItemId } };
}

/** Operations that give out an object's value, which ends its being Fresh (KMIP 1.4 §3.34). */
function serves(operation: number): boolean {
  return operation === Operation.Get || operation === Operation.Export;
}

async function runItem(item: RequestItem, context: OperationContext) {
  const { operation } = item;
  const since = operationSince(operation);
  if (!isServed(operation) || (since !== undefined && !knows(context.version, since))) {
    throw KmipError.operationNotSupported(
      `${operationName(operation)} is not served in this version of KMIP; ask Query for the operations that are`,
    );
  }
  requirePermitted(context, operation);
  return serve(operation, item, context);
}

async function serve<O extends ServedOperation>(operation: O, item: RequestItem, context: OperationContext) {
  const { request, response } = schemasOf(operation);
  const asked = readPayload(() => request.read(item.payload, context.version));
  const answer = await handlerOf(operation)(asked, context);
  return response.write(answer, context.version);
}

/** A payload of the wrong form is its client's mistake (KMIP 1.4 §11.1), and no trouble that an operator must see. */
function readPayload<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof SchemaError ? KmipError.from(error) : error;
  }
}
