// Who may join the NATS cluster: a server that knows its password, and nobody who has no more than a certificate of the broker's
// authority, as every core has one. Real servers, with the configuration that is shipped.
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventually } from '../../orbital/testing/eventually.ts';
import { freePort } from '../../platform/ports.ts';
import { type Child, startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type TestPki, testPki } from '../../testkit/pki.ts';
import { requireService } from '../../testkit/services.ts';

const NATS = join(import.meta.dirname, 'nats');
const WAIT_MS = 5_000;
const PASSWORD = 'b7c1d2e3f4a5968778695a4b3c2d1e0f';

interface Server {
  readonly child: Child;
  readonly routePort: number;
  readonly monitored: number;
}

let pki: TestPki;
const started: Server[] = [];

/** A server on loopback; `shown` is what it puts into the addresses of the others. */
async function start(name: string, shown: string, routes: readonly number[]): Promise<Server> {
  const directory = temporaryDirectory('nats-route');
  const tls = join(directory, 'tls');
  await mkdir(tls);
  const { certificatePem, privateKeyPem } = await pki.both(name);
  await writeFile(join(tls, 'tls.crt'), certificatePem);
  await writeFile(join(tls, 'tls.key'), privateKeyPem, { mode: 0o600 });
  await writeFile(join(tls, 'ca.crt'), pki.ca.certificatePem);
  const [clients, routePort, monitored] = [await freePort(), await freePort(), await freePort()];
  const cluster = (await readFile(join(NATS, 'cluster.conf'), 'utf8'))
    .replaceAll('/etc/nats/tls', tls)
    .replace('0.0.0.0:4222', `127.0.0.1:${clients}`)
    .replace('0.0.0.0:6222', `127.0.0.1:${routePort}`)
    .replace('127.0.0.1:8222', `127.0.0.1:${monitored}`)
    // What only newer servers know than the one that tests have (2.11): an older one speaks 1.3 as well, with whoever can.
    .replaceAll(/^ *min_version:.*$/gm, '');
  const server = await readFile(join(NATS, 'nats-1.conf'), 'utf8');
  await writeFile(join(directory, 'cluster.conf'), cluster);
  await writeFile(
    join(directory, 'nats.conf'),
    server
      .replace('server_name: nats-1', `server_name: ${name}`)
      .replace('/var/lib/nats', join(directory, 'store')),
  );
  await copyFile(join(NATS, 'accounts.conf'), join(directory, 'accounts.conf'));
  const env: NodeJS.ProcessEnv = { NATS_CLUSTER: PASSWORD };
  for (const user of ['GOVERNANCE', 'EU_WEST_1', 'US_EAST_1', 'ADMIN']) env[`NATS_${user}`] = 'secret';
  // Each names itself as well, which it notices; and one that is away.
  const ports = [routePort, ...routes, await freePort(), await freePort()].slice(0, 3);
  for (const [index, port] of ports.entries())
    env[`NATS_ROUTE_${index + 1}`] = `tls://${shown}127.0.0.1:${port}`;
  const args = ['-c', join(directory, 'nats.conf')];
  const child = await startChild({ name, command: requireService('nats'), args, env });
  await child.waitForLine(/Listening for route connections/);
  const one = { child, routePort, monitored };
  started.push(one);
  return one;
}

let first: Server;
before(async () => {
  pki = await testPki();
  first = await start('nats-1', `cluster:${PASSWORD}@`, []);
});
after(async () => {
  for (const { child } of started) await child.kill();
});

/** Routes over which messages pass: those that are about to be refused do not count. */
async function routesOf({ monitored }: Server): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${monitored}/routez`);
  const { num_routes: routes } = (await answer.json()) as { num_routes: number };
  return routes;
}

const REFUSED = /Authorization Violation|authentication error|Authentication Failure/i;

test('a certificate of the broker’s authority opens no route, and neither does a wrong password', async () => {
  for (const shown of ['', 'cluster:guessed@', 'eu-west-1:secret@']) {
    const core = await start('eu-west-1', shown, [first.routePort]);
    await core.child.waitForLine(REFUSED, WAIT_MS);
    assert.equal(await routesOf(first), 0);
    await core.child.kill();
  }
});

test('a server that knows the password joins', async () => {
  const second = await start('nats-2', `cluster:${PASSWORD}@`, [first.routePort]);
  await eventually('there is a route', async () => (await routesOf(second)) === 1);
  assert.doesNotMatch(second.child.output(), REFUSED);
});
