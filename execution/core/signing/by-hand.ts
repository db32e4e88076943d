/**
 * Whom the region trusts, said by a person who holds its configuration: for a region that governance's own messages do not
 * reach any more, because its database is older than the last rotation, or because a key was stolen.
 */
import type { KnownKey, NamedKey } from '../../../orbital/index.ts';
import type { Logger } from '../../../platform/log.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import { appendAudit } from '../audit/trail.ts';
import type { CoreConfig } from '../config.ts';
import { openDatabase, prepareDatabase } from '../database.ts';
import { configuredKeys } from './configured.ts';
import { GovernanceKeys, TrustRefusedError } from './governance-keys.ts';

export interface TrustChange {
  readonly trust?: NamedKey;
  /** Names a key that counts for nothing from now on, for good. */
  readonly retire?: string;
}

/** Answers all keys that are known then. Running cores follow at once. @throws OkcmError CORE_KEYS_REFUSED */
export async function changeTrust(
  config: CoreConfig,
  logger: Logger,
  change: TrustChange,
): Promise<readonly KnownKey[]> {
  const { db } = openDatabase(config, logger);
  try {
    await prepareDatabase(db);
    const keys = new GovernanceKeys(db, await configuredKeys(config));
    if (change.trust === undefined && change.retire === undefined) return await keys.known(db);
    await inTransaction(db, async (tx) => {
      const known = await keys.known(tx);
      if (change.retire !== undefined && !known.some(({ keyId }) => keyId === change.retire))
        throw new TrustRefusedError('KEY_DIFFERS');
      const wanted: NamedKey[] = known.filter(
        ({ keyId, state }) => state === 'trusted' && keyId !== change.retire && keyId !== change.trust?.keyId,
      );
      if (change.trust !== undefined) wanted.push(change.trust);
      const names = await keys.adopt(tx, wanted, undefined);
      const reason = `${names.join(', ')}; said by a person with the region's configuration`;
      const event = { event: 'GOVERNANCE_KEYS_TRUSTED', outcome: 'success' as const, reason };
      await appendAudit(tx, { source: config.instance }, [event]);
    });
    return await keys.known(db);
  } finally {
    await db.destroy();
  }
}
