/**
 * The ways into the database. Row-level security shows a transaction the rows of the tenant that it names, or of all
 * tenants when it asks for the platform, and of those no more than whoever it works for may see (reach.ts); one that asks
 * for nothing sees nothing (D13). The functions given may run again after a deadlock, so they touch nothing but the database.
 */
import { type Kysely, sql, type Transaction } from 'kysely';
import { inTransaction, type TransactionOptions } from '../../platform/postgres.ts';
import { reachNow, withSystemReach } from './reach.ts';
import type { CmkDatabase } from './schema.ts';

export type Db = Kysely<CmkDatabase>;
export type Trx = Transaction<CmkDatabase>;

/** What several statements read is so as of one moment: for views that would contradict themselves otherwise. */
export const ONE_MOMENT: TransactionOptions = { isolation: 'repeatable read' };

/** From here on, this transaction sees the rows of one tenant and no others. */
export async function scopeToTenant(trx: Trx, tenant: string): Promise<void> {
  await scope(trx, tenant, '');
}

/** From here on, this transaction sees every tenant: for the operator's lists, workers and the status consumer. */
export async function scopeToPlatform(trx: Trx): Promise<void> {
  await scope(trx, '', 'platform');
}

async function scope(trx: Trx, tenant: string, scope: string): Promise<void> {
  const reach = reachNow();
  const tenants = reach.kind === 'members' ? reach.tenants.join(',') : '';
  await sql`SELECT set_config('okcm.tenant', ${tenant}, true), set_config('okcm.scope', ${scope}, true),
    set_config('okcm.reach', ${reach.kind}, true), set_config('okcm.reach_tenants', ${tenants}, true)`.execute(
    trx,
  );
}

/**
 * Within a transaction of somebody's request: what CMK itself has to write in a tenant for a change that was permitted to
 * them, and that they do not reach by themselves. Where it throws, the transaction has to end.
 */
export async function asSystemWithin<T>(trx: Trx, tenant: string, fn: () => Promise<T>): Promise<T> {
  await withSystemReach(() => scopeToTenant(trx, tenant));
  const done = await fn();
  await scopeToTenant(trx, tenant);
  return done;
}

export const asTenant = <T>(
  db: Db,
  tenant: string,
  fn: (trx: Trx) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> => scoped(db, (trx) => scopeToTenant(trx, tenant), fn, options);

export const asPlatform = <T>(
  db: Db,
  fn: (trx: Trx) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> => scoped(db, scopeToPlatform, fn, options);

const scoped = <T>(
  db: Db,
  enter: (trx: Trx) => Promise<void>,
  fn: (trx: Trx) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> =>
  inTransaction(
    db,
    async (trx) => {
      await enter(trx);
      return await fn(trx);
    },
    options,
  );

/** For what CMK itself has to know or to record in the course of a request, whoever makes it. */
export const asSystem = <T>(db: Db, fn: (trx: Trx) => Promise<T>): Promise<T> =>
  withSystemReach(() => asPlatform(db, fn));
