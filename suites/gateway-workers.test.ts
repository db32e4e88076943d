/**
 * A gateway of several processes behaves like one: whichever worker a connection lands on, it sees what was done through
 * another, and what ends for one ends for all (D5–D8). Real processes, a real core.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { startCore } from '../execution/core/index.ts';
import {
  type KmipClient,
  KmipClientError,
  KmipError,
  Operation,
  ResultReason,
  RevocationReasonCode,
} from '../execution/kmip/index.ts';
import type { KeyAndCertificate } from '../platform/pki.ts';
import { keyFingerprint } from '../platform/tls-identity.ts';
import { hasFlushed, loseNextFlush, losingDisk } from '../testkit/losing-disk.ts';
import { create, isDenied, roundTrip } from './support/applications.ts';
import { GatewayProcesses } from './support/gateway-processes.ts';
import { type RegionWorld, startRegion, until } from './support/region.ts';

const WORKERS = 3;
const WHOLE_WITHIN_MS = 60_000;
const CHECKPOINT_WITHIN_MS = 30_000;
/** "At once": what a request's own answer has brought about needs no further push. */
const SECOND_MS = 1_000;

const gateway = new GatewayProcesses(WORKERS);
let world: RegionWorld;
let certificate: KeyAndCertificate;
let clients: KmipClient[] = [];

before(async () => {
  world = await startRegion(undefined, { core: startCore, gateway: gateway.run });
  await world.provision('acme', 'orders');
  await world.link('acme', 1);
  certificate = await world.application('billing', 'acme', ['orders']);
  await connectAnew();
});
after(async () => {
  for (const client of clients) client.close();
  await world?.close();
});

/** One client for each worker: connections go to whoever has the fewest. */
async function connectAnew(): Promise<void> {
  for (const client of clients) client.close();
  await until('old connections have ended', async () => (await gateway.status()).connections === 0);
  clients = [];
  for (let n = 0; n < WORKERS; n++) {
    const client = world.client(certificate, { poolSize: 1 });
    clients.push(client);
    await client.request(Operation.Query, { queryFunction: [1] });
  }
  const { workers } = await gateway.status();
  assert.deepEqual(
    workers.each.map(({ connections }) => connections),
    Array(WORKERS).fill(1),
  );
}

function others(than: KmipClient): KmipClient[] {
  return clients.filter((client) => client !== than);
}

const client = (index: number): KmipClient => {
  const found = clients[index];
  assert.ok(found !== undefined);
  return found;
};

describe('workers of one gateway', () => {
  it('serve at once a key that another has made', async () => {
    for (const maker of clients) {
      const uid = await create(maker);
      for (const other of others(maker)) await roundTrip(other, uid);
    }
  });

  it('tell the core of a key before its owner’s next request comes to another of them', async () => {
    for (const maker of clients) {
      const name = `made-by-${clients.indexOf(maker)}`;
      const uid = await create(maker, { name });
      for (const other of others(maker)) {
        const { uniqueIdentifier } = await other.request(Operation.GetAttributeList, {
          uniqueIdentifier: uid,
        });
        assert.equal(uniqueIdentifier, uid);
      }
    }
  });

  it('see at once what a request through another has changed', async () => {
    for (const changer of clients) {
      const uid = await create(changer);
      // Open in the memory of each.
      for (const each of clients) await roundTrip(each, uid);
      await changer.request(Operation.Revoke, {
        uniqueIdentifier: uid,
        revocationReason: { revocationReasonCode: RevocationReasonCode.CessationOfOperation },
      });
      const startedAt = performance.now();
      for (const each of clients) {
        await assert.rejects(
          each.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') }),
          (error) => error instanceof KmipError && error.resultReason === ResultReason.PermissionDenied,
        );
      }
      await changer.request(Operation.Destroy, { uniqueIdentifier: uid });
      for (const each of clients)
        await assert.rejects(each.request(Operation.Get, { uniqueIdentifier: uid }), /has been destroyed/);
      assert.ok(performance.now() - startedAt < SECOND_MS * 2);
    }
  });

  it('resume a session that another has begun', async () => {
    let session: Buffer | undefined;
    const reused: boolean[] = [];
    const sockets = [];
    for (let n = 0; n < WORKERS * 2; n++) {
      const socket = connect({
        host: '127.0.0.1',
        port: world.gateway.port,
        servername: 'localhost',
        cert: certificate.certificatePem,
        key: certificate.privateKeyPem,
        ca: world.pki.ca.certificatePem,
        ...(session === undefined ? {} : { session }),
      });
      sockets.push(socket);
      socket.resume();
      const given = session ?? once(socket, 'session').then(([fresh]) => fresh as Buffer);
      await once(socket, 'secureConnect');
      reused.push(socket.isSessionReused());
      session = await given;
    }
    // In order, so that the server’s side of the last handshake is done.
    for (const socket of sockets) socket.end();
    assert.deepEqual(reused, [false, ...Array<boolean>(WORKERS * 2 - 1).fill(true)]);
    await until('they have ended', async () => (await gateway.status()).connections === WORKERS);
  });

  it('count as one: metrics are their sum, and say how many there are', async () => {
    const before = await operationsCounted();
    for (const each of clients) await each.request(Operation.Query, { queryFunction: [1] });
    assert.equal((await operationsCounted()) - before, WORKERS);
    const text = await gateway.metrics();
    assert.match(text, new RegExp(`okcm_gateway_workers\\{state="serving".*\\} ${WORKERS}`));
    assert.match(text, new RegExp(`okcm_gateway_open_connections\\{.*\\} ${WORKERS}`));
    assert.match(text, /okcm_gateway_core_up\{.*\} 1/);
  });

  it('refuse an identity that was removed, on open connections of each, within a second', async () => {
    const leaver = await world.application('leaver', 'acme', ['orders']);
    const leaving = [];
    for (let n = 0; n < WORKERS; n++) {
      const socket = connect({
        host: '127.0.0.1',
        port: world.gateway.port,
        servername: 'localhost',
        cert: leaver.certificatePem,
        key: leaver.privateKeyPem,
        ca: world.pki.ca.certificatePem,
      });
      socket.on('error', () => undefined);
      socket.resume();
      await once(socket, 'secureConnect');
      leaving.push(socket);
    }
    await until('each worker has one more', async () =>
      (await gateway.status()).workers.each.every(({ connections }) => connections === 2),
    );
    const ended = Promise.all(leaving.map((socket) => once(socket, 'close')));
    await world.job('IDENTITY_REMOVE', {
      fingerprint: keyFingerprint(leaver.certificatePem),
      reason: 'it leaves',
    });
    const startedAt = performance.now();
    await ended;
    assert.ok(performance.now() - startedAt < SECOND_MS);
  });

  it('lose no key and no connection when one of them dies, and get it back', async () => {
    const uid = await create(client(0));
    for (const each of clients) await roundTrip(each, uid);
    const before = await gateway.status();
    await gateway.killWorker(() => 1);
    const lost = await Promise.all(
      clients.map((each) =>
        each.request(Operation.Get, { uniqueIdentifier: uid }).then(
          () => 0,
          (error: unknown) => {
            assert.ok(error instanceof KmipClientError, String(error));
            return 1;
          },
        ),
      ),
    );
    // Its own connection may have been lost in the middle of the request; the others’ were not.
    assert.ok(lost.reduce<number>((sum, one) => sum + one, 0) <= 1, `lost: ${lost.join()}`);
    for (const each of clients) await roundTrip(each, uid);
    await until(
      'it has died',
      async () => (await gateway.status()).workers.restarts > before.workers.restarts,
    );
    const now = await gateway.whole(WHOLE_WITHIN_MS);
    assert.notDeepEqual(
      now.workers.each.map(({ pid }) => pid),
      before.workers.each.map(({ pid }) => pid),
    );
    assert.match(await gateway.metrics(), /okcm_gateway_workers_died_total\{.*\} 1/);
    await connectAnew();
  });

  it('take over a connection that was on its way to one that died', async () => {
    const [pid] = await gateway.workerPids();
    assert.ok(pid !== undefined);
    // It takes nothing any more, as in the moment between its death and the primary's hearing of it, only longer.
    process.kill(pid, 'SIGSTOP');
    const late = clients.map(() => world.client(certificate, { poolSize: 1 }));
    const asked = late.map((each) => each.request(Operation.Query, { queryFunction: [1] }));
    await until('each has one more', async () =>
      (await gateway.status()).workers.each.every(({ connections }) => connections === 2),
    );
    process.kill(pid, 'SIGKILL');
    await Promise.all(asked);
    for (const each of late) each.close();
    await gateway.whole(WHOLE_WITHIN_MS);
    await connectAnew();
  });

  it('have another one announce when the one that did dies', async () => {
    const name = 'made-before-the-leader-died';
    const uid = await create(client(1), { name });
    await gateway.killWorker(() => 0);
    // Any of them may have been its client, and learns so by its next request.
    const asked = clients.map((each) => each.request(Operation.Query, { queryFunction: [1] }));
    const lost = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected');
    assert.ok(lost.length <= 1, `${lost.length} lost their connection`);
    const [leaderless, ...rest] = [await create(client(1)), await create(client(2))];
    for (const made of [uid, leaderless, ...rest])
      await until('the core knows the key', () =>
        client(2)
          .request(Operation.GetAttributeList, { uniqueIdentifier: made })
          .then(
            () => true,
            () => false,
          ),
      );
    await gateway.whole(WHOLE_WITHIN_MS);
    await until('nothing waits', async () => (await gateway.status()).backlog === 0);
    await connectAnew();
  });

  it('close a tenant whose master key was withdrawn, each within a second', async () => {
    const uid = await create(client(0));
    for (const each of clients) await roundTrip(each, uid);
    const { gatewaysTold } = await world.job('UNLINK', { tenant: 'acme', epoch: 1, reason: 'test' });
    assert.equal(gatewaysTold, 1);
    const startedAt = performance.now();
    for (const each of clients)
      await until('Encrypt is refused', () =>
        isDenied(() => each.request(Operation.Encrypt, { uniqueIdentifier: uid, data: Buffer.from('x') })),
      );
    assert.ok(performance.now() - startedAt < SECOND_MS);
    await world.link('acme', 2);
    for (const each of clients)
      await until('the key is served again', async () => !(await isDenied(() => roundTrip(each, uid))));
  });

  it('answer what is in flight when the gateway stops, and leave nothing that the core does not know', async () => {
    let acknowledged = 0;
    let refusals = 0;
    const load = clients.map(async (each) => {
      for (;;) {
        try {
          await create(each);
          acknowledged += 1;
        } catch (error) {
          if (error instanceof KmipError) refusals += 1;
          return;
        }
      }
    });
    await until('keys are made', () => acknowledged > 20);
    await world.stopGateway();
    await Promise.all(load);
    assert.equal(refusals, 0);
    const { store } = world.gatewayConfig;
    assert.ok(store.kind !== 'memory');
    const file = new DatabaseSync(store.path, { readOnly: true });
    const { waiting } = file
      .prepare('SELECT count(*) AS waiting FROM objects WHERE announced <> 1')
      .get() as {
      waiting: number;
    };
    const { events } = file.prepare('SELECT count(*) AS events FROM audit').get() as { events: number };
    file.close();
    assert.deepEqual({ waiting, events }, { waiting: 0, events: 0 });
    await world.restartGateway();
  });

  it('end with their primary', async () => {
    const pids = await gateway.workerPids();
    gateway.killPrimary();
    await until('the workers have ended', () => pids.every((pid) => !isAlive(pid)));
    await gateway.whole(WHOLE_WITHIN_MS);
  });

  it('end together when a flush of their store is lost, and have every key when they are back', async () => {
    await world.stopGateway();
    await gateway.withLibrary(losingDisk(), () => world.restartGateway());
    await connectAnew();
    const { store } = world.gatewayConfig;
    assert.ok(store.kind !== 'memory');
    const { path } = store;
    const pids = [gateway.primary, ...(await gateway.workerPids())];
    const uids: string[] = [];
    const load = clients.map(async (each) => {
      for (;;) {
        try {
          uids.push(await create(each));
        } catch {
          return;
        }
      }
    });
    await until('the log has been brought into the file', () => hasFlushed(path), CHECKPOINT_WITHIN_MS);
    loseNextFlush(path);
    await until('all have ended', () => pids.every((pid) => !isAlive(pid)), CHECKPOINT_WITHIN_MS);
    await Promise.all(load);
    await gateway.whole(WHOLE_WITHIN_MS);
    assert.match(await readFile(gateway.log, 'utf8'), /STORE_FLUSH_LOST/);
    const again = world.client(certificate);
    for (const uniqueIdentifier of uids) await again.request(Operation.Get, { uniqueIdentifier });
    again.close();
  });
});

async function operationsCounted(): Promise<number> {
  const text = await gateway.metrics();
  return [...text.matchAll(/^okcm_gateway_operations_total\{.*operation="Query".*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
