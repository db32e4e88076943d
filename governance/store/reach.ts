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

/** What a table shows of itself beside one's own tenants' rows. */
type TableReach =
  /** To operators nothing, but for rows of the platform itself. The default: a table that nobody has thought about is shut. */
  | 'members'
  /** To operators everything. */
  | 'operators-too'
  /** To operators everything, and they change nothing. */
  | 'operators-look'
  /** To everybody also the platform's own rows: what they leave there is theirs alone by another rule. */
  | 'own-deeds';

const tables: Readonly<Record<string, TableReach>> = {
  tenants: 'operators-too',
  tenant_regions: 'operators-too',
  tenant_states: 'operators-too',
  tenant_closings: 'operators-too',
  identities: 'operators-too',
  // Whom they have appointed.
  role_grants: 'operators-too',
  access_groups: 'operators-look',
  // That a link lives or has expired is the platform's business; which key it stands on is shown to it by no route.
  links: 'operators-look',
  audit_heads: 'own-deeds',
  idempotency_keys: 'own-deeds',
};

const rule = (members: string, operator: string): string =>
  `CASE ${REACH} WHEN 'system' THEN true WHEN 'members' THEN ${members} WHEN 'operator' THEN ${operator} ELSE false END`;
const OWN_OR_PLATFORM = `(${OWN} OR ${PLATFORM})`;

const policies: Readonly<Record<TableReach, (table: string) => string>> = {
  members: (table) => policy(table, `USING (${rule(OWN, PLATFORM)})`),
  'operators-too': (table) => policy(table, `USING (${rule(OWN, 'true')})`),
  'operators-look': (table) =>
    policy(table, `USING (${rule(OWN, 'true')}) WITH CHECK (${rule(OWN, PLATFORM)})`) +
    `CREATE POLICY reach_removal ON ${table} AS RESTRICTIVE FOR DELETE USING (${rule(OWN, PLATFORM)});`,
  'own-deeds': (table) => policy(table, `USING (${rule(OWN_OR_PLATFORM, 'true')})`),
};

const policy = (table: string, holds: string): string =>
  `CREATE POLICY reach ON ${table} AS RESTRICTIVE ${holds};`;

/**
 * The SQL that holds a table with a `tenant` column to the reach of whoever asks. Restrictive: it takes away from what
 * `tenant_isolation` shows, and adds nothing. A transaction without any reach sees nothing.
 */
export function reachPolicy(table: string): string {
  // Everybody's deeds are written into the chain that they belong in, also into the platform's; read is only one's own.
  if (table === 'audit_events')
    return policy(table, `USING (${rule(OWN, PLATFORM)}) WITH CHECK (${rule(OWN_OR_PLATFORM, 'true')})`);
  // One without a tenant serves all of them, and is the platform's to make and change; any other is its tenant's alone.
  if (table === 'keystores')
    return (
      policy(
        table,
        `USING (${rule(`(tenant IS NULL OR ${OWN})`, 'tenant IS NULL')}) WITH CHECK (${rule(OWN, 'tenant IS NULL')})`,
      ) +
      `CREATE POLICY reach_removal ON ${table} AS RESTRICTIVE FOR DELETE USING (${rule(OWN, 'tenant IS NULL')});`
    );
  return policies[tables[table] ?? 'members'](table);
}
