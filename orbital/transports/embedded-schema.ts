/** Tables and functions of the embedded broker (embedded-setup.ts), and what its clients have to know of them. */
import { ACK_WAIT_MS } from '../limits.ts';
import { reportChannel, statusChannel } from '../transport.ts';

/**
 * One NOTIFY channel for all queues, on which any login may listen and speak; the payload is a hash of the queue's
 * name, for brevity. It hides nothing: a login can see the names of the others in pg_roles, and when they get messages.
 * To be woken without need costs one look at an own queue.
 */
export const NOTIFY_CHANNEL = 'okcm_broker';
/** SQLSTATEs of our own. */
export const SQLSTATE = { full: 'OKFUL', tooLarge: 'OKBIG', notPermitted: '42501' } as const;
/** Governance publishes to regions that may be added later. */
export const EVERY_TASK_CHANNEL = 'okcm.tasks.*';

// Inside a security definer function `session_user` is still the login; the fixed search_path keeps a caller from
// putting objects of its own in the way.
const DEFINER = `security definer set search_path = pg_catalog, pg_temp`;

export const schemaSql = (): string => `
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

  create or replace function okcm_broker.end_old_transactions(p_age_ms integer) returns bigint
    language plpgsql ${DEFINER} as $$
    begin
      if not okcm_broker.permitted('publish', '${EVERY_TASK_CHANNEL}') then
        raise exception 'not permitted' using errcode = '${SQLSTATE.notPermitted}';
      end if;
      return (
        select count(pg_terminate_backend(pid)) from pg_stat_activity
        where datname = current_database() and usename <> session_user
          and usename in (select login from okcm_broker.permissions)
          and xact_start < clock_timestamp() - p_age_ms * interval '1 millisecond');
    end $$;

  revoke all on all tables in schema okcm_broker from public;
  revoke all on all functions in schema okcm_broker from public;
`;
