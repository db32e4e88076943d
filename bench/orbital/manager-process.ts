/** Governance's side in a process of its own: a manager and nothing else. */
import { createManager } from '../../orbital/index.ts';
import { createLogger } from '../../platform/log.ts';
import { createDatabase, createPool } from '../../platform/postgres.ts';
import { connectBroker } from './brokers.ts';
import { intoOne } from './many-regions.ts';
import { type ManagerTask, runTask, signerOf, trustedOf } from './processes.ts';

const POOL_MAX = 16;

runTask<ManagerTask>(async ({ databaseUrl, broker, key, regionKey, many }) => {
  const logger = createLogger({ name: 'bench manager', level: 'silent' });
  const db = createDatabase<unknown>(
    createPool({ url: databaseUrl, applicationName: 'bench manager', max: POOL_MAX }),
  );
  const transport = await connectBroker(broker);
  const trusted = [trustedOf(regionKey)];
  const manager = createManager<unknown>({
    db,
    transport: many ? intoOne(transport) : transport,
    signer: signerOf(key),
    keysOf: () => trusted,
    handlers: {},
    logger,
    listenOn: { url: databaseUrl },
  });
  await manager.start();
  return async () => {
    await manager.stop();
    await transport.close();
    await db.destroy();
  };
});
