/** A governance plane with regions for tests, and its servers: PostgreSQL, with the embedded broker in a database of its own. */
import type { CmkDeps } from '../governance/cmk.ts';
import type { CmkConfig } from '../governance/config.ts';
import { startWorld, type World } from '../governance/test-world.ts';
import { prepareEmbeddedBroker } from '../orbital/index.ts';
import { withClient } from '../platform/postgres-admin.ts';
import { temporaryDirectory } from './directories.ts';
import { testDatabase } from './postgres.ts';

const PASSWORD = 'of-the-test-broker';

export async function testWorld(options: {
  regions: readonly string[];
  link?: Partial<CmkConfig['link']>;
  notifications?: CmkConfig['notifications'];
  deps?: CmkDeps;
  configure?: (config: CmkConfig) => CmkConfig;
  audit?: CmkConfig['audit'];
}): Promise<World> {
  const [cmk, broker] = await Promise.all([testDatabase(), testDatabase()]);
  const [ownerUrl, appUrl] = [await cmk.roleUrl('cmk_owner'), await cmk.roleUrl('cmk_app')];
  await withClient({ url: cmk.url }, (client) =>
    client.query(`ALTER DATABASE ${cmk.name} OWNER TO cmk_owner`),
  );
  await prepareEmbeddedBroker(broker.url, {
    governance: { user: 'broker_governance', password: PASSWORD },
    regions: options.regions.map((name) => ({ name, user: `broker_${name}`, password: PASSWORD })),
  });
  const regions = await Promise.all(
    options.regions.map(async (name) => ({ name, databaseUrl: (await testDatabase()).url })),
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
