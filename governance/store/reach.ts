/**
 * How far a request reaches into the database. Beside the API's own decision (access/), each transaction in the service of
 * a request tells PostgreSQL on whose behalf it runs, and row-level security shows it no more than that: one mistake in a
 * handler or in a policy opens nothing by itself (D13).
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export type Reach =
  /** CMK's own work: renewals, probes, regions' answers, authentication itself. */
  | { readonly kind: 'system' }
  /** Whoever runs the platform: that tenants are there, nothing of their keys or decisions. */
  | { readonly kind: 'operator' }
  /** Somebody who belongs to these tenants. */
  | { readonly kind: 'members'; readonly tenants: readonly string[] };

const SYSTEM: Reach = { kind: 'system' };
const current = new AsyncLocalStorage<Reach>();

/** Everything that `work` begins, and what that begins, reaches so far. */
export const withReach = <T>(reach: Reach, work: () => T): T => current.run(reach, work);
export const withSystemReach = <T>(work: () => T): T => current.run(SYSTEM, work);

/** Outside requests CMK works for itself. */
export const reachNow = (): Reach => current.getStore() ?? SYSTEM;

/** Evaluated once for each statement, and not for each row, because it is a query of its own. */
const REACH = `(SELECT current_setting('okcm.reach', true))`;
const OWN = `tenant = ANY (string_to_array((SELECT current_setting('okcm.reach_tenants', true)), ','))`;
/** The chain of what concerns no single tenant (audit log). */
const PLATFORM = `tenant = '_platform'`;

/** What an operator sees of a table: nothing but the platform's own rows, everything, or everything without changing it. */
export type OperatorReach = 'nothing' | 'all' | 'read';

const rule = (members: string, operator: string): string =>
  `CASE ${REACH} WHEN 'system' THEN true WHEN 'members' THEN ${members} WHEN 'operator' THEN ${operator} ELSE false END`;

/**
 * The SQL that holds a table to the reach of whoever asks. Restrictive: it takes away from what `tenant_isolation` shows, and
 * adds nothing. A transaction without any reach sees nothing.
 */
export function reachPolicies(table: string, operator: OperatorReach = 'nothing'): string {
  if (operator !== 'read')
    return `CREATE POLICY reach ON ${table} AS RESTRICTIVE
      USING (${rule(OWN, operator === 'all' ? 'true' : PLATFORM)});`;
  return `CREATE POLICY reach ON ${table} AS RESTRICTIVE
      USING (${rule(OWN, 'true')}) WITH CHECK (${rule(OWN, PLATFORM)});
    CREATE POLICY reach_removal ON ${table} AS RESTRICTIVE FOR DELETE USING (${rule(OWN, PLATFORM)});`;
}

/**
 * The audit log: everybody's deeds are written into the chain that they belong in, also into the platform's; read is only
 * what is one's own.
 */
export const AUDIT_REACH = `
CREATE POLICY reach ON audit_events AS RESTRICTIVE
  USING (${rule(OWN, PLATFORM)}) WITH CHECK (${rule(`${OWN} OR ${PLATFORM}`, 'true')});
CREATE POLICY reach ON audit_heads AS RESTRICTIVE
  USING (${rule(`${OWN} OR ${PLATFORM}`, 'true')});
`;
