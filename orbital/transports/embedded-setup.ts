/**
 * The embedded broker: queues in a PostgreSQL server of their own, for installations without NATS or RabbitMQ. Nobody
 * but its owner touches the tables; governance and the regions call functions that check who has logged in
 * (`session_user`) against the channels that this login may publish to or consume from.
 */
import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import { OkcmError } from '../../platform/errors.ts';
import { ensureRole, withClient } from '../../platform/postgres-admin.ts';
import { channelPolicies, reportChannel, statusChannel, taskChannel } from '../transport.ts';
import { EVERY_TASK_CHANNEL, schemaSql } from './embedded-schema.ts';

interface Login {
  readonly user: string;
  readonly password: string;
}
export interface EmbeddedBrokerUsers {
  readonly governance: Login;
  readonly regions: readonly (Login & { readonly name: string })[];
}

const SETUP_LOCK = 0x0cc3_b40c;
/** Where the lock of administrators is taken: a database that no login of ours can enter. */
const ADMIN_DATABASE = 'postgres';

/** Connections that no region can take: governance's, an administrator's, and room for a restart of either. */
const RESERVED_CONNECTIONS = 16;
/** One transport uses up to 5; a region that has several cores uses several. */
const MIN_REGION_CONNECTIONS = 6;
const MAX_REGION_CONNECTIONS = 40;
/** Of one connection. The broker's own functions write none; a sort of whatever a login invents could fill the disk. */
const REGION_TEMPORARY_FILES = '16MB';

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
    for (const { user, password } of users.regions) {
      await ensureRole(server, { name: user, password, connectionLimit });
      // Set by a superuser, which the login cannot undo.
      const role = admin.escapeIdentifier(user);
      await admin.query(`alter role ${role} set temp_file_limit = '${REGION_TEMPORARY_FILES}'`);
    }
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
  'end_old_transactions(integer)', // refuses regions
] as const;
