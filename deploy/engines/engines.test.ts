// The engines' settings: users may do what Orbital needs and no more, commits survive the loss of a server, and there is room for
// the connections of all components.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { DATABASE_POOL_MAX } from '../../execution/core/limits.ts';
import { connectTransport } from '../../orbital/connect.ts';
import { eventually } from '../../orbital/testing/eventually.ts';
import { channelPolicies, reportChannel, statusChannel, taskChannel } from '../../orbital/transport.ts';
import { rabbitRegionPermissions } from '../../orbital/transports/rabbitmq.ts';
import { startNats, type TestNats } from '../../testkit/nats.ts';
import { requireService } from '../../testkit/services.ts';
import { documentsOf, manifestOf } from '../kubernetes/test-build.test.ts';
import { list, object, optional, Quantity } from '../kubernetes/test-kinds.test.ts';
import { accountsFor } from './nats-accounts.ts';

const REGIONS = ['eu-west-1', 'us-east-1'] as const;
const read = (...path: string[]): Promise<string> => readFile(join(import.meta.dirname, ...path), 'utf8');

/** CloudNativePG's kind, as far as we use it. */
const Cluster = object({
  apiVersion: Type.Literal('postgresql.cnpg.io/v1'),
  kind: Type.Literal('Cluster'),
  metadata: object({ name: Type.String(), namespace: Type.String() }),
  spec: object({
    instances: Type.Integer({ minimum: 3 }),
    imageName: Type.String({ pattern: ':\\d+\\.\\d+$' }),
    primaryUpdateStrategy: Type.Enum(['unsupervised', 'supervised']),
    postgresql: object({
      synchronous: object({
        method: Type.Literal('any'),
        number: Type.Integer({ minimum: 1 }),
        dataDurability: Type.Literal('required'),
      }),
      parameters: Type.Record(Type.String({ pattern: '^[a-z_]+$' }), Type.String()),
      pg_hba: list(Type.String({ pattern: '^(hostssl|host .* reject)' })),
    }),
    bootstrap: object({
      initdb: object({
        database: Type.String(),
        owner: Type.String(),
        encoding: Type.Literal('UTF8'),
        dataChecksums: Type.Literal(true),
        postInitSQL: optional(list(Type.String())),
      }),
    }),
    storage: object({ size: Quantity }),
    walStorage: object({ size: Quantity }),
    resources: object({
      requests: object({ cpu: Quantity, memory: Quantity }),
      limits: object({ memory: Quantity }),
    }),
    affinity: object({
      enablePodAntiAffinity: Type.Literal(true),
      podAntiAffinityType: Type.Literal('required'),
      topologyKey: Type.Literal('topology.kubernetes.io/zone'),
    }),
  }),
});

/** Connections of one CMK: requests, work, two that listen, two while it migrates. Of one core: its pool, and two that listen. */
const CMK_CONNECTIONS = 16 + 8 + 2 + 2;
const CORE_CONNECTIONS = DATABASE_POOL_MAX + 2;
/** As many as an autoscaler or a set may start, one more while it is replaced, and three for administrators. */
const NEEDED = { cmk: 5 * CMK_CONNECTIONS + 3, core: 3 * CORE_CONNECTIONS + 3 } as const;

for (const name of ['cmk', 'core'] as const) {
  test(`the cluster of ${name} is one, commits on two servers, and has room for all connections`, async () => {
    const [cluster, policy, ...others] = documentsOf(await read('postgresql', `${name}.yaml`), name);
    assert.deepEqual(others, []);
    if (!Value.Check(Cluster, cluster)) assert.fail(JSON.stringify(Value.Errors(Cluster, cluster), null, 1));
    assert.equal(manifestOf(policy, name).metadata.name, cluster.metadata.name);
    const { parameters, synchronous } = cluster.spec.postgresql;
    assert.ok(Number(parameters['max_connections']) >= NEEDED[name]);
    assert.ok(synchronous.number < cluster.spec.instances - 1, 'one server may be lost without a stop');
    assert.equal(parameters['synchronous_commit'], 'on');
    assert.equal(parameters['log_parameter_max_length_on_error'], '0');
  });
}

test('the broker’s namespace lets both planes in, and nobody else', async () => {
  const documents = documentsOf(await read('network.yaml'), 'network.yaml');
  const manifests = documents.map((each) => manifestOf(each, 'network.yaml'));
  assert.deepEqual(
    manifests.map(({ kind }) => kind),
    ['Namespace', 'NetworkPolicy'],
  );
});

test('Redis is what a gateway starts on, and its policy one that Kubernetes takes', async () => {
  const guide = await read('../../docs/guide/gateway-stores.md');
  const settings = await read('redis', 'redis.conf');
  const wanted = [
    ...guide.matchAll(/^ {4}((?:appendonly|appendfsync|no-appendfsync\S*|maxmemory-policy) \S+)/gm),
  ];
  assert.equal(wanted.length, 4);
  for (const [, line = ''] of wanted) assert.match(settings, new RegExp(`^${line}$`, 'm'));
  const [policy] = documentsOf(await read('redis', 'network.yaml'), 'redis');
  assert.equal(manifestOf(policy, 'redis').kind, 'NetworkPolicy');
});

test('Patroni is told the same', async () => {
  const patroni = parse(await read('postgresql', 'patroni.yaml')) as {
    synchronous_mode_strict: boolean;
    postgresql: { parameters: Record<string, unknown> };
  };
  assert.equal(patroni.synchronous_mode_strict, true);
  const [cluster] = documentsOf(await read('postgresql', 'core.yaml'), 'core');
  const { parameters } = (cluster as { spec: { postgresql: { parameters: Record<string, string> } } }).spec
    .postgresql;
  for (const [name, value] of Object.entries(parameters))
    assert.equal(String(patroni.postgresql.parameters[name]), value, name);
});

test('no database is asked to copy the leases of links into a backup', async () => {
  for (const name of ['cmk', 'core'])
    assert.doesNotMatch(await read('postgresql', `${name}.yaml`), /barman|backup:/);
});

test('at NATS each region has an account, and users may do what the transport needs: the file is what is generated', async () => {
  assert.equal(await read('nats', 'accounts.conf'), accountsFor(REGIONS));
  assert.throws(() => accountsFor(['north', 'north']), { code: 'NATS_USERS' });
  assert.throws(() => accountsFor(['north > {']), RangeError);
});

let nats: TestNats;
let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'okcm-engines-'));
  nats = await startNats({
    accounts: await read('nats', 'accounts.conf'),
    env: Object.fromEntries(
      ['GOVERNANCE', 'EU_WEST_1', 'US_EAST_1', 'ADMIN'].map((name) => [`NATS_${name}`, 'secret']),
    ),
  });
});
after(async () => {
  await nats.stop();
  await rm(directory, { recursive: true });
});

test('at NATS governance may do what its transport needs: every channel is made, and carries messages both ways', async () => {
  const connect = (user: string, role: Parameters<typeof connectTransport>[1]) =>
    connectTransport(nats.url, role, { credentials: { user, password: 'secret' } });
  const governance = await connect('governance', { plane: 'governance' });
  const region = await connect('eu-west-1', { plane: 'region', region: 'eu-west-1' });
  try {
    await eventually('both are connected', () => governance.healthy() && region.healthy());
    const got: string[] = [];
    const take = (who: typeof region, channel: string) =>
      who.consume(channel, async (message) => {
        got.push(`${channel} ${Buffer.from(message).toString()}`);
      });
    await take(governance, statusChannel());
    await take(governance, reportChannel());
    const tasks = [taskChannel('eu-west-1', 'urgent'), taskChannel('eu-west-1', 'normal')];
    for (const channel of tasks) await governance.publish(channel, Buffer.from('task'));
    for (const channel of tasks) await take(region, channel);
    await eventually('tasks arrive', () => got.length === 2);
    for (const channel of [statusChannel(), reportChannel()]) {
      let isTaken = false;
      await eventually(`${channel} is there`, async () => {
        isTaken ||= await region.publish(channel, Buffer.from('said')).then(
          () => true,
          () => false,
        );
        return isTaken;
      });
    }
    await eventually('what the region said arrives', () => got.length === 4);
    await assert.rejects(region.publish(taskChannel('us-east-1', 'urgent'), Buffer.from('x')));
  } finally {
    await Promise.all([governance.close(), region.close()]);
  }
});

test('nats-server takes the configuration of each server', async () => {
  const tls = join(directory, 'tls');
  const files = await readdir(join(import.meta.dirname, 'nats'));
  for (const file of files) await copyFile(join(import.meta.dirname, 'nats', file), join(directory, file));
  const cluster = await readFile(join(directory, 'cluster.conf'), 'utf8');
  // Its certificates are not there: without the blocks of TLS the rest is looked at.
  const withoutTls = cluster.replaceAll(/^( *)tls \{[\s\S]*?^\1\}\n/gm, '');
  assert.ok(!withoutTls.includes('cert_file') && cluster.match(/verify: true/g)?.length === 2, tls);
  assert.equal(cluster.match(/min_version: "1\.3"/g)?.length, 2);
  await writeFile(join(directory, 'cluster.conf'), withoutTls);
  const passwords = Object.fromEntries(
    ['GOVERNANCE', 'EU_WEST_1', 'US_EAST_1', 'ADMIN', 'CLUSTER'].map((name) => [`NATS_${name}`, 'secret']),
  );
  for (const number of [1, 2, 3])
    passwords[`NATS_ROUTE_${number}`] = `tls://cluster:secret@nats-${number}.example:6222`;
  for (const number of [1, 2, 3]) {
    const args = ['-t', '-c', join(directory, `nats-${number}.conf`)];
    const { stderr, stdout } = await promisify(execFile)(requireService('nats'), args, { env: passwords });
    assert.match(stdout + stderr, /configuration file .* is valid/);
  }
});

test('JetStream has room for the channels of as many regions as the file says', async () => {
  const [, gigabytes = ''] = /max_file_store: (\d+)GB/.exec(await read('nats', 'nats-1.conf')) ?? [];
  const { tasks, status, reports } = channelPolicies;
  const needed = 300 * 2 * tasks.maxBytes + status.maxBytes + reports.maxBytes;
  assert.ok(Number(gigabytes) * 1e9 >= needed, `${needed} bytes are reserved`);
  const accounts = await read('nats', 'accounts.conf');
  assert.ok(accounts.includes(`max_file: ${gigabytes}GB`));
  assert.match(accounts, /max_streams: 700/);
});

test('at RabbitMQ a region may do what its transport needs, and nobody has a password that stands in a file', async () => {
  const { users, permissions, vhosts } = JSON.parse(await read('rabbitmq', 'definitions.json')) as {
    users: { name: string; password_hash: string }[];
    permissions: { user: string; vhost: string; configure: string; write: string; read: string }[];
    vhosts: { name: string; default_queue_type: string }[];
  };
  assert.deepEqual(vhosts, [{ name: 'openkcm', default_queue_type: 'quorum' }]);
  assert.ok(users.every(({ password_hash }) => password_hash === ''));
  const of = (name: string) => {
    const found = permissions.filter(({ user }) => user === name);
    assert.equal(found.length, 1, name);
    const { configure = '', write = '', read: reading = '' } = found[0] ?? {};
    return { configure, write, read: reading };
  };
  for (const region of REGIONS) assert.deepEqual(of(region), rabbitRegionPermissions(region));
  const { configure, write, read: reading } = of('governance');
  const names = [
    'okcm.tasks',
    'okcm.inbound',
    statusChannel(),
    reportChannel(),
    taskChannel('eu-west-1', 'urgent'),
  ];
  for (const name of names)
    for (const pattern of [configure, write, reading]) assert.match(name, new RegExp(pattern), name);
  assert.doesNotMatch('amq.direct', new RegExp(configure));
});

test('the policies for OpenBao are those of the guides', async () => {
  const squeeze = (text: string): string => text.replaceAll(/#.*$/gm, '').replaceAll(/\s+/g, '');
  const guide = (name: string): Promise<string> => read('../../docs/guide', name);
  const keys = /# shared\n([\s\S]*?)```/.exec(await guide('openbao.md'))?.[1] ?? '';
  assert.equal(squeeze(await read('openbao', 'keys-policy.hcl')), squeeze(keys));
  const paths = [...(await read('openbao', 'seal-policy.hcl')).matchAll(/path "([^"]+)"/g)].map(
    ([, path = '']) => path,
  );
  const unsealing = await guide('unsealing.md');
  assert.equal(paths.length, 2);
  for (const path of paths) assert.ok(unsealing.includes(`\`${path}\``), path);
});
