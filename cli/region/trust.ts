/** Whom a region trusts, changed on the host of its core by whoever may read its configuration. */
import { CoreConfig, changeTrust, type TrustChange } from '../../execution/core/index.ts';
import { readConfig } from '../../platform/config-file.ts';
import { createLogger } from '../../platform/log.ts';

/** Errors: CORE_KEYS_REFUSED, and those of the configuration file and the database. */
export async function changeTrustIn(configPath: string, change: TrustChange) {
  const config = await readConfig(configPath, CoreConfig);
  const logger = createLogger({ name: 'okcm signing-key', level: 'silent' });
  return await changeTrust(config, logger, change);
}
