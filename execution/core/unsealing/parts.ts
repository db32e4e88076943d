/** What unsealing and changes of the seal work with, and how both are written to the region's trail. */
import type { Logger } from '../../../platform/log.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import {
  type Keychain,
  readSealedUnsealKey,
  type SealBinding,
  type ShareAttempt,
} from '../../keychain/index.ts';
import type { AuditRounds } from '../audit/rounds.ts';
import { appendAudit, type NewAuditEvent } from '../audit/trail.ts';
import { keysIn, type RegionDb } from '../store/tables.ts';
import type { RegionSeal } from './region-seal.ts';

export interface UnsealingParts {
  readonly db: RegionDb;
  readonly instance: string;
  readonly binding: SealBinding;
  readonly keychain: Keychain;
  readonly seal: RegionSeal;
  readonly logger: Logger;
  /** How long shares, and a change that nobody finishes, are kept in memory. */
  readonly ttlMs: number;
  readonly audit: AuditRounds;
}

export function readBlob({ db, binding }: UnsealingParts): Promise<Buffer> {
  return readSealedUnsealKey(keysIn(db), binding);
}

export async function record({ db, instance }: UnsealingParts, event: NewAuditEvent): Promise<void> {
  await inTransaction(db, (tx) => appendAudit(tx, { source: instance }, [event]));
}

/** Every try with a share, before it is answered. `operation` says what the share was meant for. */
export function shareRecorder(parts: UnsealingParts, operation: string) {
  return async ({ outcome, reason, share, setId, by }: ShareAttempt): Promise<void> => {
    const isRefused = outcome === 'refused';
    const event = isRefused
      ? 'SHARE_REFUSED'
      : outcome === 'accepted'
        ? 'SHARE_ACCEPTED'
        : 'SHARES_FORGOTTEN';
    const fields = {
      ...(reason === undefined ? {} : { reason }),
      ...(share === undefined ? {} : { uid: share }),
      ...(by === undefined ? {} : { peer: by }),
      ...(setId === undefined ? {} : { correlationId: setId }),
    };
    parts.logger[isRefused ? 'warn' : 'info'](
      { event, operation, ...fields },
      'a share was presented or forgotten',
    );
    await record(parts, { event, outcome: isRefused ? 'refused' : 'success', operation, ...fields });
  };
}
