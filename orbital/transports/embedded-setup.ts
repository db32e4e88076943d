/**
 * The embedded broker: queues in a PostgreSQL server of their own, for installations without NATS or RabbitMQ. Nobody
 * but its owner touches the tables; governance and the regions call functions that check who has logged in
 * (`session_user`) against the channels that this login may publish to or consume from.
 */
import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import { OkcmError } from '../../platform/errors.ts';
import { ensureRole, withClient } from '../../platform/postgres-admin.ts';
import { ACK_WAIT_MS } from '../limits.ts';
import { channelPolicies, reportChannel, statusChannel, taskChannel } from '../transport.ts';

interface Login {
  readonly user: string;
  readonly password: string;
}
export interface EmbeddedBrokerUsers {
  readonly governance: Login;
  readonly regions: readonly (Login & { readonly name: string })[];
}

/**
 * One NOTIFY channel for all queues, on which any login may listen and speak; the payload is a hash of the queue's
 * name, for brevity. It hides nothing: a login can see the names of the others in pg_roles, and when they get messages.
 * To be woken without need costs one look at an own queue.
 */
export const NOTIFY_CHANNEL = 'okcm_broker';
/** SQLSTATEs of our own. */
export const SQLSTATE = { full: 'OKFUL', tooLarge: 'OKBIG', notPermitted: '42501' } as const;
/** Governance publishes to regions that may be added later. */
const EVERY_TASK_CHANNEL = 'okcm.tasks.*';
const SETUP_LOCK = 0x0cc3_b40c;
/** Where the lock of administrators is taken: a database that no login of ours can enter. */
const ADMIN_DATABASE = 'postgres';

/** Connections that no region can take: governance's, an administrator's, and room for a restart of either. */
const RESERVED_CONNECTIONS = 16;
/** One transport uses up to 5; a region that has several cores uses several. */
const MIN_REGION_CONNECTIONS = 6;
const MAX_REGION_CONNECTIONS = 40;

/**
 * Creates or brings up to date the broker's schema, its logins and what each may do. Safe to repeat and to run twice
 * at once. `adminUrl` names the broker's database and a superuser of its server. The server should be the broker's
 * own: its databases `postgres` and `template1` are closed to everybody but superusers.
 * @throws OkcmError BROKER_DATABASE, BROKER_CONNECTIONS; errors of the database
 */
export async function prepareEmbeddedBroker(adminUrl: string, users: EmbeddedBrokerUsers): Promise<void> {
  const lockUrl = new URL(adminUrl);
  if (decodeURIComponent(lockUrl.pathname.slice(1)) === ADMIN_DATABASE)
    throw new OkcmError('BROKER_DATABASE', 'the broker needs a database of its own');
  lockUrl.pathname = `/${ADMIN_DATABASE}`;
  const server = { url: lockUrl.href };
  await withClient(server, async (admin) => {
    await admin.query('select pg_advisory_lock($1)', [SETUP_LOCK]); // until this connection ends
    await admin.query('revoke connect, temporary on database postgres, template1 from public');
    const connectionLimit = await regionConnectionLimit(admin, users.regions.length);
    await ensureRole(server, { name: users.governance.user, password: users.governance.password });
    for (const { user, password } of users.regions)
      await ensureRole(server, { name: user, password, connectionLimit });
    await withClient({ url: adminUrl }, async (client) => {
      await client.query('begin');
      await bringUpToDate(client, users);
      await permit(client, users.governance.user, {
        publish: [EVERY_TASK_CHANNEL],
        consume: [statusChannel(), reportChannel()],
      });
      for (const region of users.regions)
        await permit(client, region.user, {
          publish: [statusChannel(), reportChannel()],
          consume: [taskChannel(region.name, 'urgent'), taskChannel(region.name, 'normal')],
        });
      await client.query('commit');
    });
  });
}

/** What all regions together can take leaves room for governance. */
async function regionConnectionLimit(admin: Client, regions: number): Promise<number> {
  const { rows } = await admin.query<{ usable: number }>(
    `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - current_setting('reserved_connections')::int as usable`,
  );
  const usable = (rows[0]?.usable ?? 0) - RESERVED_CONNECTIONS;
  const limit = Math.min(MAX_REGION_CONNECTIONS, Math.floor(usable / Math.max(1, regions)));
  if (limit < MIN_REGION_CONNECTIONS)
    throw new OkcmError(
      'BROKER_CONNECTIONS',
      `the broker's server has too few connections for ${regions} regions`,
      {
        hint: `raise max_connections by ${regions * MIN_REGION_CONNECTIONS - usable}`,
      },
    );
  return limit;
}

/**
 * Runs the schema only when it differs from the one that stands: its statements lock tables and would have to wait
 * for whatever transaction a region has left open, with everybody's publishing queued behind them.
 */
async function bringUpToDate(client: Client, users: EmbeddedBrokerUsers): Promise<void> {
  const wanted = createHash('sha256')
    .update(schemaSql())
    .update(JSON.stringify(channelPolicies))
    .digest('hex');
  const { rows: made } = await client.query<{ made: boolean }>(
    "select to_regclass('okcm_broker.version') is not null as made",
  );
  if (made[0]?.made === true) {
    const { rows } = await client.query<{ hash: string }>('select hash from okcm_broker.version');
    if (rows[0]?.hash === wanted) return;
  }
  // The regions come back by themselves; what they had open must not hold this up.
  await client.query(
    `select pg_terminate_backend(pid, 1000) from pg_stat_activity
       where datname = current_database() and usename = any($1::text[])`,
    [users.regions.map((region) => region.user)],
  );
  await client.query(schemaSql());
  for (const [family, policy] of Object.entries(channelPolicies))
    await client.query(
      `insert into okcm_broker.policies values ($1, $2, $3, $4, $5, $6)
         on conflict (family) do update set max_messages = excluded.max_messages, max_bytes = excluded.max_bytes,
           max_age_ms = excluded.max_age_ms, max_message_bytes = excluded.max_message_bytes,
           drop_oldest = excluded.drop_oldest`,
      [
        family,
        policy.maxMessages,
        policy.maxBytes,
        policy.maxAgeMs,
        policy.maxMessageBytes,
        policy.overflow === 'drop-oldest',
      ],
    );
  await client.query('delete from okcm_broker.version');
  await client.query('insert into okcm_broker.version values ($1)', [wanted]);
}

/** Replaces what a login may do. */
async function permit(
  client: Client,
  login: string,
  channels: { readonly publish: readonly string[]; readonly consume: readonly string[] },
): Promise<void> {
  await client.query('delete from okcm_broker.permissions where login = $1', [login]);
  for (const [action, names] of Object.entries(channels))
    await client.query('insert into okcm_broker.permissions select $1, $2, unnest($3::text[])', [
      login,
      action,
      names,
    ]);
  const role = client.escapeIdentifier(login);
  const { rows } = await client.query<{ name: string }>('select current_database() as name');
  const database = client.escapeIdentifier(rows[0]?.name ?? '');
  await client.query(`grant connect on database ${database} to ${role}`);
  await client.query(`grant usage on schema okcm_broker to ${role}`);
  for (const signature of CALLABLE)
    await client.query(`grant execute on function okcm_broker.${signature} to ${role}`);
}

const CALLABLE = [
  'publish(text, bytea)',
  'claim(text, integer)',
  'ack(bigint, uuid)',
  'nack(bigint, uuid, integer)',
] as const;

// Inside a security definer function `session_user` is still the login; the fixed search_path keeps a caller from
// putting objects of its own in the way.
const DEFINER = `security definer set search_path = pg_catalog, pg_temp`;

const schemaSql = (): string => `
  create schema if not exists okcm_broker;
  revoke all on schema okcm_broker from public;

  -- PostgreSQL gives these to everybody: temporary tables and large objects, which fill the disk, and advisory locks,
  -- which fill the table of locks.
  do $$
  declare
    given regprocedure;
  begin
    execute format('revoke all on database %I from public', current_database());
    for given in
      select oid::regprocedure from pg_proc
      where pronamespace = 'pg_catalog'::regnamespace
        and (proname ~ '^lo_' or proname in ('loread', 'lowrite') or proname ~ '^pg_(try_)?advisory_')
    loop
      execute format('revoke execute on function %s from public', given);
    end loop;
  end $$;
  revoke all on schema public from public;

  create table if not exists okcm_broker.version (hash text not null);
  create table if not exists okcm_broker.policies (
    family text primary key,
    max_messages integer not null,
    max_bytes bigint not null,
    max_age_ms integer not null,
    max_message_bytes integer not null,
    drop_oldest boolean not null
  );
  create table if not exists okcm_broker.permissions (
    login text not null,
    action text not null check (action in ('publish', 'consume')),
    channel text not null,
    primary key (login, action, channel)
  );
  create table if not exists okcm_broker.messages (
    id bigint generated always as identity primary key,
    channel text not null,
    body bytea not null,
    size_bytes integer not null,
    deliveries integer not null default 0,
    lease uuid,
    enqueued_at timestamptz not null default clock_timestamp(),
    available_at timestamptz not null default clock_timestamp()
  );
  create index if not exists messages_order on okcm_broker.messages (channel, id) include (size_bytes);
  create index if not exists messages_age on okcm_broker.messages (channel, enqueued_at);

  create or replace function okcm_broker.permitted(p_action text, p_channel text) returns boolean
    language sql stable ${DEFINER} as $$
      select exists (
        select from okcm_broker.permissions
        where login = session_user and action = p_action
          and (channel = p_channel
            or (channel = '${EVERY_TASK_CHANNEL}'
              and p_channel ~ '^okcm\\.tasks\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.(urgent|normal)$')))
    $$;

  create or replace function okcm_broker.policy(p_channel text) returns okcm_broker.policies
    language sql stable ${DEFINER} as $$
      select p from okcm_broker.policies p
      where family = case p_channel
        when '${statusChannel()}' then 'status' when '${reportChannel()}' then 'reports' else 'tasks' end
    $$;

  create or replace function okcm_broker.expire(p_channel text, p_max_age_ms integer) returns void
    language sql ${DEFINER} as $$
      delete from okcm_broker.messages where id in (
        select id from okcm_broker.messages
        where channel = p_channel and enqueued_at < clock_timestamp() - p_max_age_ms * interval '1 millisecond'
        limit 1000 for update skip locked)
    $$;

  create or replace function okcm_broker.publish(p_channel text, p_body bytea) returns void
    language plpgsql ${DEFINER} as $$
    declare
      policy okcm_broker.policies := okcm_broker.policy(p_channel);
      held record;
    begin
      if not okcm_broker.permitted('publish', p_channel) then
        raise exception 'not permitted' using errcode = '${SQLSTATE.notPermitted}';
      end if;
      if octet_length(p_body) > policy.max_message_bytes then
        raise exception 'message too large' using errcode = '${SQLSTATE.tooLarge}';
      end if;
      perform okcm_broker.expire(p_channel, policy.max_age_ms);
      select count(*) as number, coalesce(sum(size_bytes), 0) as bytes into held
        from okcm_broker.messages where channel = p_channel;
      if held.number >= policy.max_messages or held.bytes + octet_length(p_body) > policy.max_bytes then
        if not policy.drop_oldest then
          raise exception 'channel full' using errcode = '${SQLSTATE.full}';
        end if;
        delete from okcm_broker.messages where id in (
          select id from okcm_broker.messages where channel = p_channel
          order by id limit greatest(1, held.number - policy.max_messages * 9 / 10) for update skip locked);
      end if;
      insert into okcm_broker.messages (channel, body, size_bytes) values (p_channel, p_body, octet_length(p_body));
      perform pg_notify('${NOTIFY_CHANNEL}', md5(p_channel));
    end $$;

  create or replace function okcm_broker.claim(p_channel text, p_max integer)
    returns table (id bigint, body bytea, deliveries integer, lease uuid)
    language plpgsql ${DEFINER} as $$
    #variable_conflict use_column
    begin
      if not okcm_broker.permitted('consume', p_channel) then
        raise exception 'not permitted' using errcode = '${SQLSTATE.notPermitted}';
      end if;
      perform okcm_broker.expire(p_channel, (okcm_broker.policy(p_channel)).max_age_ms);
      return query
        update okcm_broker.messages m
          set deliveries = m.deliveries + 1, lease = gen_random_uuid(),
              available_at = clock_timestamp() + ${ACK_WAIT_MS} * interval '1 millisecond'
          where m.id in (
            select c.id from okcm_broker.messages c
            where c.channel = p_channel and c.available_at <= clock_timestamp()
            order by c.id limit least(p_max, 256) for update skip locked)
          returning m.id, m.body, m.deliveries, m.lease;
    end $$;

  create or replace function okcm_broker.ack(p_id bigint, p_lease uuid) returns void
    language sql ${DEFINER} as $$
      delete from okcm_broker.messages
        where id = p_id and lease = p_lease and okcm_broker.permitted('consume', channel)
    $$;

  create or replace function okcm_broker.nack(p_id bigint, p_lease uuid, p_delay_ms integer) returns void
    language sql ${DEFINER} as $$
      update okcm_broker.messages
        set lease = null, available_at = clock_timestamp() + p_delay_ms * interval '1 millisecond'
        where id = p_id and lease = p_lease and okcm_broker.permitted('consume', channel)
    $$;

  revoke all on all tables in schema okcm_broker from public;
  revoke all on all functions in schema okcm_broker from public;
`;
