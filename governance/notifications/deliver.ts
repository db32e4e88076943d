/**
 * Tells channels of audit events. The audit log is the outbox: an event is in it exactly if what it tells of was committed,
 * in the order in which it was. A channel is a place in its tenant's chain; it moves on when the event there has been
 * delivered, is not for this channel, or was given up. So nothing queues up anywhere, and whoever dies between delivering
 * and moving on delivers once more, under the same id. Nothing is sent inside a transaction (D13).
 */
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { backoffMs } from '../../platform/backoff.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import {
  NOTIFICATION_ATTEMPTS,
  NOTIFICATION_BATCH,
  NOTIFICATION_CLAIM_MS,
  NOTIFICATION_CONCURRENCY,
  NOTIFICATION_POLL_MS,
  NOTIFICATION_RETRY,
} from '../limits.ts';
import { startPeriodic } from '../periodic.ts';
import { asPlatform, asTenant, type Trx } from '../store/transactions.ts';
import type { Channel } from '../store/workflow-tables.ts';
import { DeliveryError } from './addresses.ts';
import { sendMail } from './email.ts';
import { isToldOf, type ToldEvent, toEnvelope, toMail } from './message.ts';
import type { NotificationSettings } from './settings.ts';
import { postWebhook } from './webhook.ts';

const ACTOR = 'system:notifications';

export interface Notifications {
  /** Looks for due channels now. */
  wake(): void;
  /** Waits for the deliveries in hand; one that is cut off here is made once more later. */
  stop(): Promise<void>;
}

/**
 * Tells due channels, NOTIFICATION_CONCURRENCY at once and one of a tenant: places that hang take a little of the time of
 * those who named them, and of nobody else.
 */
export function startNotifications(cmk: Cmk, settings: NotificationSettings): Notifications {
  const inHand = new Set<Promise<void>>();
  const work = startPeriodic('notifications', NOTIFICATION_POLL_MS, cmk.logger, async () => {
    while (inHand.size < NOTIFICATION_CONCURRENCY) {
      const channel = await claim(cmk);
      if (channel === undefined) return;
      const telling = tellOrLog(cmk, settings, channel).finally(() => {
        inHand.delete(telling);
        work.wake(); // a place is free
      });
      inHand.add(telling);
    }
  });
  return {
    wake: work.wake,
    stop: async () => {
      await work.stop();
      await Promise.all(inHand);
    },
  };
}

async function tellOrLog(cmk: Cmk, settings: NotificationSettings, channel: Channel): Promise<void> {
  try {
    await tellChannel(cmk, settings, channel);
  } catch (error) {
    // The database is away, most likely: the claim runs out, and the channel is taken up again.
    const { tenant, name } = channel;
    cmk.logger.error({ err: error, tenant, channel: name }, 'a channel could not be told');
  }
}

async function claim(cmk: Cmk): Promise<Channel | undefined> {
  return await asPlatform(cmk.db, (trx) =>
    trx
      .with('due', (db) =>
        db
          .selectFrom('notification_channels as c')
          .innerJoin('audit_heads as h', 'h.tenant', 'c.tenant')
          .select(['c.tenant', 'c.name'])
          .whereRef('h.sequence', '>', 'c.position')
          .where('c.next_attempt_at', '<=', sql<Date>`now()`)
          .where((eb) =>
            eb.not(
              eb.exists(
                eb
                  .selectFrom('notification_channels as claimed')
                  .select('claimed.name')
                  .whereRef('claimed.tenant', '=', 'c.tenant')
                  .where('claimed.claimed_until', '>', sql<Date>`now()`),
              ),
            ),
          )
          .orderBy('c.next_attempt_at')
          .limit(1)
          .forUpdate('c')
          .skipLocked(),
      )
      .updateTable('notification_channels')
      .from('due')
      .set({
        claim: randomUUID(),
        claimed_until: sql<Date>`now() + ${NOTIFICATION_CLAIM_MS} * interval '1 millisecond'`,
        // Whoever has been told goes behind those who have not.
        next_attempt_at: sql<Date>`now()`,
      })
      .whereRef('notification_channels.tenant', '=', 'due.tenant')
      .whereRef('notification_channels.name', '=', 'due.name')
      .returningAll('notification_channels')
      .executeTakeFirst(),
  );
}

/** Tells a channel what it has not been told, until it has or a delivery fails, and lets go of it. */
async function tellChannel(cmk: Cmk, settings: NotificationSettings, channel: Channel): Promise<void> {
  // Half of the claim is left to the last delivery, which is bounded itself.
  const end = Date.now() + NOTIFICATION_CLAIM_MS / 2;
  for (const event of await eventsBehind(cmk, channel)) {
    if (Date.now() > end) break;
    if (!isToldOf(event.action, channel.events)) {
      // Its place is kept at the latest when something is sent, or at the end.
      channel.position = String(event.sequence);
      continue;
    }
    try {
      await deliver(settings, channel, event);
    } catch (error) {
      if (!(error instanceof DeliveryError)) cmk.logger.error({ err: error }, 'a notification failed');
      await onFailure(cmk, channel, event, error instanceof DeliveryError ? error.code : 'INTERNAL');
      return;
    }
    cmk.metrics.notification('delivered');
    const told = { delivered_at: new Date(), attempts: 0, last_error: null };
    if (!(await moveOn(cmk, channel, event.sequence, told))) return;
  }
  if (channel.ends_at !== null && Number(channel.position) >= Number(channel.ends_at))
    await forget(cmk, channel);
  else await moveOn(cmk, channel, Number(channel.position), { claim: null, claimed_until: null });
}

async function forget(cmk: Cmk, { tenant, name, claim: own }: Channel): Promise<void> {
  await asTenant(cmk.db, tenant, (trx) =>
    trx
      .deleteFrom('notification_channels')
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .where('claim', '=', own)
      .execute(),
  );
}

async function eventsBehind(cmk: Cmk, { tenant, position, ends_at }: Channel): Promise<ToldEvent[]> {
  const rows = await asTenant(cmk.db, tenant, (trx) =>
    trx
      .selectFrom('audit_events')
      .select(['sequence', 'at', 'actor', 'action', 'subject', 'outcome', 'correlation_id', 'detail'])
      .where('tenant', '=', tenant)
      .where('sequence', '>', position)
      .$if(ends_at !== null, (query) => query.where('sequence', '<=', ends_at))
      .orderBy('sequence')
      .limit(NOTIFICATION_BATCH)
      .execute(),
  );
  return rows.map(({ sequence, correlation_id: correlationId, detail, ...event }) => ({
    tenant,
    sequence: Number(sequence),
    ...event,
    correlationId,
    detail: parsed(detail),
  }));
}

/** An event that somebody has damaged in the database stops nobody: whether the chain holds is for its verification to say. */
function parsed(detail: string): unknown {
  try {
    return JSON.parse(detail);
  } catch {
    return detail;
  }
}

async function deliver(settings: NotificationSettings, channel: Channel, event: ToldEvent): Promise<void> {
  const { config } = channel;
  if (config.kind === 'email') {
    if (settings.smtp === undefined) throw new DeliveryError('MAIL_OFF');
    return await sendMail(settings.smtp, toMail(event, config.to));
  }
  const secret = settings.secretOf(channel);
  try {
    await postWebhook(config.url, toEnvelope(event), secret, settings);
  } finally {
    secret.fill(0);
  }
}

/** The event is tried again, later each time, and given up in the end: the channel must get to what came after it. */
async function onFailure(cmk: Cmk, channel: Channel, event: ToldEvent, code: string): Promise<void> {
  const { tenant, name, attempts } = channel;
  cmk.logger.warn({ tenant, channel: name, sequence: event.sequence, code }, 'a notification did not arrive');
  if (attempts + 1 < NOTIFICATION_ATTEMPTS) {
    cmk.metrics.notification('failed');
    const waitMs = NOTIFICATION_RETRY.baseMs / 2 + backoffMs(attempts, NOTIFICATION_RETRY);
    await moveOn(cmk, channel, Number(channel.position), {
      attempts: attempts + 1,
      next_attempt_at: new Date(Date.now() + waitMs),
      last_error: code,
      claim: null,
      claimed_until: null,
    });
    return;
  }
  cmk.metrics.notification('lost');
  await asTenant(cmk.db, tenant, async (trx) => {
    const given = {
      attempts: 0,
      next_attempt_at: new Date(),
      last_error: code,
      lost: Number(channel.lost) + 1,
      claim: null,
      claimed_until: null,
    };
    // Where nothing more is to be told, the next event is not waited for a day as well.
    if (!(await place(trx, channel, Number(channel.ends_at ?? event.sequence), given))) return;
    await audit(
      trx,
      { actor: ACTOR, correlationId: event.correlationId },
      {
        tenant,
        action: 'notification.lost',
        subject: `notification:${tenant}/${name}`,
        outcome: 'failed',
        detail: { event: event.sequence, action: event.action, error: code, attempts: attempts + 1 },
      },
    );
  });
}

type Change = Parameters<typeof place>[3];

const moveOn = (cmk: Cmk, channel: Channel, position: number, change: Change): Promise<boolean> =>
  asTenant(cmk.db, channel.tenant, (trx) => place(trx, channel, position, change));

/** Changes the channel while the claim on it is ours: one that was slower than its claim has nothing more to say. */
async function place(
  trx: Trx,
  channel: Channel,
  position: number,
  change: Partial<{
    attempts: number;
    next_attempt_at: Date;
    last_error: string | null;
    delivered_at: Date;
    lost: number;
    claim: null;
    claimed_until: null;
  }>,
): Promise<boolean> {
  const placed = await trx
    .updateTable('notification_channels')
    .set({ ...change, position })
    .where('tenant', '=', channel.tenant)
    .where('name', '=', channel.name)
    .where('claim', '=', channel.claim)
    .executeTakeFirst();
  channel.position = String(position);
  if (change.attempts !== undefined) channel.attempts = change.attempts;
  return placed.numUpdatedRows > 0n;
}
