/** What a row of the table of wishes is made of (wishes.ts). */
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Actor } from '../audit/event.ts';
import type { Cmk } from '../context.ts';
import type { RegionJob } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';

export interface Rules<P> {
  /** Asks providers, before any transaction. */
  readonly ask?: (cmk: Cmk, tenant: string, parameters: P) => Promise<void>;
  /** In the transaction of the proposal: what is refused before anybody is asked, beside what carrying it out refuses. */
  readonly check?: (trx: Trx, tenant: string, parameters: P) => Promise<void>;
  /** True where this wish of a kind protects no less than what holds now: no second operator is needed. */
  readonly isHarmless?: (trx: Trx, tenant: string, parameters: P) => Promise<boolean>;
  /** Actions whose rules have to be satisfied beside the wish's own: those that it would change. */
  readonly concerns?: (trx: Trx, tenant: string, parameters: P) => Promise<readonly string[]>;
  /**
   * In the transaction of the last approval, with the tenant locked. Returns what the regions were asked. It is also
   * rehearsed and undone when the wish is proposed, so it touches nothing but the database.
   */
  readonly carryOut: (cmk: Cmk, trx: Trx, order: Order<P>) => Promise<RegionJob[]>;
}

export interface Order<P> {
  readonly who: Actor;
  readonly tenant: string;
  readonly proposal: string;
  readonly parameters: P;
}

export const closed = { additionalProperties: false } as const;
export const Reason = Type.String({ maxLength: 256 });

/** Parameters come back from the database as JSON: each rule sees them only after they were held against the schema. */
export function wish<S extends TSchema>(
  schema: S,
  rules: Rules<Static<S>>,
): { schema: S; rules: Rules<unknown> } {
  const parsed = (parameters: unknown): Static<S> => {
    if (!Value.Check(schema, parameters))
      throw new Error('the parameters of a wish do not follow its schema');
    return parameters;
  };
  const { ask, check, isHarmless, concerns, carryOut } = rules;
  return {
    schema,
    rules: {
      ...(ask && { ask: (cmk, tenant, parameters) => ask(cmk, tenant, parsed(parameters)) }),
      ...(check && { check: (trx, tenant, parameters) => check(trx, tenant, parsed(parameters)) }),
      ...(isHarmless && {
        isHarmless: (trx, tenant, parameters) => isHarmless(trx, tenant, parsed(parameters)),
      }),
      ...(concerns && { concerns: (trx, tenant, parameters) => concerns(trx, tenant, parsed(parameters)) }),
      carryOut: (cmk, trx, order) => carryOut(cmk, trx, { ...order, parameters: parsed(order.parameters) }),
    },
  };
}
