/** Initialises a region in a key ceremony, from the configuration file of its core, on its host. */
import { CoreConfig, initialiseInCeremony } from '../../execution/core/index.ts';
import {
  type CeremonyPlan,
  ceremonyFingerprint,
  KeychainError,
  ShareError,
} from '../../execution/keychain/index.ts';
import { readConfig } from '../../platform/config-file.ts';
import { errorMessage } from '../../platform/errors.ts';
import { createLogger } from '../../platform/log.ts';
import { CliError } from '../errors.ts';
import { type Delivery, deliver, takeBack } from './deliver.ts';

export interface MadeRegion {
  readonly cluster: string;
  readonly region: string;
  readonly setId: string;
  readonly threshold: number;
  /** Hex SHA-256 of the key that signed the manifest: for holders to compare. */
  readonly ceremonyKey: string;
  readonly delivery: Delivery;
}

/** Errors: REGION_EXISTS, REGION_REFUSED, and those of the configuration file. */
export async function initialise(configPath: string, out: string, plan: CeremonyPlan): Promise<MadeRegion> {
  const config = await readConfig(configPath, CoreConfig);
  if (config.seal.kind !== 'shamir') {
    throw new CliError(
      'REGION_REFUSED',
      `${configPath} seals the region by ${config.seal.kind}, not by shares`,
      {
        hint: 'set "seal": { "kind": "shamir" }; a region of another seal is initialised by its core',
      },
    );
  }
  const logger = createLogger({ name: 'okcm region init', level: 'silent' });
  let made: MadeRegion | undefined;
  try {
    const { created } = await initialiseInCeremony(config, logger, plan, async (ceremony) => {
      const { cluster, region, setId, threshold } = ceremony.signed.manifest;
      const ceremonyKey = ceremonyFingerprint(ceremony.signed.manifest);
      const delivery = await deliver(out, ceremony);
      made = { cluster, region, setId, threshold, ceremonyKey, delivery };
    });
    if (created && made !== undefined) return made;
  } catch (error) {
    if (made !== undefined) {
      // Whether the database has made the region before it failed is not known here: the shares may be its only ones.
      throw new CliError(
        'REGION_REFUSED',
        `${errorMessage(error)}; the region may have been made all the same`,
        {
          hint: `keep ${out} until okcm region seal-status says which set opens the region`,
          cause: error,
        },
      );
    }
    if (error instanceof KeychainError || error instanceof ShareError) {
      throw new CliError('REGION_REFUSED', errorMessage(error), { hint: error.hint });
    }
    throw error;
  }
  if (made !== undefined) await takeBack(made.delivery);
  throw new CliError('REGION_EXISTS', `${config.region} is initialised already; nothing was changed`);
}
