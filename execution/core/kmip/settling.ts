/** The end of a transaction: what its items left for gateways and the audit trail is written with what they changed. */
import { operationName, type ResponseItem } from '../../kmip/index.ts';
import { type NumberedPush, pushCodec, UNNUMBERED } from '../../mesh/index.ts';
import { appendAudit } from '../audit/trail.ts';
import { appendPushes } from '../store/pushes.ts';
import type { RegionTx } from '../store/tables.ts';
import type { OperationContext } from './context.ts';
import { whoOf } from './refusals.ts';
import type { Ran } from './run-item.ts';

/** An item as it is answered, and what the relaying gateway applies with it. */
export type Done = { readonly item: ResponseItem; readonly effects: readonly NumberedPush[] };

/**
 * Writes what the items left for the commit: all pushes first, then all audit events, since every transaction must
 * lock the counter and the head of the chain in this order. Each item gets back what the relaying gateway applies.
 */
export async function settleItems(
  { instance }: { readonly instance: string },
  tx: RegionTx,
  ran: readonly Ran[],
): Promise<Done[]> {
  const numbered = await appendPushes(
    tx,
    ran.flatMap(({ context }) => context.pushes),
  );
  const events = ran.flatMap(({ context, item }) =>
    context.events.map((event) => ({
      ...event,
      ...whoOf(context.requester),
      operation: operationName(item.operation),
    })),
  );
  await appendAudit(tx, { source: instance }, events);
  let next = 0;
  return ran.map(({ context, response }) => {
    const effects = numbered.slice(next, next + context.pushes.length);
    next += context.pushes.length;
    return { item: response, effects: [...effects, ...handedOver(context)] };
  });
}

/** What was read for a gateway that does not hold it, once in an answer, and while there is room. */
function handedOver({ reads, batch }: OperationContext): NumberedPush[] {
  return reads.flatMap((object) => {
    const effect = { number: UNNUMBERED, push: { kind: 'object.put', object } } as const;
    if (batch.handedOver.has(object.uid) || !batch.budget.takes(pushCodec.write(effect))) return [];
    batch.handedOver.add(object.uid);
    return [effect];
  });
}
