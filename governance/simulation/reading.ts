/**
 * How a simulation looks: in a transaction in which PostgreSQL refuses every write, through a type that has none. What is
 * simulated cannot happen by accident, neither by a slip here nor in what is called from here.
 */
import { type Db, scopeToTenant, type Trx } from '../store/transactions.ts';

/** A transaction that can only be read from; kysely's for plain SQL is that of the same, read-only, transaction. */
export type Reading = Pick<Trx, 'selectFrom' | 'getExecutor'>;

/** One snapshot of the rows of one tenant, and of what belongs to nobody. */
export async function asReader<T>(
  db: Db,
  tenant: string,
  look: (reading: Reading) => Promise<T>,
): Promise<T> {
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      await scopeToTenant(trx, tenant);
      return await look(trx);
    });
}
