/**
 * The worker between LINK_PREPARE and LINK or ROTATE_LINK: it has the keystore make a link secret, seals it to the region's key, wipes
 * it, and only then opens the transaction that stores the wrapped form and creates the job. No external call is
 * made inside a transaction (D13). A crash leaves the row in `sealing`; when the claim has run out, it is taken up
 * again with a new secret, and the lost one was never stored anywhere.
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { parseRegionId, parseTenantId, type Sealed } from '../../contracts/index.ts';
import { type LinkSealContext, SealingError, sealLinkSecret } from '../../contracts/sealing.ts';
import { backoffMs, waitAtMost } from '../../platform/backoff.ts';
import { errorMessage } from '../../platform/errors.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createRegionalJob } from '../dispatch/jobs.ts';
import { probeSoon } from '../domain/key-states.ts';
import { requireKey, type UsableKey } from '../domain/keys.ts';
import { lockTenant } from '../domain/lookups.ts';
import { KeystoreError, MAX_WRAPPED_LENGTH, PASSING } from '../keystores/provider.ts';
import {
  rotateDeadlineMs,
  SEAL_CLAIM_MS,
  SEAL_CONCURRENCY,
  SEAL_POLL_MS,
  SEAL_RETRY,
  SEAL_STOP_MS,
} from '../limits.ts';
import { startPeriodic } from '../periodic.ts';
import type { Link } from '../store/schema.ts';
import { asPlatform, asTenant } from '../store/transactions.ts';
import { advance, findLink } from './rows.ts';

const ACTOR = 'system:link-worker';

export interface Sealing {
  /** Looks for due links now. */
  wake(): void;
  /**
   * Waits a little for the links in hand. What is not done by then is left as a crash would leave it: the next worker
   * takes it up when the claim has run out.
   */
  stop(): Promise<void>;
}

/**
 * Seals due links, at most SEAL_CONCURRENCY at once, each on its own: a keystore that hangs holds up the tenants who
 * use it and nobody else.
 */
export function startSealing(cmk: Cmk, claimMs = SEAL_CLAIM_MS): Sealing {
  const inHand = new Set<Promise<void>>();
  const work = startPeriodic('seal links', SEAL_POLL_MS, cmk.logger, async () => {
    const free = SEAL_CONCURRENCY - inHand.size;
    if (free === 0) return;
    for (const link of await claim(cmk, claimMs, free)) {
      const sealing = sealOrSayWhyNot(cmk, link).finally(() => {
        inHand.delete(sealing);
        work.wake(); // a place is free
      });
      inHand.add(sealing);
    }
  });
  return {
    wake: work.wake,
    stop: async () => {
      await work.stop();
      await waitAtMost(SEAL_STOP_MS, Promise.all(inHand));
    },
  };
}

async function sealOrSayWhyNot(cmk: Cmk, link: Link): Promise<void> {
  try {
    try {
      await seal(cmk, link);
    } catch (error) {
      if (error instanceof KeystoreError) await onKeystoreRefusal(cmk, link, error);
      else if (error instanceof SealingError) await fail(cmk, link, 'REGION_KEY_UNUSABLE');
      else throw error;
    }
  } catch (error) {
    // The database is away, most likely: the claim runs out, and the link is taken up again.
    const { tenant, region, epoch, correlation_id: correlationId } = link;
    cmk.logger.error({ err: error, tenant, region, epoch, correlationId }, 'a link could not be sealed');
  }
}

async function claim(cmk: Cmk, claimMs: number, atMost: number): Promise<Link[]> {
  return await asPlatform(cmk.db, (trx) =>
    trx
      .with('due', (db) =>
        db
          .selectFrom('links')
          .select(['tenant', 'region', 'epoch'])
          .where('state', '=', 'sealing')
          .where('next_attempt_at', '<=', sql<Date>`now()`)
          .where((eb) => eb.or([eb('claimed_until', 'is', null), eb('claimed_until', '<', sql<Date>`now()`)]))
          .orderBy('next_attempt_at')
          .limit(atMost)
          .forUpdate()
          .skipLocked(),
      )
      .updateTable('links')
      .from('due')
      .set({
        claim: randomUUID(),
        claimed_until: sql<Date>`now() + ${claimMs} * interval '1 millisecond'`,
        attempts: sql<number>`attempts + 1`,
      })
      .whereRef('links.tenant', '=', 'due.tenant')
      .whereRef('links.region', '=', 'due.region')
      .whereRef('links.epoch', '=', 'due.epoch')
      .returningAll('links')
      .execute(),
  );
}

async function seal(cmk: Cmk, link: Link): Promise<void> {
  const { tenant, region, epoch, previous_epoch: previousEpoch } = link;
  const publicKey = link.region_public_key;
  if (publicKey === null) throw new Error('a link is to be sealed without a key of its region');
  const { key, previous } = await asTenant(cmk.db, tenant, async (trx) => ({
    key: await requireKey(cmk, trx, tenant, link.key_alias),
    previous:
      previousEpoch === null ? undefined : await findLink(trx, { tenant, region, epoch: previousEpoch }),
  }));
  const previousKey =
    previous === undefined
      ? undefined
      : await asTenant(cmk.db, tenant, (trx) => requireKey(cmk, trx, tenant, previous.key_alias));

  // Chosen before it exists, since the secrets are bound to it: no other job can carry them (D1).
  const jobId = randomUUID();
  const context = { tenant: parseTenantId(tenant), region: parseRegionId(region), epoch, job: jobId };
  // Before the call: the proof is never younger than it says.
  const provedAt = new Date();
  const fresh = await key.provider.generateDataKey(key.reference);
  let secret: Sealed;
  try {
    if (fresh.wrapped.length > MAX_WRAPPED_LENGTH)
      throw new KeystoreError(
        'UNKNOWN',
        `the wrapped secret is longer than ${MAX_WRAPPED_LENGTH} characters`,
      );
    secret = await sealLinkSecret(publicKey, fresh.plaintext, { ...context, purpose: 'fresh' });
  } finally {
    fresh.plaintext.fill(0);
  }
  const carried =
    previous === undefined || previousKey === undefined
      ? undefined
      : { epoch: previous.epoch, secret: await sealPrevious(previous, previousKey, publicKey, context) };
  const expiresAt = new Date(provedAt.getTime() + cmk.link.ttlMs);

  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const current = await findLink(trx, link);
    // An UNLINK or another worker came first: what was made here is forgotten.
    if (current?.state !== 'sealing' || current.claim !== link.claim) return;
    const payload = {
      tenant,
      epoch,
      provedAt: provedAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
      secret,
    };
    const common = { jobId, correlationId: link.correlation_id };
    const job =
      link.opened_by === 'rotate'
        ? await createRegionalJob(cmk, trx, {
            ...common,
            kind: 'ROTATE_LINK',
            task: { region, payload },
            deadlineMs: rotateDeadlineMs(cmk.link.ttlMs),
          })
        : await createRegionalJob(cmk, trx, {
            ...common,
            kind: 'LINK',
            task: { region, payload: carried === undefined ? payload : { ...payload, previous: carried } },
            deadlineMs: cmk.link.ttlMs,
          });
    await advance(trx, link, ['sealing'], {
      state: 'linking',
      wrapped_secret: fresh.wrapped,
      proved_at: provedAt,
      job,
      error: null,
      claim: null,
      claimed_until: null,
      attempts: 0,
    });
    await probeSoon(trx, tenant, link.key_alias);
    await audit(
      trx,
      { actor: ACTOR, correlationId: link.correlation_id },
      {
        tenant,
        action: 'link.seal',
        subject: `link:${tenant}/${region}/${epoch}`,
        outcome: 'succeeded',
        detail: {
          key: link.key_alias,
          previous: carried?.epoch ?? null,
          expiresAt: expiresAt.toISOString(),
          job,
        },
      },
    );
  });
}

async function sealPrevious(
  previous: Link,
  key: UsableKey,
  publicKey: Buffer,
  context: Omit<LinkSealContext, 'purpose'>,
): Promise<Sealed> {
  if (previous.wrapped_secret === null) throw new Error('the previous epoch has no secret to carry');
  const plaintext = await key.provider.unwrap(key.reference, previous.wrapped_secret);
  try {
    return await sealLinkSecret(publicKey, plaintext, { ...context, purpose: 'previous' });
  } finally {
    plaintext.fill(0);
  }
}

/** A provider that is away or unclear is asked again; one that refuses ends the attempt, and the row says why. */
async function onKeystoreRefusal(cmk: Cmk, link: Link, error: KeystoreError): Promise<void> {
  cmk.metrics.keystoreAnswer(error.state);
  const { tenant, region, epoch, correlation_id: correlationId } = link;
  cmk.logger.warn({ tenant, region, epoch, correlationId, state: error.state }, errorMessage(error));
  if (PASSING.has(error.state)) return await retryLater(cmk, link, error.code);
  await fail(cmk, link, error.code);
}

async function fail(cmk: Cmk, link: Link, error: string): Promise<void> {
  const { tenant, region, epoch, correlation_id: correlationId } = link;
  await asTenant(cmk.db, tenant, async (trx) => {
    const current = await findLink(trx, link);
    if (current?.claim !== link.claim) return;
    if (!(await advance(trx, link, ['sealing'], { state: 'failed', error, claim: null }))) return;
    await audit(
      trx,
      { actor: ACTOR, correlationId },
      {
        tenant,
        action: 'link.seal',
        subject: `link:${tenant}/${region}/${epoch}`,
        outcome: 'failed',
        detail: { error },
      },
    );
  });
}

async function retryLater(cmk: Cmk, link: Link, error: string): Promise<void> {
  const waitMs = SEAL_RETRY.baseMs / 2 + backoffMs(link.attempts, SEAL_RETRY);
  await asTenant(cmk.db, link.tenant, (trx) =>
    advance(trx, link, ['sealing'], {
      error,
      claim: null,
      claimed_until: null,
      next_attempt_at: new Date(Date.now() + waitMs),
    }),
  );
}
