/** A governance plane with regions for tests, and its servers: PostgreSQL, with the embedded broker in a database of its own. */
import type { CmkDeps } from '../governance/cmk.ts';
import type { CmkConfig } from '../governance/config.ts';
import { cmkMigrations } from '../governance/store/migrations.ts';
import { startWorld, type World } from '../governance/test-world.ts';
import {
  orbitalManagerMigrations,
  orbitalOperatorMigrations,
  prepareEmbeddedBroker,
} from '../orbital/index.ts';
import { createDatabase, createPool, type Migration, migrate } from '../platform/postgres.ts';
import { withClient } from '../platform/postgres-admin.ts';
import { temporaryDirectory } from './directories.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

const PASSWORD = 'of-the-test-broker';
const GOVERNANCE = { user: 'broker_governance', password: PASSWORD };

interface Templates {
  readonly cmk: TestDatabase;
  readonly broker: TestDatabase;
  readonly region: TestDatabase;
}

let templates: Promise<Templates> | undefined;

/** Databases as worlds would make them, migrated once for all worlds of this process: most of what a world costs. */
async function makeTemplates(): Promise<Templates> {
  const [cmk, broker, region] = [await testDatabase(), await testDatabase(), await testDatabase()];
  const ownerUrl = await cmk.roleUrl('cmk_owner');
  await giveToOwner(cmk);
  await migrated(ownerUrl, [
    ['orbital_migrations', orbitalManagerMigrations],
    ['cmk_migrations', cmkMigrations],
  ]);
  await prepareEmbeddedBroker(broker.url, { governance: GOVERNANCE, regions: [] });
  await migrated(region.url, [['orbital_migrations', orbitalOperatorMigrations]]);
  return { cmk, broker, region };
}

async function migrated(
  url: string,
  steps: readonly (readonly [table: string, migrations: Readonly<Record<string, Migration>>])[],
): Promise<void> {
  const db = createDatabase<unknown>(createPool({ url, max: 2, applicationName: 'template' }));
  try {
    for (const [table, migrations] of steps) await migrate(db, migrations, { table });
  } finally {
    await db.destroy();
  }
}

async function giveToOwner({ name, url }: TestDatabase): Promise<void> {
  await withClient({ url }, (client) => client.query(`ALTER DATABASE ${name} OWNER TO cmk_owner`));
}

export async function testWorld(options: {
  regions: readonly string[];
  link?: Partial<CmkConfig['link']>;
  notifications?: CmkConfig['notifications'];
  deps?: CmkDeps;
  configure?: (config: CmkConfig) => CmkConfig;
  audit?: CmkConfig['audit'];
}): Promise<World> {
  templates ??= makeTemplates();
  const template = await templates;
  const cmk = await testDatabase(undefined, template.cmk);
  const broker = await testDatabase(undefined, template.broker);
  const [ownerUrl, appUrl] = [await cmk.roleUrl('cmk_owner'), await cmk.roleUrl('cmk_app')];
  await giveToOwner(cmk);
  // What is granted on a database itself is not copied.
  await withClient({ url: broker.url }, (client) =>
    client.query(`REVOKE ALL ON DATABASE ${broker.name} FROM PUBLIC`),
  );
  await prepareEmbeddedBroker(broker.url, {
    governance: GOVERNANCE,
    regions: options.regions.map((name) => ({ name, user: `broker_${name}`, password: PASSWORD })),
  });
  const regions = await Promise.all(
    options.regions.map(async (name) => ({
      name,
      databaseUrl: (await testDatabase(undefined, template.region)).url,
    })),
  );
  return await startWorld({
    ownerUrl,
    appUrl,
    adminUrl: cmk.url,
    brokerUrl: (user) => {
      const url = new URL(broker.url);
      url.username = `broker_${user}`;
      url.password = PASSWORD;
      return url.href;
    },
    directory: temporaryDirectory('cmk'),
    regions,
    ...(options.link === undefined ? {} : { link: options.link }),
    ...(options.notifications === undefined ? {} : { notifications: options.notifications }),
    ...(options.deps === undefined ? {} : { deps: options.deps }),
    ...(options.configure === undefined ? {} : { configure: options.configure }),
    ...(options.audit === undefined ? {} : { audit: options.audit }),
  });
}
