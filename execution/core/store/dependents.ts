/** How many objects stand under each version of each L3: what a destroyed version takes with it. */
import { sql } from 'kysely';
import type { CountDependents } from '../../keychain/index.ts';
import { State } from '../../objects/index.ts';
import type { RegionDb } from './tables.ts';

/** Within the caller's transaction. Objects that a gateway has not announced yet are not among them. */
export function dependentsIn(db: RegionDb): CountDependents {
  return async (_tx, tenant) => {
    const rows = await db
      .selectFrom('core.objects')
      .select(['service', 'l3_version', sql<string>`count(*)`.as('count')])
      .where('tenant', '=', tenant)
      .where('l3_version', 'is not', null)
      .where('state', 'not in', [State.Destroyed, State.DestroyedCompromised])
      .groupBy(['service', 'l3_version'])
      .execute();
    const counts = new Map(rows.map((row) => [`${row.service}/${row.l3_version}`, Number(row.count)]));
    return (service, version) => counts.get(`${service}/${version}`) ?? 0;
  };
}
