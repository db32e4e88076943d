/** Where a tenant wants to be told of what is decided and of what happens to its keys, and how far each place has been told. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { lockTenant, requireTenant } from '../domain/lookups.ts';
import { instant, instantOrNull } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_CHANNELS_PER_TENANT, MAX_LEAVING_CHANNELS } from '../limits.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import type { Channel, ChannelConfig } from '../store/workflow-tables.ts';
import { defaultEvents } from './message.ts';
import type { NotificationSettings } from './settings.ts';
import { secretText, whyRefused } from './webhook.ts';

export interface ChannelView {
  name: string;
  kind: ChannelConfig['kind'];
  /** Of a webhook. */
  url: string | null;
  /** Of mail. */
  to: string[] | null;
  events: string[];
  /** Audit events that this channel has not come to yet. */
  behind: number;
  /** Failures in a row of the event that comes next, and the last of them. */
  attempts: number;
  error: string | null;
  nextAttemptAt: string | null;
  deliveredAt: string | null;
  /** Events that were given up. */
  lost: number;
  createdAt: string;
}

/** Errors: TENANT_UNKNOWN. */
export async function listChannels(cmk: Cmk, tenant: string): Promise<ChannelView[]> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    const rows = await trx
      .selectFrom('notification_channels')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('ends_at', 'is', null)
      .orderBy('name')
      .execute();
    const head = await headOf(trx, tenant);
    return rows.map((row) => toView(row, head));
  });
}

export interface ChannelWish {
  readonly tenant: string;
  readonly name: string;
  readonly config: ChannelConfig;
  /** defaultEvents when left out. */
  readonly events?: readonly string[];
}

/**
 * Makes the channel, or changes it; where it told before is told of that, too. A webhook's secret is told when it is made, and at no other time but when it is
 * replaced. Errors: TENANT_UNKNOWN, NOTIFICATIONS_OFF, CHANNEL_REFUSED, ALREADY_EXISTS (of the other kind), LIMIT_REACHED.
 */
export async function putChannel(
  cmk: Cmk,
  who: Actor,
  { tenant, name, config, events = defaultEvents }: ChannelWish,
): Promise<{ channel: ChannelView; secret: string | null }> {
  const settings = settingsFor(cmk, config);
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const head = await headOf(trx, tenant);
    const change = { config: JSON.stringify(config), events: [...new Set(events)].sort() };
    const present = await find(trx, tenant, name);
    if (present !== undefined && present.kind !== config.kind)
      throw new CmkError('ALREADY_EXISTS', `the channel ${name} is a ${present.kind}`);
    const row =
      present === undefined
        ? await insert(trx, { tenant, name, id: randomUUID(), kind: config.kind, ...change, position: head })
        : await trx
            .updateTable('notification_channels')
            .set({ ...change, attempts: 0, next_attempt_at: new Date(), last_error: null })
            .where('tenant', '=', tenant)
            .where('name', '=', name)
            .returningAll()
            .executeTakeFirstOrThrow();
    await tell(trx, who, row, present === undefined ? 'create' : 'change', {
      kind: row.kind,
      events: row.events,
    });
    // What is on its way goes where it was to go, and so does that it ends there.
    if (present === undefined) await startBehind(trx, row);
    else if (!isDeepStrictEqual([present.config, present.events], [row.config, row.events]))
      await letLeave(trx, present);
    const secret = present === undefined ? secretOf(settings, row) : null;
    return { channel: toView(row, head), secret };
  });
}

/** A fresh secret; the one before signs nothing from here on. Errors: CHANNEL_UNKNOWN, CHANNEL_REFUSED, NOTIFICATIONS_OFF. */
export async function replaceSecret(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  name: string,
): Promise<{ secret: string }> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const { config } = await requireChannel(trx, tenant, name);
    if (config.kind !== 'webhook')
      throw new CmkError('CHANNEL_REFUSED', `${name} is mail, which has no secret`);
    const settings = settingsFor(cmk, config);
    const row = await trx
      .updateTable('notification_channels')
      .set((eb) => ({ generation: eb('generation', '+', 1) }))
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .returningAll()
      .executeTakeFirstOrThrow();
    await tell(trx, who, row, 'secret', { generation: row.generation });
    return { secret: secretOf(settings, row) ?? '' };
  });
}

/** Tries the event that is waiting now instead of later. Errors: CHANNEL_UNKNOWN. */
export async function retryChannel(cmk: Cmk, who: Actor, tenant: string, name: string): Promise<ChannelView> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    await requireChannel(trx, tenant, name);
    const row = await trx
      .updateTable('notification_channels')
      .set({ next_attempt_at: new Date() })
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .returningAll()
      .executeTakeFirstOrThrow();
    await tell(trx, who, row, 'retry');
    return toView(row, await headOf(trx, tenant));
  });
}

/** It is told that it goes, and what it had not been told before. Errors: CHANNEL_UNKNOWN, LIMIT_REACHED. */
export async function removeChannel(cmk: Cmk, who: Actor, tenant: string, name: string): Promise<void> {
  await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    const row = await requireChannel(trx, tenant, name);
    await trx
      .deleteFrom('notification_channels')
      .where('tenant', '=', tenant)
      .where('name', '=', name)
      .execute();
    await tell(trx, who, row, 'remove');
    await letLeave(trx, row);
  });
}

/** A channel that was just made begins behind the event that says so. */
async function startBehind(trx: Trx, { tenant, name }: Channel): Promise<void> {
  await trx
    .updateTable('notification_channels')
    .set({ position: await headOf(trx, tenant) })
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .execute();
}

/** What the channel was is told up to this moment, under a name that no other has, and goes then (deliver.ts). */
async function letLeave(trx: Trx, channel: Channel): Promise<void> {
  const { tenant, name, config, position, lost } = channel;
  const leaving = await trx
    .selectFrom('notification_channels')
    .select('name')
    .where('tenant', '=', tenant)
    .where('ends_at', 'is not', null)
    .execute();
  if (leaving.length >= MAX_LEAVING_CHANNELS)
    throw new CmkError(
      'LIMIT_REACHED',
      `${MAX_LEAVING_CHANNELS} changes of channels of ${tenant} have not been told yet`,
    );
  const endsAt = await headOf(trx, tenant);
  await trx
    .insertInto('notification_channels')
    .values({
      ...channel,
      name: `${name}/${endsAt}`,
      config: JSON.stringify(config),
      position: Number(position),
      lost: Number(lost),
      ends_at: endsAt,
      next_attempt_at: new Date(),
      claim: null,
      claimed_until: null,
    })
    .execute();
}

/** Refuses what could never be delivered. */
function settingsFor(cmk: Cmk, config: ChannelConfig): NotificationSettings {
  const settings = cmk.notifications;
  if (settings === undefined) throw new CmkError('NOTIFICATIONS_OFF', 'no notifications are configured');
  if (config.kind === 'email') {
    if (settings.smtp === undefined) throw new CmkError('NOTIFICATIONS_OFF', 'no mail server is configured');
    return settings;
  }
  const why = whyRefused(config.url, settings);
  if (why !== undefined) throw new CmkError('CHANNEL_REFUSED', `the webhook's address is refused: ${why}`);
  return settings;
}

async function insert(
  trx: Trx,
  row: {
    tenant: string;
    name: string;
    id: string;
    kind: ChannelConfig['kind'];
    config: string;
    events: string[];
    position: number;
  },
): Promise<Channel> {
  const { count } = await trx
    .selectFrom('notification_channels')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('tenant', '=', row.tenant)
    .where('ends_at', 'is', null)
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_CHANNELS_PER_TENANT)
    throw new CmkError('LIMIT_REACHED', `a tenant has at most ${MAX_CHANNELS_PER_TENANT} channels`);
  return await trx.insertInto('notification_channels').values(row).returningAll().executeTakeFirstOrThrow();
}

const find = async (trx: Trx, tenant: string, name: string): Promise<Channel | undefined> =>
  await trx
    .selectFrom('notification_channels')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('name', '=', name)
    .executeTakeFirst();

async function requireChannel(trx: Trx, tenant: string, name: string): Promise<Channel> {
  const row = await find(trx, tenant, name);
  if (row === undefined) throw new CmkError('CHANNEL_UNKNOWN', `${tenant} has no channel ${name}`);
  return row;
}

/** How long the tenant's audit chain is. */
async function headOf(trx: Trx, tenant: string): Promise<number> {
  const head = await trx
    .selectFrom('audit_heads')
    .select('sequence')
    .where('tenant', '=', tenant)
    .executeTakeFirst();
  return Number(head?.sequence ?? 0);
}

function secretOf(settings: NotificationSettings, channel: Channel): string | null {
  if (channel.kind !== 'webhook') return null;
  const secret = settings.secretOf(channel);
  try {
    return secretText(secret);
  } finally {
    secret.fill(0);
  }
}

async function tell(
  trx: Trx,
  who: Actor,
  { tenant, name }: Channel,
  what: string,
  detail: Record<string, unknown> = {},
): Promise<void> {
  await audit(trx, who, {
    tenant,
    action: `notification.${what}`,
    subject: `notification:${tenant}/${name}`,
    outcome: 'accepted',
    detail,
  });
}

function toView(row: Channel, head: number): ChannelView {
  const { config } = row;
  return {
    name: row.name,
    kind: row.kind,
    url: config.kind === 'webhook' ? config.url : null,
    to: config.kind === 'email' ? [...config.to] : null,
    events: row.events,
    behind: Math.max(0, head - Number(row.position)),
    attempts: row.attempts,
    error: row.last_error,
    nextAttemptAt: row.attempts === 0 ? null : instant(row.next_attempt_at),
    deliveredAt: instantOrNull(row.delivered_at),
    lost: Number(row.lost),
    createdAt: instant(row.created_at),
  };
}
