/** A governance plane with one region, in processes and databases of its own test: enough to be declared to. */
import { randomBytes } from 'node:crypto';
import { startWorld, type World } from '../../governance/test-world.ts';
import { prepareEmbeddedBroker } from '../../orbital/index.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testDatabase } from '../../testkit/postgres.ts';

const REGION = 'north';
/** A thousand keys are not to be asked for ten times a second while something else is measured. */
const PROBE_EVERY_MS = 60_000;

export async function startPlane(): Promise<World> {
  const [cmk, broker, region] = await Promise.all([testDatabase(), testDatabase(), testDatabase()]);
  const [ownerUrl, appUrl] = [await cmk.roleUrl('cmk_owner'), await cmk.roleUrl('cmk_app')];
  await withClient({ url: cmk.url }, (client) =>
    client.query(`ALTER DATABASE ${cmk.name} OWNER TO cmk_owner`),
  );
  const password = randomBytes(12).toString('hex');
  await prepareEmbeddedBroker(broker.url, {
    governance: { user: 'broker_governance', password },
    regions: [{ name: REGION, user: `broker_${REGION}`, password }],
  });
  return await startWorld({
    ownerUrl,
    appUrl,
    adminUrl: cmk.url,
    brokerUrl: (user) => {
      const url = new URL(broker.url);
      url.username = `broker_${user}`;
      url.password = password;
      return url.href;
    },
    directory: temporaryDirectory('apply-thousand'),
    regions: [{ name: REGION, databaseUrl: region.url }],
    link: { probeEveryMs: PROBE_EVERY_MS },
  });
}
