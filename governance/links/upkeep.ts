/**
 * The upkeep of living links, by timer: every link whose proof has aged is renewed by a fresh one, and every link whose
 * secret is as old as its tenant allows is rotated. A probe (probe.ts) asks what the key's state is; a renewal has the
 * provider unwrap the link secret, which is the proof (D1).
 */
import { randomUUID } from 'node:crypto';
import { JobConflictError } from '../../orbital/index.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createRegionalJob } from '../dispatch/jobs.ts';
import { requireKey } from '../domain/keys.ts';
import { lockTenant } from '../domain/lookups.ts';
import { CmkError } from '../errors.ts';
import { type KeyState, stateOf } from '../keystores/provider.ts';
import { KEYSTORE_CONCURRENCY, RENEW_BATCH, ROTATE_BATCH, ROTATE_RETRY_MS } from '../limits.ts';
import type { Link } from '../store/schema.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import { judge } from './kill-switch.ts';
import { probe } from './probe.ts';
import { startRotationOf } from './request.ts';
import { advance, findLink } from './rows.ts';
import { rotateLater } from './schedule.ts';

/**
 * Renews links whose proof is due, the oldest first, until none is left. One that its region is just replacing is left
 * alone: the renewal would stand behind the rotation and come too late for its epoch.
 */
export async function renewDueLinks(cmk: Cmk): Promise<void> {
  for (;;) {
    const due = await asPlatform(cmk.db, (trx) =>
      trx
        .selectFrom('links')
        .innerJoin('l1_keys', (join) =>
          join.onRef('l1_keys.tenant', '=', 'links.tenant').onRef('l1_keys.alias', '=', 'links.key_alias'),
        )
        .selectAll('links')
        .select('l1_keys.keystore')
        .where('links.state', '=', 'active')
        .where('links.renew_at', '<=', new Date())
        .where((eb) =>
          eb.not(
            eb.exists(
              eb
                .selectFrom('links as younger')
                .select('younger.epoch')
                .whereRef('younger.tenant', '=', 'links.tenant')
                .whereRef('younger.region', '=', 'links.region')
                .whereRef('younger.epoch', '>', 'links.epoch')
                .where('younger.opened_by', '=', 'rotate')
                .where('younger.state', '=', 'linking'),
            ),
          ),
        )
        .orderBy('links.renew_at')
        .limit(RENEW_BATCH)
        .execute(),
    );
    await byKeystore(due, async (link, keystoreAway) => {
      try {
        if (!keystoreAway) return await renew(cmk, link);
        await renewLater(cmk, link, 'KEYSTORE_UNREACHABLE');
        return 'UNREACHABLE';
      } catch (error) {
        const { tenant, region, epoch } = link;
        cmk.logger.error({ err: error, tenant, region, epoch }, 'a link could not be renewed');
        await renewLater(cmk, link, 'INTERNAL');
        return 'UNKNOWN';
      }
    });
    if (due.length < RENEW_BATCH) return;
  }
}

/** Returns what the keystore said of the key. */
async function renew(cmk: Cmk, link: Link): Promise<KeyState> {
  const { tenant, region, epoch } = link;
  if (link.wrapped_secret === null) throw new Error('an active link without a secret');
  const key = await asTenant(cmk.db, tenant, (trx) => requireKey(cmk, trx, tenant, link.key_alias));
  const provedAt = new Date();
  try {
    (await key.provider.unwrap(key.reference, link.wrapped_secret)).fill(0);
  } catch (error) {
    const state = stateOf(error);
    if (!(await judge(cmk, tenant, key, state))) await renewLater(cmk, link, `KEYSTORE_${state}`);
    return state;
  }
  const who = { actor: 'system:link-upkeep', correlationId: randomUUID() };
  try {
    await asTenant(cmk.db, tenant, async (trx) => {
      await lockTenant(trx, tenant);
      if ((await findLink(trx, link))?.state !== 'active') return;
      const job = await createRegionalJob(cmk, trx, {
        kind: 'RENEW',
        task: {
          region,
          payload: {
            tenant,
            epoch,
            provedAt: provedAt.toISOString(),
            expiresAt: new Date(provedAt.getTime() + cmk.link.ttlMs).toISOString(),
          },
        },
        correlationId: who.correlationId,
        // A renewal that a region has not had by the next one is replaced by it, since that carries a later expiry.
        deadlineMs: Math.max(1, Math.floor(cmk.link.renewEveryMs * 0.9)),
      });
      await advance(trx, link, ['active'], {
        renew_at: new Date(provedAt.getTime() + cmk.link.renewEveryMs),
      });
      await audit(trx, who, {
        tenant,
        action: 'link.renew',
        subject: `link:${tenant}/${region}/${epoch}`,
        outcome: 'accepted',
        detail: { job },
      });
    });
  } catch (error) {
    if (!(error instanceof JobConflictError)) throw error;
    await renewLater(cmk, link, null);
  }
  return 'ENABLED';
}

async function renewLater(cmk: Cmk, link: Link, error: string | null): Promise<void> {
  await asTenant(cmk.db, link.tenant, (trx) =>
    advance(trx, link, ['active'], {
      renew_at: new Date(Date.now() + cmk.link.probeEveryMs),
      ...(error === null ? {} : { error }),
    }),
  );
}

/**
 * Rotates links that their tenants' schedules have come due for, one batch in a round. The key is asked for first: under
 * one that cannot be used the keystore would make no secret, and a living link is worth more than a young one.
 */
export async function rotateDueLinks(cmk: Cmk): Promise<void> {
  const due = await asPlatform(cmk.db, (trx) =>
    trx
      .selectFrom('links')
      .innerJoin('l1_keys', (join) =>
        join.onRef('l1_keys.tenant', '=', 'links.tenant').onRef('l1_keys.alias', '=', 'links.key_alias'),
      )
      .selectAll('links')
      .select('l1_keys.keystore')
      .where('links.state', '=', 'active')
      .where('links.rotate_at', '<=', new Date())
      .orderBy('links.rotate_at')
      .limit(ROTATE_BATCH)
      .execute(),
  );
  await byKeystore(due, async (link, keystoreAway) => {
    const { tenant, region, epoch } = link;
    try {
      const state = keystoreAway ? 'UNREACHABLE' : await probe(cmk, tenant, link.key_alias);
      const who = { actor: 'system:link-upkeep', correlationId: randomUUID() };
      await asTenant(cmk.db, tenant, (trx) =>
        state === 'ENABLED'
          ? rotate(cmk, trx, who, link)
          : rotateLater(trx, link, Math.min(ROTATE_RETRY_MS, cmk.link.probeEveryMs)),
      );
      return state;
    } catch (error) {
      cmk.logger.error({ err: error, tenant, region, epoch }, 'a link could not be rotated');
      await asTenant(cmk.db, tenant, (trx) => rotateLater(trx, link, ROTATE_RETRY_MS));
      return 'UNKNOWN';
    }
  });
}

async function rotate(
  cmk: Cmk,
  trx: Trx,
  who: { actor: string; correlationId: string },
  link: Link,
): Promise<void> {
  await lockTenant(trx, link.tenant);
  try {
    await startRotationOf(cmk, trx, who, link);
  } catch (error) {
    if (!(error instanceof CmkError && error.code === 'LINK_BUSY')) throw error;
  }
  // Success closes this epoch; whatever else comes of it, there is another try.
  await rotateLater(trx, link, ROTATE_RETRY_MS);
}

/**
 * Works through the items of each keystore at its own pace, a few at a time since keystores meter their callers. Once
 * one was found away in this round, the rest of its items are told so instead of waiting for it each in turn: a
 * keystore that hangs must not delay the kill switch of the others.
 */
async function byKeystore<T extends { keystore: string }>(
  items: readonly T[],
  work: (item: T, keystoreAway: boolean) => Promise<KeyState>,
): Promise<void> {
  const groups = Map.groupBy(items, (item) => item.keystore);
  await Promise.all(
    [...groups.values()].map(async (queue) => {
      let away = false;
      const worker = async (): Promise<void> => {
        for (let item = queue.shift(); item !== undefined; item = queue.shift())
          if ((await work(item, away)) === 'UNREACHABLE') away = true;
      };
      await Promise.all(Array.from({ length: KEYSTORE_CONCURRENCY }, worker));
    }),
  );
}
