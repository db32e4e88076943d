/**
 * What the region does for its keys by itself: scheduled rotations, L3 versions wrapped anew after an L2 rotation,
 * internal keys replaced. Any core of the region may do any of it; the tenant's lock sees to it that one does. Each piece
 * is a transaction of its own with its pushes and audit events, so that a kill at any point loses at most that piece.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { TenantId } from '../../../contracts/index.ts';
import type { Logger } from '../../../platform/log.ts';
import { inTransaction } from '../../../platform/postgres.ts';
import { type Keychain, KeychainError, type KeyEvent } from '../../keychain/index.ts';
import { appendAudit } from '../audit/trail.ts';
import {
  MAX_RESTING,
  UPKEEP_EVERY_MS,
  UPKEEP_IDLE_MS,
  UPKEEP_PIECES_PER_TENANT,
  UPKEEP_RETRY_MS,
  UPKEEP_TENANTS,
} from '../limits.ts';
import type { CoreMetrics } from '../metrics.ts';
import { appendPushes } from '../store/pushes.ts';
import { keysIn, type RegionDb } from '../store/tables.ts';
import { auditOf, pushesOf } from './key-changes.ts';

export interface UpkeepParts {
  readonly db: RegionDb;
  readonly instance: string;
  readonly keychain: Keychain;
  readonly metrics: CoreMetrics;
  readonly logger: Logger;
}

/** Works until stopped; `stop` waits for the piece that is under way. */
export function startUpkeep(parts: UpkeepParts): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = run(parts, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function run(parts: UpkeepParts, signal: AbortSignal): Promise<void> {
  const { keychain, logger } = parts;
  const resting = new Resting();
  for (let pauseMs = UPKEEP_EVERY_MS; !signal.aborted; ) {
    pauseMs = Math.min(2 * pauseMs, UPKEEP_IDLE_MS);
    try {
      await keychain.refreshIvks();
      await internalKeys(parts);
      for (const tenant of await keychain.tenantsWithWork(UPKEEP_TENANTS)) {
        if (signal.aborted) return;
        pauseMs = UPKEEP_EVERY_MS;
        if (!resting.has(tenant)) await tenantKeys(parts, resting, tenant, signal);
      }
    } catch (err) {
      if (!isSealed(err)) logger.warn({ err }, 'the upkeep of keys is interrupted; it will be tried again');
    }
    await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** Tenants whose keys have just failed: a damaged one that is always due must not be tried twice a second. */
class Resting {
  readonly #untilMs = new Map<TenantId, number>();

  add(tenant: TenantId): void {
    this.#untilMs.delete(tenant);
    this.#untilMs.set(tenant, performance.now() + UPKEEP_RETRY_MS);
    const oldest = this.#untilMs.keys().next().value;
    if (this.#untilMs.size > MAX_RESTING && oldest !== undefined) this.#untilMs.delete(oldest);
  }

  has(tenant: TenantId): boolean {
    const untilMs = this.#untilMs.get(tenant);
    if (untilMs === undefined) return false;
    if (untilMs > performance.now()) return true;
    this.#untilMs.delete(tenant);
    return false;
  }
}

async function tenantKeys(
  parts: UpkeepParts,
  resting: Resting,
  tenant: TenantId,
  signal: AbortSignal,
): Promise<void> {
  const { keychain, metrics, logger } = parts;
  try {
    for (let piece = 0; piece < UPKEEP_PIECES_PER_TENANT && !signal.aborted; piece++) {
      const events = await onePiece(parts, tenant);
      for (const event of events) metrics.keyEvent(event.kind);
      if (events.length === 0) return;
    }
  } catch (err) {
    if (isSealed(err)) throw err;
    const reason = err instanceof KeychainError ? err.code : 'UNAVAILABLE';
    metrics.upkeepFailed(reason);
    // A closed link is no trouble: opening it sets the time anew.
    logger[reason.startsWith('LINK_') ? 'debug' : 'warn']({ err, tenant }, 'keys of a tenant must wait');
    // A closed link is due again as soon as it opens.
    if (!reason.startsWith('LINK_')) resting.add(tenant);
    await keychain.postpone(tenant, UPKEEP_RETRY_MS);
  }
}

function onePiece({ db, instance, keychain }: UpkeepParts, tenant: TenantId): Promise<readonly KeyEvent[]> {
  return inTransaction(db, async (tx) => {
    const events = await keychain.upkeep(keysIn(tx), tenant);
    await appendPushes(tx, pushesOf(events));
    if (events.length > 0) await appendAudit(tx, { source: instance }, auditOf(events));
    return events;
  });
}

/** IVKs: rotated when their time or budget is over, destroyed when nothing stands under them. */
async function internalKeys({ db, instance, keychain, metrics, logger }: UpkeepParts): Promise<void> {
  if (keychain.sealState === 'sealed') return;
  if (await keychain.isIvkDue()) await rotateInternalKey({ db, instance, keychain, logger }, {});
  const destroyed = await inTransaction(db, async (tx) => {
    const version = await keychain.retireIvks(keysIn(tx));
    if (version !== null)
      await appendAudit(tx, { source: instance }, [
        { event: 'IVK_DESTROYED', outcome: 'success', uid: `IVK v${version}` },
      ]);
    return version;
  });
  if (destroyed === null) return;
  metrics.keyEvent('ivk-destroyed');
  logger.info({ ivk: destroyed }, 'an internal key was destroyed: nothing stood under it');
}

/** A new IVK at once. Returns its version. @throws KeychainError SEALED */
export async function rotateInternalKey(
  { db, instance, keychain, logger }: Omit<UpkeepParts, 'metrics'>,
  { by, compromised = false }: { readonly by?: string; readonly compromised?: boolean },
): Promise<number> {
  const version = await inTransaction(db, async (tx) => {
    const made = await keychain.rotateIvk(keysIn(tx), { compromised });
    const event = compromised ? 'IVK_COMPROMISED' : 'IVK_ROTATED';
    const who = by === undefined ? {} : { peer: by };
    await appendAudit(tx, { source: instance }, [{ event, outcome: 'success', uid: `IVK v${made}`, ...who }]);
    return made;
  });
  await keychain.refreshIvks();
  logger.info({ ivk: version, compromised, by }, 'a new internal key seals what the region keeps');
  return version;
}

function isSealed(error: unknown): boolean {
  return error instanceof KeychainError && error.code === 'SEALED';
}
