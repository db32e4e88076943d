// The embedded broker keeps the contract, and its tables are out of reach for everybody who may log in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withClient } from '../../platform/postgres-admin.ts';
import { waitedMs } from '../../testkit/clocks.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { freshPostgres, testDatabase, testPostgres } from '../../testkit/postgres.ts';
import { startProxy } from '../../testkit/proxy.ts';
import { connectTransport } from '../connect.ts';
import { MAX_REGION_TRANSACTION_MS, TRANSACTION_WATCH_MS } from '../limits.ts';
import { type TransportRole, taskChannel } from '../transport.ts';
import { prepareEmbeddedBroker } from './embedded-setup.ts';
import { eventually, transportContract } from './transport.contract.ts';

const users = {
  governance: { user: 'okcm_governance', password: 'g-secret' },
  regions: [
    { name: 'north', user: 'okcm_north', password: 'n-secret' },
    { name: 'south', user: 'okcm_south', password: 's/secret?#@' },
  ],
};
const loginOf = (role: TransportRole) => {
  const login =
    role.plane === 'governance' ? users.governance : users.regions.find((each) => each.name === role.region);
  assert.ok(login);
  return { user: login.user, password: login.password };
};

transportContract('the embedded broker', async () => {
  const directory = temporaryDirectory('broker');
  let server = await freshPostgres({ directory });
  const { port } = server;
  const { name, url } = await testDatabase(server);
  await prepareEmbeddedBroker(url, users);
  await prepareEmbeddedBroker(url, users); // safe to repeat
  return {
    openNetwork: () => startProxy({ targetPort: port }),
    connect: (role, { port: through = port, ...options } = {}) =>
      connectTransport(`postgres://127.0.0.1:${through}/${name}`, role, {
        ...options,
        credentials: loginOf(role),
      }),
    kill: () => server.kill(),
    start: async () => {
      server = await freshPostgres({ directory, port });
    },
    end: () => server.stop(),
  };
});

test('a login can reach the queues through the functions only, and only its own', async () => {
  const server = await testPostgres();
  const database = await testDatabase();
  await prepareEmbeddedBroker(database.url, users);
  const as = (login: { user: string; password: string }) => ({ url: server.url(database.name, login) });
  const [north] = users.regions;
  assert.ok(north);

  await withClient(as(users.governance), (client) =>
    client.query('select okcm_broker.publish($1, $2)', [taskChannel('south', 'urgent'), Buffer.from('x')]),
  );
  await withClient(as(north), async (client) => {
    const refused = { code: '42501' };
    for (const statement of [
      'select * from okcm_broker.messages',
      'select * from okcm_broker.permissions',
      "insert into okcm_broker.permissions values ('okcm_north', 'consume', 'okcm.tasks.south.urgent')",
      'delete from okcm_broker.messages',
      "select * from okcm_broker.claim('okcm.tasks.south.urgent', 1)",
      "select okcm_broker.publish('okcm.tasks.north.urgent', 'x')",
      "select okcm_broker.expire('okcm.tasks.south.urgent', 0)",
      'create table okcm_broker.mine ()',
      'set role okcm_governance',
      'create temporary table mine (n integer)',
      'create table public.mine (n integer)',
      "select lo_from_bytea(0, 'x')",
      'select pg_advisory_lock(4711001)',
      'select pg_try_advisory_xact_lock_shared(1, 2)',
    ])
      await assert.rejects(client.query(statement), refused, statement);
  });
  const left = await withClient({ url: database.url }, (client) =>
    client.query<{ id: string; lease: string | null }>('select id, lease from okcm_broker.messages'),
  );
  assert.equal(left.rows.length, 1);
  // Even somebody who knows the number and the lease of a message cannot settle it for its region.
  const south = users.regions[1];
  assert.ok(south);
  const [claimed] = (
    await withClient(as(south), (client) =>
      client.query<{ id: string; lease: string }>(
        "select id, lease from okcm_broker.claim('okcm.tasks.south.urgent', 1)",
      ),
    )
  ).rows;
  assert.ok(claimed);
  await withClient(as(north), (client) =>
    client.query('select okcm_broker.ack($1, $2)', [claimed.id, claimed.lease]),
  );
  const kept = await withClient({ url: database.url }, (client) =>
    client.query('select from okcm_broker.messages'),
  );
  assert.equal(kept.rows.length, 1);
  await database.drop();
});

test('a full queue refuses tasks, and forgets its oldest reports', async () => {
  const server = await testPostgres();
  const database = await testDatabase();
  await prepareEmbeddedBroker(database.url, users);
  await withClient({ url: database.url }, (client) =>
    client.query('update okcm_broker.policies set max_messages = 10'),
  );
  const address = server.url(database.name);
  const governance = await connectTransport(
    address,
    { plane: 'governance' },
    { credentials: users.governance },
  );
  const [north] = users.regions;
  assert.ok(north);
  const region = await connectTransport(
    address,
    { plane: 'region', region: 'north' },
    { credentials: north },
  );
  while (!(governance.healthy() && region.healthy())) await new Promise((resolve) => setTimeout(resolve, 5));
  const message = Buffer.from('x');
  for (let i = 0; i < 10; i++) await governance.publish(taskChannel('north', 'normal'), message);
  await assert.rejects(governance.publish(taskChannel('north', 'normal'), message), { code: 'CHANNEL_FULL' });
  for (let i = 0; i < 25; i++) await region.publish('okcm.reports', Buffer.from(String(i)));
  const { rows } = await withClient({ url: database.url }, (client) =>
    client.query<{ body: Buffer }>(
      "select body from okcm_broker.messages where channel = 'okcm.reports' order by id",
    ),
  );
  assert.ok(rows.length <= 10);
  assert.equal(rows.at(-1)?.body.toString(), '24');
  await Promise.all([governance.close(), region.close()]);
  await database.drop();
});

test('a dead network is noticed in bounded time, and left behind when it lives again', async () => {
  const server = await testPostgres();
  const database = await testDatabase();
  await prepareEmbeddedBroker(database.url, users);
  const proxy = await startProxy({ targetPort: server.port });
  const transport = await connectTransport(
    `postgres://127.0.0.1:${proxy.port}/${database.name}`,
    { plane: 'governance' },
    { credentials: users.governance },
  );
  await eventually('it is healthy', () => transport.healthy());
  proxy.swallow();
  const tookMs = await waitedMs(() =>
    assert.rejects(transport.publish(taskChannel('north', 'urgent'), Buffer.from('x')), {
      code: 'BROKER_UNAVAILABLE',
    }),
  );
  assert.ok(tookMs < 4_000, `${tookMs} ms`);
  assert.equal(transport.healthy(), false);
  proxy.resume();
  await eventually('it is healthy again', () => transport.healthy());
  await transport.publish(taskChannel('north', 'urgent'), Buffer.from('y'));
  await transport.close();
  await proxy.close();
  await database.drop();
});

test('the setup refuses the database that administrators lock in', async () => {
  const server = await testPostgres();
  await assert.rejects(prepareEmbeddedBroker(server.url('postgres'), users), { code: 'BROKER_DATABASE' });
});

test('a region can neither enter other databases nor hold up governance', async () => {
  const server = await freshPostgres();
  const database = await testDatabase(server);
  await prepareEmbeddedBroker(database.url, users);
  const [north] = users.regions;
  assert.ok(north);
  const as = (login: { user: string; password: string }, name = database.name) => ({
    url: server.url(name, login),
  });
  for (const other of ['postgres', 'template1'])
    await assert.rejects(
      withClient(as(north, other), () => Promise.resolve()),
      { code: '42501' },
    );

  await withClient(as(north), async (hostile) => {
    // A transaction that stays open, with locks on all that its login can reach.
    await hostile.query('begin');
    await hostile.query("select * from okcm_broker.claim('okcm.tasks.north.urgent', 1)");
    await hostile.query("select okcm_broker.publish('okcm.status', 'x')");
    const publish = [taskChannel('south', 'urgent'), Buffer.from('x')];
    const tookMs = await waitedMs(async () => {
      await prepareEmbeddedBroker(database.url, users);
      await withClient(as(users.governance), (client) =>
        client.query('select okcm_broker.publish($1, $2)', publish),
      );
    });
    assert.ok(tookMs < 3_000, `${tookMs} ms`);
    await hostile.query('rollback');
  });

  // Every region takes what it can get.
  const taken: (() => void)[] = [];
  const held = users.regions.flatMap((region) =>
    Array.from({ length: 110 }, () =>
      withClient(as(region), () => new Promise<void>((resolve) => taken.push(resolve))),
    ),
  );
  const outcomes = Promise.allSettled(held);
  const refused: unknown[] = [];
  for (const each of held) each.catch((error: unknown) => refused.push(error));
  await eventually(
    'all have been let in or turned away',
    () => taken.length + refused.length === held.length,
  );
  assert.ok(refused.length > 0, 'nobody was turned away');
  await Promise.all(
    Array.from({ length: 10 }, () =>
      withClient(as(users.governance), (client) =>
        client.query('select okcm_broker.publish($1, $2)', [
          taskChannel('south', 'urgent'),
          Buffer.from('x'),
        ]),
      ),
    ),
  );
  for (const release of taken) release();
  await outcomes;
  await server.stop();
});

test('a region that fills the queue of notifications, or the disk, stops nobody’s messages', async (t) => {
  // PostgreSQL's least, 512 kB of notifications, instead of its 8 GB.
  const server = await freshPostgres({ settings: { max_notify_queue_pages: '64' } });
  t.after(() => server.stop());
  const database = await testDatabase(server);
  await prepareEmbeddedBroker(database.url, users);
  const [north, south] = users.regions;
  assert.ok(north && south);
  const as = (login: { user: string; password: string }) => ({ url: server.url(database.name, login) });
  const troubles: unknown[] = [];
  const address = server.url(database.name);
  const governance = await connectTransport(
    address,
    { plane: 'governance' },
    { credentials: users.governance, onTrouble: (error) => troubles.push(error) },
  );
  const region = await connectTransport(
    address,
    { plane: 'region', region: 'south' },
    { credentials: south },
  );
  t.after(() => Promise.all([governance.close(), region.close()]));
  await eventually('both are connected', () => governance.healthy() && region.healthy());
  const got: string[] = [];
  await region.consume(taskChannel('south', 'urgent'), async (message) => {
    got.push(Buffer.from(message).toString());
  });

  await withClient(as(north), async (holder) => {
    await holder.query('listen mine');
    await holder.query('begin');
    await holder.query('select 1');
    await withClient(as(north), async (client) => {
      const fill = "select count(pg_notify('mine', n || repeat('x', 7900))) from generate_series(1, 8) n";
      await assert.rejects(async () => {
        for (let n = 0; n < 100; n++) await client.query(fill);
      }, /too many notifications/);
    });
    await governance.publish(taskChannel('south', 'urgent'), Buffer.from('unlink'));
    await eventually('it comes', () => got.includes('unlink'));
    await eventually('it is told that nobody could be woken', () => troubles.length > 0);
    assert.ok(governance.healthy());
    await eventually(
      'the open transaction is ended',
      () =>
        holder.query('select 1').then(
          () => false,
          () => true,
        ),
      MAX_REGION_TRANSACTION_MS + 2 * TRANSACTION_WATCH_MS,
    );
  });
  await eventually('notifications pass again', () =>
    withClient(as(north), (client) => client.query('notify mine')).then(
      () => true,
      () => false,
    ),
  );

  await withClient(as(north), async (client) => {
    await client.query("set work_mem = '64kB'");
    const sort = 'select count(*) from (select n from generate_series(1, 3000000) n order by -n offset 0) s';
    await assert.rejects(client.query(sort), { code: '53400' });
    await assert.rejects(client.query('set temp_file_limit = -1'), { code: '42501' });
    await assert.rejects(client.query(`alter role ${north.user} set temp_file_limit = -1`), {
      code: '42501',
    });
    await assert.rejects(client.query('select okcm_broker.end_old_transactions(0)'), { code: '42501' });
  });
});
