/** The region's database: one pool, and the schemas of everything that lives in it. */
import type pg from 'pg';
import { orbitalOperatorMigrations } from '../../orbital/index.ts';
import type { Logger } from '../../platform/log.ts';
import { createDatabase, createPool, migrate } from '../../platform/postgres.ts';
import { migrateKeychain } from '../keychain/index.ts';
import type { CoreConfig } from './config.ts';
import { DATABASE_POOL_MAX } from './limits.ts';
import { coreMigrations } from './store/migrations.ts';
import { keysIn, type RegionDb, type RegionTables } from './store/tables.ts';

export function openDatabase(config: CoreConfig, logger: Logger): { db: RegionDb; pool: pg.Pool } {
  const pool = createPool({
    url: config.database.url,
    max: DATABASE_POOL_MAX,
    applicationName: `okcm-core ${config.instance}`,
    logger,
  });
  return { db: createDatabase<RegionTables>(pool), pool };
}

/** Brings every schema up to date. Several cores may do so at once; each waits for the others. */
export async function prepareDatabase(db: RegionDb): Promise<void> {
  await migrateKeychain(keysIn(db));
  await migrate(db, coreMigrations, { table: 'core_migrations' });
  await migrate(db, orbitalOperatorMigrations, { table: 'orbital_operator_migrations' });
}
