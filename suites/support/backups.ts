/** Copies of tables inside their own database, which can be put back: what a restore from a backup does, in moments. */
import type pg from 'pg';
import { withClient } from '../../platform/postgres-admin.ts';

export interface Backup {
  /** Puts every row back as it was; whoever works on the database meanwhile sees all of it or nothing. */
  restore(): Promise<void>;
}

let copies = 0;

async function columnsOf(client: pg.Client, table: string): Promise<string> {
  const { rows } = await client.query(
    `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns FROM pg_attribute
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  );
  return String(rows[0]?.columns);
}

/** @param url as a superuser, whom neither row-level security nor foreign keys hold here. */
export async function takeBackup(url: string, tables: readonly string[]): Promise<Backup> {
  const schema = `backup_${++copies}`;
  const copyOf = (table: string): string => `${schema}."${table}"`;
  await withClient({ url }, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query(`CREATE SCHEMA ${schema}`);
    for (const table of tables) await client.query(`CREATE TABLE ${copyOf(table)} AS TABLE ${table}`);
    await client.query('COMMIT');
  });
  return {
    restore: () =>
      withClient({ url }, async (client) => {
        await client.query('BEGIN');
        await client.query('SET LOCAL session_replication_role = replica');
        // All at once, or what waits for one of them here would be waited for there.
        await client.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`);
        for (const table of tables) {
          const columns = await columnsOf(client, table);
          await client.query(`DELETE FROM ${table}`);
          await client.query(
            `INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE SELECT ${columns} FROM ${copyOf(table)}`,
          );
        }
        await client.query('COMMIT');
      }),
  };
}

/** Everything that a region was asked for, with Orbital's memory of it; not its trail and its pushes, which only grow. */
export const REGION_TABLES = [
  'keychain.link_heads',
  'keychain.links',
  'keychain.tenants',
  'keychain.keys',
  'keychain.usage',
  'core.identities',
  'core.issuers',
  'orbital_inbox_entities',
  'orbital_inbox_apart',
  'orbital_inbox_forgotten',
  'orbital_inbox',
] as const;

/** All of CMK's tables but those of its migrations. */
export async function cmkTables(url: string): Promise<string[]> {
  const { rows } = await withClient({ url }, (client) =>
    client.query(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%migration%'
         ORDER BY tablename`,
    ),
  );
  return rows.map(({ name }) => String(name));
}
