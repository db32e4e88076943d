/** Initialising a region, once: the schemas, then the MasterKey under its seal (D2). Running it again changes nothing. */
import type { Logger } from '../../platform/log.ts';
import {
  type Ceremony,
  type CeremonyPlan,
  initialiseRegion as initialiseKeychain,
  initialiseRegionWithShares,
} from '../keychain/index.ts';
import type { CoreConfig } from './config.ts';
import { openDatabase, prepareDatabase } from './database.ts';
import { sealOf } from './seal.ts';
import { keysIn } from './store/tables.ts';

/** Returns whether this call made the MasterKey. Throws KeychainError, for one when the database is another region's. */
export async function initialiseRegion(config: CoreConfig, logger: Logger): Promise<{ created: boolean }> {
  const { db } = openDatabase(config, logger);
  try {
    await prepareDatabase(db);
    const { cluster, region } = config;
    return await initialiseKeychain(keysIn(db), { cluster, region, seal: sealOf(config, { create: true }) });
  } finally {
    await db.destroy();
  }
}

/**
 * Initialises a region in a key ceremony. `deliver` keeps the encrypted shares durably before the region exists; when
 * nothing was created, what it kept is worthless. Throws KeychainError, and ShareError for a plan that cannot be.
 */
export async function initialiseInCeremony(
  config: CoreConfig,
  logger: Logger,
  plan: CeremonyPlan,
  deliver: (ceremony: Ceremony) => Promise<void>,
): Promise<{ created: boolean }> {
  const { db } = openDatabase(config, logger);
  try {
    await prepareDatabase(db);
    const { cluster, region } = config;
    return await initialiseRegionWithShares(keysIn(db), { cluster, region }, plan, deliver);
  } finally {
    await db.destroy();
  }
}
