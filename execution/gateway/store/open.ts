/** Opens the store that the configuration names (D6), and says so where it does not keep what it has acknowledged. */

import { OkcmError } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { isLoopback } from '../../../platform/loopback.ts';
import type { GatewayConfig, RedisStoreConfig } from '../config.ts';
import { MAX_KEYS_PER_TENANT } from '../limits.ts';
import type { Crew } from '../workers/crew.ts';
import { IN_MEMORY, Store, type StoreSharing } from './store.ts';

/** Errors: STORE_UNUSABLE, STORE_OTHER_REGION, STORE_NOT_DURABLE, STORE_HOLDS_KEYS (Redis), and those of files that cannot be read. */
export async function openStore(
  config: Pick<GatewayConfig, 'region' | 'name' | 'store' | 'limits'>,
  logger: Logger,
  sharing: StoreSharing & Pick<Crew, 'endAtOnce'>,
): Promise<Store> {
  const { region, name, store: wanted } = config;
  const keysPerTenant = config.limits.keysPerTenant ?? MAX_KEYS_PER_TENANT;
  if (wanted.kind === 'memory') {
    logger.warn(
      { reason: 'STORE_NOT_DURABLE' },
      'keys lie in memory alone: those that the core has not been told of are lost when this process ends',
    );
    return Store.open(IN_MEMORY, region, { keysPerTenant });
  }
  const { isShared, isFirst } = sharing;
  const store = Store.open(wanted.path, region, {
    keysPerTenant,
    isShared,
    ...(isFirst === undefined ? {} : { isFirst }),
    events: {
      ruined: (error) => {
        const told = { err: error, reason: 'STORE_FLUSH_LOST' };
        logger.fatal(
          told,
          'a flush of the key store or of its log has failed: the gateway ends, and reads the log again when it starts',
        );
        sharing.endAtOnce();
      },
      logGrows: (error) =>
        logger.error(
          { err: error, reason: 'STORE_LOG_GROWS' },
          'the log of the key store cannot be brought into its file, and grows until it can be',
        ),
      checkpointsOver: (error) =>
        logger.warn(
          { err: error, reason: 'STORE_CHECKPOINTS_OVER' },
          'the thread that brings the log of the key store into its file has ended: until the next start commits do it, and take longer',
        ),
    },
  });
  if (wanted.kind !== 'redis') return store;
  try {
    refuseInTheClear(wanted);
    refuseToLeaveKeys(store, wanted.path);
    const beside = (write: () => void): Promise<void> => store.commit(write);
    const options = {
      config: wanted,
      region,
      name,
      keysPerTenant,
      isFirst: isFirst ?? !isShared,
      beside,
      logger,
    };
    // Only here: its client is a quarter of everything that a gateway loads.
    const { RedisKeys } = await import('./redis/redis-keys.ts');
    store.keepKeysIn(await RedisKeys.open(options));
    return store;
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Keys lie in Redis wrapped, but its password and what is read of whom would be anybody's to see. */
function refuseInTheClear({ host, port, tls }: RedisStoreConfig): void {
  if (tls !== undefined || isLoopback(host)) return;
  throw new OkcmError(
    'STORE_UNUSABLE',
    `Redis at ${host}:${port} is on another machine and is spoken to without TLS`,
    {
      hint: 'give the authority of its certificate: `store.tls.ca` in the configuration, or rediss://…?ca=FILE',
    },
  );
}

/** A file that held keys before: those that nobody else has are not to be forgotten in it. */
function refuseToLeaveKeys({ objects }: Store, path: string): void {
  if (objects.backlog === 0) return;
  throw new OkcmError(
    'STORE_HOLDS_KEYS',
    `${path} holds ${objects.backlog} keys that the core has not been told of`,
    { hint: 'start the gateway once more with its keys in the file, until its status shows no backlog' },
  );
}
