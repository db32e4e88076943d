// An OpenBao that is down, slow, half-way through, or holds something else: nothing of it is ever taken for a missing key.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTenantId } from '../../../contracts/index.ts';
import type { KvFault } from '../../../testkit/openbao-kv.ts';
import { change, key, refused } from './key-store.contract.ts';
import { L2 } from './key-store.ts';
import { AT, HASTE_MS, OpenBaoWorld, until } from './test-openbao.test.ts';

/** How long the slower of two writers is held up, so that the other overtakes it. */
const BEHIND_MS = 1_500;

const world = OpenBaoWorld.started();

describe('OpenBao: a secret that is not ours any more', () => {
  const gone = [
    ['deleted', () => world.engine.admin('DELETE', `kv/data/${AT}/${world.tenant}`)],
    ['destroyed', () => world.engine.admin('PUT', `kv/destroy/${AT}/${world.tenant}`, { versions: [1] })],
  ] as const;
  for (const [how, away] of gone) {
    test(`${how}, it is never taken for a world.tenant without keys`, async () => {
      await world.write(change(1, { put: [key(L2, 1)] }));
      away();
      const said = refused(
        'RECORD_REJECTED',
        new RegExp(`version 1 of kv/data/${AT}/${world.tenant} was ${how}`),
      );
      await assert.rejects(world.read(), said);
      for (const counter of [1, 2]) await assert.rejects(world.write(change(counter)), said);
      assert.deepEqual(world.asked().filter((request) => request.startsWith('POST')).length, 2);
    });
  }

  test('undeleted, it is as it was', async () => {
    await world.write(change(1, { put: [key(L2, 1)] }));
    world.engine.admin('DELETE', `kv/data/${AT}/${world.tenant}`);
    world.engine.admin('POST', `kv/undelete/${AT}/${world.tenant}`, { versions: [1] });
    assert.equal((await world.read())?.keys.length, 1);
  });

  const good = { format: 1, counter: 1, manifest: 'AA==', regionalSecret: 'AA==', keys: [] as unknown[] };
  for (const [what, data] of [
    ['another text', { document: 'hello' }],
    ['no text', { document: 7 }],
    ['other fields', { value: 'x' }],
    ['another format', { document: JSON.stringify({ ...good, format: 2 }) }],
    ['a field too many', { document: JSON.stringify({ ...good, more: 1 }) }],
    ['a counter of 0', { document: JSON.stringify({ ...good, counter: 0 }) }],
    ['a broken envelope', { document: JSON.stringify({ ...good, manifest: '§' }) }],
    ['a key of two parts', { document: JSON.stringify({ ...good, keys: [['pay', 1]] }) }],
    ['one key twice', { document: JSON.stringify({ ...good, keys: Array(2).fill(['pay', 1, 'AA==']) }) }],
  ] as const) {
    test(`with ${what} it is rejected, and not overwritten`, async () => {
      world.engine.admin('POST', `kv/data/${AT}/${world.tenant}`, { data });
      const said = refused('RECORD_REJECTED', new RegExp(`kv/data/${AT}/${world.tenant} holds`));
      await assert.rejects(world.read(), said);
      await assert.rejects(world.write(change(1)), said);
      await assert.rejects(world.write(change(2)), said);
    });
  }

  test('the same with nothing wrong is read', async () => {
    world.engine.admin('POST', `kv/data/${AT}/${world.tenant}`, { data: { document: JSON.stringify(good) } });
    assert.equal((await world.read())?.counter, 1);
  });
});

describe('OpenBao: an OpenBao in trouble', () => {
  const down: readonly (readonly [string, KvFault, RegExp])[] = [
    [
      'sealed',
      { kind: 'status', status: 503, errors: ['Vault is sealed'] },
      /503 "Vault is sealed": it is sealed/,
    ],
    ['a standby (429)', { kind: 'status', status: 429 }, /429: it is a standby/],
    ['a standby (472)', { kind: 'status', status: 472 }, /472: it is a standby/],
    ['a standby (473)', { kind: 'status', status: 473 }, /473: it is a standby/],
    ['behind (412)', { kind: 'status', status: 412 }, /412: the node has not caught up/],
    ['elsewhere (307)', { kind: 'status', status: 307 }, /307: it points elsewhere/],
    ['upgrading (400)', { kind: 'status', status: 400, errors: ['Upgrading'] }, /400 "Upgrading"/],
    ['broken (500)', { kind: 'status', status: 500 }, /500/],
    ['behind a broken balancer (502)', { kind: 'status', status: 502 }, /502/],
    [
      'refusing (403)',
      { kind: 'status', status: 403, errors: ['permission denied'] },
      /403 .*its policy does not allow create, read and update/,
    ],
    [
      'unmounted',
      { kind: 'status', status: 404, errors: ['no handler for route'] },
      /no KV engine of version 2/,
    ],
    ['cutting connections', { kind: 'cut' }, /./],
    ['flooding', { kind: 'flood' }, /larger than/],
    ['slow', { kind: 'delayed', ms: HASTE_MS + 500 }, /within 1000 ms/],
  ];
  for (const [how, fault, message] of down) {
    test(`${how}: reads and writes are refused, and nothing is taken for missing`, async () => {
      await world.write(change(1, { put: [key(L2, 1)] }));
      const to = world.suiting(fault);
      world.engine.fail(fault);
      await assert.rejects(world.read(to), refused('STORE_UNAVAILABLE', message));
      await assert.rejects(world.write(change(2), to), refused('STORE_UNAVAILABLE', message));
      world.engine.heal();
      world.engine.fail(fault, { method: 'POST' });
      await assert.rejects(world.write(change(2), to), refused('STORE_UNAVAILABLE', message));
      world.engine.heal();
      assert.equal((await world.read())?.keys.length, 1);
    });
  }

  for (const fault of [
    'cut-when-done',
    'silent-when-done',
    'truncated-when-done',
    'html-when-done',
  ] as const) {
    test(`an answer that is lost or senseless (${fault}): a read is refused`, async () => {
      await world.write(change(1));
      world.failing({ kind: fault }, 'GET');
      await assert.rejects(world.read(world.suiting({ kind: fault })), refused('STORE_UNAVAILABLE'));
    });
  }

  test('that is not there', async () => {
    const nobody = world.storeOf({ url: 'http://127.0.0.1:1' });
    await assert.rejects(world.read(nobody), refused('STORE_UNAVAILABLE', /ECONNREFUSED/));
    await assert.rejects(world.write(change(1), nobody), refused('STORE_UNAVAILABLE', /ECONNREFUSED/));
  });

  test('an engine of version 1, or a balancer that answers for it, is not an empty one', async () => {
    world.engine.mount('old', { version: 1 });
    await assert.rejects(
      world.write(change(1), world.storeOf({ mount: 'old' })),
      refused('STORE_UNAVAILABLE', /version 2/),
    );
    assert.deepEqual(
      world.asked().filter((request) => request.startsWith('POST')),
      [],
    );
    await assert.rejects(
      world.read(world.storeOf({ mount: 'nowhere' })),
      refused('STORE_UNAVAILABLE', /version 2/),
    );
    world.failing({ kind: 'html-when-done' }, 'GET');
    await assert.rejects(world.read(), refused('STORE_UNAVAILABLE', /does not answer as a KV engine/));
  });
});

describe('OpenBao: a write whose end nobody told', () => {
  const lost: readonly KvFault[] = [
    { kind: 'cut-when-done' },
    { kind: 'silent-when-done' },
    { kind: 'truncated-when-done' },
    { kind: 'html-when-done' },
    { kind: 'status-when-done', status: 500 },
    { kind: 'status-when-done', status: 502 },
    { kind: 'status-when-done', status: 503 },
  ];
  const named = (fault: KvFault) => `${fault.kind}${'status' in fault ? ` ${fault.status}` : ''}`;
  for (const fault of lost) {
    test(`${named(fault)}: done all the same, it is a success`, async () => {
      for (const counter of [1, 2]) {
        world.failing(fault, 'POST', '/data/', 1);
        await world.write(change(counter, { put: [key(L2, counter)] }), world.suiting(fault));
        assert.equal((await world.read())?.counter, counter);
      }
      assert.equal((await world.read())?.keys.length, 2);
      assert.equal(world.metadataOf(world.tenant)['current_version'], 2);
    });

    test(`${named(fault)}: when nothing can be read either, it is unknown, and found done later`, async () => {
      await world.write(change(1));
      const next = change(2, { put: [key(L2, 1)] });
      // The second read of the write is the one that would tell.
      world.failing({ kind: 'delayed', ms: 0 }, 'GET', '/data/', 1);
      world.failing({ kind: 'status', status: 503 }, 'GET');
      world.failing(fault, 'POST', '/data/', 1);
      await assert.rejects(world.write(next, world.suiting(fault)), refused('STORE_UNAVAILABLE'));
      world.engine.heal();
      const stored = await world.read();
      assert.equal(stored?.counter, 2);
      assert.deepEqual(stored?.manifest, next.record.manifest);
      await assert.rejects(world.write(next), refused('CONFLICT'));
    });
  }

  test('not done, it is refused, and the same may be written again', async () => {
    for (const fault of [{ kind: 'cut' }, { kind: 'status', status: 500 }] as const) {
      world.tenant = parseTenantId(`undone-${fault.kind}`);
      await world.write(change(1));
      world.failing(fault, 'POST', '/data/', 1);
      const next = change(2, { put: [key(L2, 1)] });
      await assert.rejects(world.write(next), refused('STORE_UNAVAILABLE'));
      assert.equal((await world.read())?.counter, 1);
      await world.write(next);
      assert.equal((await world.read())?.counter, 2);
    }
  });

  for (const [how, fault] of [
    ['refused by the engine', { kind: 'delayed', ms: BEHIND_MS }],
    ['lost', { kind: 'cut', afterMs: BEHIND_MS }],
  ] as const) {
    test(`overtaken by another of the same counter and ${how}, it is a conflict`, async () => {
      await world.write(change(1));
      world.engine.forget();
      world.failing(fault, 'POST', '/data/', 1);
      const ours = world.write(change(2));
      const lost = assert.rejects(ours, refused('CONFLICT'));
      await until(() => world.asked().some((request) => request.startsWith('POST')));
      const theirs = change(2);
      await world.write(theirs, world.storeOf({}));
      await lost;
      assert.deepEqual((await world.read())?.manifest, theirs.record.manifest);
    });
  }

  test('overtaken by more than one, nobody can tell whether it was done', async () => {
    await world.write(change(1));
    world.engine.forget();
    world.failing({ kind: 'cut', afterMs: BEHIND_MS }, 'POST', '/data/', 1);
    const lost = assert.rejects(world.write(change(2)), refused('STORE_UNAVAILABLE'));
    await until(() => world.asked().some((request) => request.startsWith('POST')));
    for (const counter of [2, 3]) await world.write(change(counter), world.storeOf({}));
    await lost;
  });

  test('asked twice on the way, the refusal of the second does not hide that the first was done', async () => {
    await world.write(change(1));
    const next = change(2, { put: [key(L2, 1)] });
    const mismatch = 'check-and-set parameter did not match the current version';
    // A proxy that tries again brings back what the second try got.
    world.failing({ kind: 'status-when-done', status: 400, errors: [mismatch] }, 'POST', '/data/', 1);
    await world.write(next);
    assert.deepEqual((await world.read())?.manifest, next.record.manifest);
  });
});
