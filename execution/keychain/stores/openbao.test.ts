// OpenBao as a home of keys, besides the contract of key-store.test.ts: against a double of its HTTP contract.
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseTenantId } from '../../../contracts/index.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { startOpenBaoKv } from '../../../testkit/openbao-kv.ts';
import { testPki } from '../../../testkit/pki.ts';
import { KeychainError } from '../errors.ts';
import { change, key, refused } from './key-store.contract.ts';
import { L2 } from './key-store.ts';
import { AT, db, OpenBaoWorld, until } from './test-openbao.test.ts';

const world = OpenBaoWorld.started();

describe('OpenBao: what it asks', () => {
  test('reading is one request, and creating sets the metadata before the first version', async () => {
    assert.equal(await world.read(), null);
    assert.deepEqual(world.asked(), [`GET kv/data/${AT}/${world.tenant}`]);
    world.engine.forget();
    await world.write(change(1, { put: [key(L2, 1)] }));
    assert.deepEqual([...world.asked()].sort().slice(0, 2), [
      'GET kv/config',
      `GET kv/data/${AT}/${world.tenant}`,
    ]);
    assert.deepEqual(world.asked().slice(2), [
      `POST kv/metadata/${AT}/${world.tenant}`,
      `POST kv/data/${AT}/${world.tenant}`,
    ]);
    world.engine.forget();
    await world.write(change(2));
    assert.deepEqual(world.asked().slice(2), [`POST kv/data/${AT}/${world.tenant}`]);
  });

  test('connections are few, and fewer are kept', async () => {
    await world.write(change(1, { put: [key(L2, 1)] }));
    world.failing({ kind: 'delayed', ms: 5 }, 'GET');
    await Promise.all(Array.from({ length: 60 }, () => world.read()));
    const { peak } = world.engine.connections();
    assert.ok(peak > 4 && peak <= 16, `${peak} at once`);
    await until(() => world.engine.connections().open <= 4);
    for (let i = 0; i < 10; i++) await world.read();
    assert.equal(world.engine.connections().peak, peak);
  });

  test('a connection that the server gave up meanwhile costs a reader nothing', async () => {
    await world.write(change(1, { put: [key(L2, 1)] }));
    // What struck the connection strikes once: the request is asked again on a new one.
    world.failing({ kind: 'cut' }, 'GET', '/data/', 1);
    assert.equal((await world.read())?.counter, 1);
  });
});

describe('OpenBao: old wrappings', () => {
  test('one version is kept, and what it replaced is gone from the storage', async () => {
    const old = key(L2, 1, 'an old wrapping');
    await world.write(change(1, { put: [old] }));
    await world.write(change(2, { put: [key(L2, 1, 'a new wrapping')] }));
    const texts = world.engine.storedTexts('kv', `${AT}/${world.tenant}`);
    assert.equal(texts.length, 1);
    assert.doesNotMatch(texts.join(), new RegExp(old.wrapped.toString('base64')));
    assert.deepEqual(Object.keys(world.metadataOf(world.tenant)['versions'] ?? {}), ['2']);
  });

  test('a write that names no version is refused by the engine itself', async () => {
    await world.write(change(1));
    const body = { data: { document: 'overwritten' } };
    assert.equal(world.engine.admin('POST', `kv/data/${AT}/${world.tenant}`, body).status, 400);
  });

  for (const [setting, message] of [
    [{ max_versions: 10 }, /keeps 10 versions.*max_versions to 1/],
    [{ delete_version_after: '3600s' }, /deletes keys after 3600s/],
  ] as const) {
    test(`a mount with ${JSON.stringify(setting)} is refused before anything is written`, async () => {
      world.engine.mount('careless');
      world.engine.admin('POST', 'careless/config', setting);
      const careless = world.storeOf({ mount: 'careless' });
      await assert.rejects(world.write(change(1), careless), refused('STORE_UNAVAILABLE', message));
      assert.deepEqual(
        world.asked().filter((request) => request.startsWith('POST')),
        [],
      );
      assert.deepEqual(world.engine.storedTexts('careless', `${AT}/${world.tenant}`), []);
    });
  }
});

describe('OpenBao: creation', () => {
  for (const [what, path] of [
    ['before the first version', '/data/'],
    ['before the metadata', '/metadata/'],
  ] as const) {
    test(`one that ended ${what} reads as none, and may be done again`, async () => {
      world.failing({ kind: 'cut' }, 'POST', path);
      await assert.rejects(world.write(change(1)), refused('STORE_UNAVAILABLE'));
      world.engine.heal();
      assert.equal(await world.read(), null);
      await world.write(change(1, { put: [key(L2, 1)] }));
      assert.equal((await world.read())?.keys.length, 1);
      assert.equal(world.metadataOf(world.tenant)['max_versions'], 1);
    });
  }

  test('of two at once, both past the first look, one wins', async () => {
    for (let round = 0; round < 20; round++) {
      world.tenant = parseTenantId(`race-${round}`);
      const outcomes = await Promise.allSettled([
        world.write(change(1)),
        world.write(change(1), world.storeOf({})),
      ]);
      const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
      assert.equal(lost.length, 1);
      assert.ok(refused('CONFLICT')(lost[0]?.reason));
      assert.deepEqual(world.metadataOf(world.tenant)['current_version'], 1);
    }
  });
});

describe('OpenBao: its bounds', () => {
  const big = (sizeBytes: number) => key('pay', 1, Buffer.alloc(sizeBytes, 7));

  test('a tenant that would not fit is refused before anything is sent', async () => {
    await world.write(change(1, { put: [key(L2, 1)] }));
    world.engine.forget();
    const said = refused('LIMIT_REACHED', /would take \d+ bytes in kv\/data.*where 921600 fit/);
    await assert.rejects(world.write(change(2, { put: [big(700_000)] })), said);
    assert.deepEqual(
      world.asked().filter((request) => request.startsWith('POST')),
      [],
    );
    world.tenant = parseTenantId('big-from-the-start');
    await assert.rejects(world.write(change(1, { put: [big(700_000)] })), said);
    assert.deepEqual(
      world.asked().filter((request) => request.startsWith('POST')),
      [],
    );
  });

  test('what just fits is stored and read back', async () => {
    await world.write(change(1, { put: [big(690_000)] }));
    assert.equal((await world.read())?.keys[0]?.wrapped.length, 690_000);
    assert.ok(Math.max(...world.engine.requests.map(({ sizeBytes }) => sizeBytes)) > 900_000);
  });

  for (const fault of [
    { kind: 'status', status: 413, errors: ['http: request body too large'] },
    {
      kind: 'status',
      status: 500,
      errors: ['put failed due to value being too large; max size is 524288'],
    },
  ] as const) {
    test(`a storage that takes less says so: ${fault.status}`, async () => {
      await world.write(change(1));
      world.failing(fault, 'POST');
      await assert.rejects(world.write(change(2)), refused('LIMIT_REACHED', /too large/));
    });
  }

  test('thousands of keys stay below the number of strings that a request may hold', async () => {
    const put = Array.from({ length: 4_000 }, (_, i) => key(`service-${i % 250}`, 1 + Math.floor(i / 250)));
    await world.write(change(1, { put }));
    assert.equal((await world.store.read(db, world.tenant, ['service-249']))?.keys.length, 16);
  });
});

describe('OpenBao: the token', () => {
  test('is read at every call, must be private, and says what it lacks when it is refused', async () => {
    const tokenFile = await world.tokenFileOf('s.nobody-knows-this-one');
    const other = world.storeOf({ tokenFile });
    await assert.rejects(world.read(other), refused('STORE_UNAVAILABLE', /403.*expired, or its policy/));
    await writeFile(tokenFile, world.engine.rootToken);
    assert.equal(await world.read(other), null);
    await chmod(tokenFile, 0o640);
    await assert.rejects(world.read(other), refused('STORE_UNAVAILABLE', /mode 0640/));
    await assert.rejects(
      world.read(world.storeOf({ tokenFile: '/nowhere/token' })),
      refused('STORE_UNAVAILABLE', /does not exist/),
    );
  });

  test('neither it nor what is stored is in an error, even when the server repeats both', async () => {
    const envelope = key(L2, 1, 'x'.repeat(90));
    await world.write(change(1, { put: [envelope] }));
    const secrets = [world.engine.rootToken, envelope.wrapped.toString('base64')];
    for (const status of [400, 403, 404, 500, 503]) {
      world.engine.fail({ kind: 'status', status, errors: [`you said ${secrets.join(' and ')}`] });
      for (const attempt of [() => world.read(), () => world.write(change(2, { put: [envelope] }))]) {
        const error = await attempt().then(
          () => assert.fail('it was not refused'),
          (cause: unknown) => cause,
        );
        assert.ok(error instanceof KeychainError);
        const said = `${error.message}${error.stack}${JSON.stringify(error)}${inspectCauses(error)}`;
        for (const secret of secrets) assert.ok(!said.includes(secret), `${status} tells ${secret}`);
      }
      world.engine.heal();
    }
  });

  test('TLS: the given authority is trusted and no other; plain http stays on this host', async () => {
    const pki = await testPki();
    const pair = await pki.server();
    const secure = await startOpenBaoKv({ tls: { cert: pair.certificatePem, key: pair.privateKeyPem } });
    secure.mount('kv');
    const ca = join(temporaryDirectory('ca'), 'ca.pem');
    await writeFile(ca, pki.ca.certificatePem);
    const there = { url: secure.url, tokenFile: await world.tokenFileOf(secure.rootToken) };
    try {
      await world.write(change(1, { put: [key(L2, 1)] }), world.storeOf({ ...there, ca }));
      await Promise.all(Array.from({ length: 10 }, () => world.read(world.storeOf({ ...there, ca }))));
      await assert.rejects(world.read(world.storeOf(there)), refused('STORE_UNAVAILABLE', /certificate/i));
      await assert.rejects(
        world.read(world.storeOf({ url: 'http://bao.example' })),
        refused('STORE_UNAVAILABLE', /not https/),
      );
    } finally {
      await secure.close();
    }
  });
});

function inspectCauses(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? `${cause.message}${cause.stack}${inspectCauses(cause)}` : String(cause);
}
