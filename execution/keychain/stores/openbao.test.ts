// OpenBao as a home of keys, besides the contract of key-store.test.ts: against a double of its HTTP contract.
import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseTenantId, type TenantId } from '../../../contracts/index.ts';
import { createDatabase, createPool } from '../../../platform/postgres.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { type KvFault, startOpenBaoKv, type TestOpenBaoKv } from '../../../testkit/openbao-kv.ts';
import { testPki } from '../../../testkit/pki.ts';
import { KeychainError } from '../errors.ts';
import type { KeychainTables } from '../tables.ts';
import { createKeyStore, type KeyStoreOptions } from './index.ts';
import { change, key, refused } from './key-store.contract.ts';
import { type KeyStore, L2, type TenantChange } from './key-store.ts';

const GUIDE = join(import.meta.dirname, '../../../docs/guide/openbao.md');
/** Nothing here takes as long, and no machine is so busy that it does. */
const PATIENCE_MS = 10_000;
/** How long the slower of two writers is held up, so that the other overtakes it. */
const BEHIND_MS = 1_500;
/** Of a store whose time-outs are waited for. */
const HASTE_MS = 1_000;
const region = { cluster: 'prod', region: 'eu-west-1' };
const AT = 'prod/eu-west-1';
// This home never looks at it: nobody listens there.
const db = createDatabase<KeychainTables>(
  createPool({ url: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'nobody' }),
);
type OpenBaoOptions = Extract<KeyStoreOptions, { kind: 'openbao' }>;

describe('OpenBao as a home of keys, besides', () => {
  let engine: TestOpenBaoKv;
  let options: Extract<OpenBaoOptions, { layout: 'shared' }>;
  let store: KeyStore;
  let hasty: KeyStore;
  let tenant: TenantId;
  let tenants = 0;

  const tokenFileOf = async (token: string): Promise<string> => {
    const path = join(temporaryDirectory('bao'), 'token');
    await writeFile(path, `${token}\n`, { mode: 0o600 });
    return path;
  };
  const storeOf = (change: Partial<OpenBaoOptions>): KeyStore =>
    createKeyStore({ ...options, ...change } as OpenBaoOptions, region);
  const write = (what: TenantChange, to = store) => to.write(db, tenant, what);
  const read = (from = store) => from.read(db, tenant, [L2, 'pay']);
  const suiting = ({ kind }: KvFault) => (kind === 'delayed' || kind === 'silent-when-done' ? hasty : store);
  const asked = () => engine.requests.map(({ method, path }) => `${method} ${path}`);
  const failing = (fault: KvFault, method: 'GET' | 'POST', path = '/data/', times?: number): void =>
    engine.fail(fault, { method, path, ...(times === undefined ? {} : { times }) });
  const metadataOf = (name: string) =>
    (engine.admin('GET', `kv/metadata/${AT}/${name}`).body as { data: Record<string, unknown> }).data;

  before(async () => {
    engine = await startOpenBaoKv();
    engine.mount('kv');
    const tokenFile = await tokenFileOf(engine.rootToken);
    options = {
      kind: 'openbao',
      layout: 'shared',
      url: engine.url,
      mount: 'kv',
      tokenFile,
      timeoutMs: PATIENCE_MS,
    };
    store = storeOf({});
    hasty = storeOf({ timeoutMs: HASTE_MS });
  });
  after(async () => {
    await engine.close();
    await db.destroy();
  });
  beforeEach(() => {
    engine.heal();
    engine.forget();
    tenant = parseTenantId(`tenant-${++tenants}`);
  });

  describe('what it asks', () => {
    test('reading is one request, and creating sets the metadata before the first version', async () => {
      assert.equal(await read(), null);
      assert.deepEqual(asked(), [`GET kv/data/${AT}/${tenant}`]);
      engine.forget();
      await write(change(1, { put: [key(L2, 1)] }));
      assert.deepEqual(asked().sort().slice(0, 2), ['GET kv/config', `GET kv/data/${AT}/${tenant}`]);
      assert.deepEqual(asked().slice(2), [
        `POST kv/metadata/${AT}/${tenant}`,
        `POST kv/data/${AT}/${tenant}`,
      ]);
      engine.forget();
      await write(change(2));
      assert.deepEqual(asked().slice(2), [`POST kv/data/${AT}/${tenant}`]);
    });

    test('connections are few, and fewer are kept', async () => {
      await write(change(1, { put: [key(L2, 1)] }));
      failing({ kind: 'delayed', ms: 5 }, 'GET');
      await Promise.all(Array.from({ length: 60 }, () => read()));
      const { peak } = engine.connections();
      assert.ok(peak > 4 && peak <= 16, `${peak} at once`);
      await until(() => engine.connections().open <= 4);
      for (let i = 0; i < 10; i++) await read();
      assert.equal(engine.connections().peak, peak);
    });

    test('a connection that the server gave up meanwhile costs a reader nothing', async () => {
      await write(change(1, { put: [key(L2, 1)] }));
      // What struck the connection strikes once: the request is asked again on a new one.
      failing({ kind: 'cut' }, 'GET', '/data/', 1);
      assert.equal((await read())?.counter, 1);
    });
  });

  describe('old wrappings', () => {
    test('one version is kept, and what it replaced is gone from the storage', async () => {
      const old = key(L2, 1, 'an old wrapping');
      await write(change(1, { put: [old] }));
      await write(change(2, { put: [key(L2, 1, 'a new wrapping')] }));
      const texts = engine.storedTexts('kv', `${AT}/${tenant}`);
      assert.equal(texts.length, 1);
      assert.doesNotMatch(texts.join(), new RegExp(old.wrapped.toString('base64')));
      assert.deepEqual(Object.keys(metadataOf(tenant)['versions'] ?? {}), ['2']);
    });

    test('a write that names no version is refused by the engine itself', async () => {
      await write(change(1));
      const body = { data: { document: 'overwritten' } };
      assert.equal(engine.admin('POST', `kv/data/${AT}/${tenant}`, body).status, 400);
    });

    for (const [setting, message] of [
      [{ max_versions: 10 }, /keeps 10 versions.*max_versions to 1/],
      [{ delete_version_after: '3600s' }, /deletes keys after 3600s/],
    ] as const) {
      test(`a mount with ${JSON.stringify(setting)} is refused before anything is written`, async () => {
        engine.mount('careless');
        engine.admin('POST', 'careless/config', setting);
        const careless = storeOf({ mount: 'careless' });
        await assert.rejects(write(change(1), careless), refused('STORE_UNAVAILABLE', message));
        assert.deepEqual(
          asked().filter((request) => request.startsWith('POST')),
          [],
        );
        assert.deepEqual(engine.storedTexts('careless', `${AT}/${tenant}`), []);
      });
    }
  });

  describe('creation', () => {
    for (const [what, path] of [
      ['before the first version', '/data/'],
      ['before the metadata', '/metadata/'],
    ] as const) {
      test(`one that ended ${what} reads as none, and may be done again`, async () => {
        failing({ kind: 'cut' }, 'POST', path);
        await assert.rejects(write(change(1)), refused('STORE_UNAVAILABLE'));
        engine.heal();
        assert.equal(await read(), null);
        await write(change(1, { put: [key(L2, 1)] }));
        assert.equal((await read())?.keys.length, 1);
        assert.equal(metadataOf(tenant)['max_versions'], 1);
      });
    }

    test('of two at once, both past the first look, one wins', async () => {
      for (let round = 0; round < 20; round++) {
        tenant = parseTenantId(`race-${round}`);
        const outcomes = await Promise.allSettled([write(change(1)), write(change(1), storeOf({}))]);
        const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
        assert.equal(lost.length, 1);
        assert.ok(refused('CONFLICT')(lost[0]?.reason));
        assert.deepEqual(metadataOf(tenant)['current_version'], 1);
      }
    });
  });

  describe('a secret that is not ours any more', () => {
    const gone = [
      ['deleted', () => engine.admin('DELETE', `kv/data/${AT}/${tenant}`)],
      ['destroyed', () => engine.admin('PUT', `kv/destroy/${AT}/${tenant}`, { versions: [1] })],
    ] as const;
    for (const [how, away] of gone) {
      test(`${how}, it is never taken for a tenant without keys`, async () => {
        await write(change(1, { put: [key(L2, 1)] }));
        away();
        const said = refused(
          'RECORD_REJECTED',
          new RegExp(`version 1 of kv/data/${AT}/${tenant} was ${how}`),
        );
        await assert.rejects(read(), said);
        for (const counter of [1, 2]) await assert.rejects(write(change(counter)), said);
        assert.deepEqual(asked().filter((request) => request.startsWith('POST')).length, 2);
      });
    }

    test('undeleted, it is as it was', async () => {
      await write(change(1, { put: [key(L2, 1)] }));
      engine.admin('DELETE', `kv/data/${AT}/${tenant}`);
      engine.admin('POST', `kv/undelete/${AT}/${tenant}`, { versions: [1] });
      assert.equal((await read())?.keys.length, 1);
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
        engine.admin('POST', `kv/data/${AT}/${tenant}`, { data });
        const said = refused('RECORD_REJECTED', new RegExp(`kv/data/${AT}/${tenant} holds`));
        await assert.rejects(read(), said);
        await assert.rejects(write(change(1)), said);
        await assert.rejects(write(change(2)), said);
      });
    }

    test('the same with nothing wrong is read', async () => {
      engine.admin('POST', `kv/data/${AT}/${tenant}`, { data: { document: JSON.stringify(good) } });
      assert.equal((await read())?.counter, 1);
    });
  });

  describe('an OpenBao in trouble', () => {
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
        await write(change(1, { put: [key(L2, 1)] }));
        const to = suiting(fault);
        engine.fail(fault);
        await assert.rejects(read(to), refused('STORE_UNAVAILABLE', message));
        await assert.rejects(write(change(2), to), refused('STORE_UNAVAILABLE', message));
        engine.heal();
        engine.fail(fault, { method: 'POST' });
        await assert.rejects(write(change(2), to), refused('STORE_UNAVAILABLE', message));
        engine.heal();
        assert.equal((await read())?.keys.length, 1);
      });
    }

    for (const fault of [
      'cut-when-done',
      'silent-when-done',
      'truncated-when-done',
      'html-when-done',
    ] as const) {
      test(`an answer that is lost or senseless (${fault}): a read is refused`, async () => {
        await write(change(1));
        failing({ kind: fault }, 'GET');
        await assert.rejects(read(suiting({ kind: fault })), refused('STORE_UNAVAILABLE'));
      });
    }

    test('that is not there', async () => {
      const nobody = storeOf({ url: 'http://127.0.0.1:1' });
      await assert.rejects(read(nobody), refused('STORE_UNAVAILABLE', /ECONNREFUSED/));
      await assert.rejects(write(change(1), nobody), refused('STORE_UNAVAILABLE', /ECONNREFUSED/));
    });

    test('an engine of version 1, or a balancer that answers for it, is not an empty one', async () => {
      engine.mount('old', { version: 1 });
      await assert.rejects(
        write(change(1), storeOf({ mount: 'old' })),
        refused('STORE_UNAVAILABLE', /version 2/),
      );
      assert.deepEqual(
        asked().filter((request) => request.startsWith('POST')),
        [],
      );
      await assert.rejects(read(storeOf({ mount: 'nowhere' })), refused('STORE_UNAVAILABLE', /version 2/));
      failing({ kind: 'html-when-done' }, 'GET');
      await assert.rejects(read(), refused('STORE_UNAVAILABLE', /does not answer as a KV engine/));
    });
  });

  describe('a write whose end nobody told', () => {
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
          failing(fault, 'POST', '/data/', 1);
          await write(change(counter, { put: [key(L2, counter)] }), suiting(fault));
          assert.equal((await read())?.counter, counter);
        }
        assert.equal((await read())?.keys.length, 2);
        assert.equal(metadataOf(tenant)['current_version'], 2);
      });

      test(`${named(fault)}: when nothing can be read either, it is unknown, and found done later`, async () => {
        await write(change(1));
        const next = change(2, { put: [key(L2, 1)] });
        // The second read of the write is the one that would tell.
        failing({ kind: 'delayed', ms: 0 }, 'GET', '/data/', 1);
        failing({ kind: 'status', status: 503 }, 'GET');
        failing(fault, 'POST', '/data/', 1);
        await assert.rejects(write(next, suiting(fault)), refused('STORE_UNAVAILABLE'));
        engine.heal();
        const stored = await read();
        assert.equal(stored?.counter, 2);
        assert.deepEqual(stored?.manifest, next.record.manifest);
        await assert.rejects(write(next), refused('CONFLICT'));
      });
    }

    test('not done, it is refused, and the same may be written again', async () => {
      for (const fault of [{ kind: 'cut' }, { kind: 'status', status: 500 }] as const) {
        tenant = parseTenantId(`undone-${fault.kind}`);
        await write(change(1));
        failing(fault, 'POST', '/data/', 1);
        const next = change(2, { put: [key(L2, 1)] });
        await assert.rejects(write(next), refused('STORE_UNAVAILABLE'));
        assert.equal((await read())?.counter, 1);
        await write(next);
        assert.equal((await read())?.counter, 2);
      }
    });

    for (const [how, fault] of [
      ['refused by the engine', { kind: 'delayed', ms: BEHIND_MS }],
      ['lost', { kind: 'cut', afterMs: BEHIND_MS }],
    ] as const) {
      test(`overtaken by another of the same counter and ${how}, it is a conflict`, async () => {
        await write(change(1));
        engine.forget();
        failing(fault, 'POST', '/data/', 1);
        const ours = write(change(2));
        const lost = assert.rejects(ours, refused('CONFLICT'));
        await until(() => asked().some((request) => request.startsWith('POST')));
        const theirs = change(2);
        await write(theirs, storeOf({}));
        await lost;
        assert.deepEqual((await read())?.manifest, theirs.record.manifest);
      });
    }

    test('overtaken by more than one, nobody can tell whether it was done', async () => {
      await write(change(1));
      engine.forget();
      failing({ kind: 'cut', afterMs: BEHIND_MS }, 'POST', '/data/', 1);
      const lost = assert.rejects(write(change(2)), refused('STORE_UNAVAILABLE'));
      await until(() => asked().some((request) => request.startsWith('POST')));
      for (const counter of [2, 3]) await write(change(counter), storeOf({}));
      await lost;
    });

    test('asked twice on the way, the refusal of the second does not hide that the first was done', async () => {
      await write(change(1));
      const next = change(2, { put: [key(L2, 1)] });
      const mismatch = 'check-and-set parameter did not match the current version';
      // A proxy that tries again brings back what the second try got.
      failing({ kind: 'status-when-done', status: 400, errors: [mismatch] }, 'POST', '/data/', 1);
      await write(next);
      assert.deepEqual((await read())?.manifest, next.record.manifest);
    });
  });

  describe('its bounds', () => {
    const big = (sizeBytes: number) => key('pay', 1, Buffer.alloc(sizeBytes, 7));

    test('a tenant that would not fit is refused before anything is sent', async () => {
      await write(change(1, { put: [key(L2, 1)] }));
      engine.forget();
      const said = refused('LIMIT_REACHED', /would take \d+ bytes in kv\/data.*where 921600 fit/);
      await assert.rejects(write(change(2, { put: [big(700_000)] })), said);
      assert.deepEqual(
        asked().filter((request) => request.startsWith('POST')),
        [],
      );
      tenant = parseTenantId('big-from-the-start');
      await assert.rejects(write(change(1, { put: [big(700_000)] })), said);
      assert.deepEqual(
        asked().filter((request) => request.startsWith('POST')),
        [],
      );
    });

    test('what just fits is stored and read back', async () => {
      await write(change(1, { put: [big(690_000)] }));
      assert.equal((await read())?.keys[0]?.wrapped.length, 690_000);
      assert.ok(Math.max(...engine.requests.map(({ sizeBytes }) => sizeBytes)) > 900_000);
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
        await write(change(1));
        failing(fault, 'POST');
        await assert.rejects(write(change(2)), refused('LIMIT_REACHED', /too large/));
      });
    }

    test('thousands of keys stay below the number of strings that a request may hold', async () => {
      const put = Array.from({ length: 4_000 }, (_, i) => key(`service-${i % 250}`, 1 + Math.floor(i / 250)));
      await write(change(1, { put }));
      assert.equal((await store.read(db, tenant, ['service-249']))?.keys.length, 16);
    });
  });

  describe('the token', () => {
    test('is read at every call, must be private, and says what it lacks when it is refused', async () => {
      const tokenFile = await tokenFileOf('s.nobody-knows-this-one');
      const other = storeOf({ tokenFile });
      await assert.rejects(read(other), refused('STORE_UNAVAILABLE', /403.*expired, or its policy/));
      await writeFile(tokenFile, engine.rootToken);
      assert.equal(await read(other), null);
      await chmod(tokenFile, 0o640);
      await assert.rejects(read(other), refused('STORE_UNAVAILABLE', /mode 0640/));
      await assert.rejects(
        read(storeOf({ tokenFile: '/nowhere/token' })),
        refused('STORE_UNAVAILABLE', /does not exist/),
      );
    });

    test('neither it nor what is stored is in an error, even when the server repeats both', async () => {
      const envelope = key(L2, 1, 'x'.repeat(90));
      await write(change(1, { put: [envelope] }));
      const secrets = [engine.rootToken, envelope.wrapped.toString('base64')];
      for (const status of [400, 403, 404, 500, 503]) {
        engine.fail({ kind: 'status', status, errors: [`you said ${secrets.join(' and ')}`] });
        for (const attempt of [() => read(), () => write(change(2, { put: [envelope] }))]) {
          const error = await attempt().then(
            () => assert.fail('it was not refused'),
            (cause: unknown) => cause,
          );
          assert.ok(error instanceof KeychainError);
          const said = `${error.message}${error.stack}${JSON.stringify(error)}${inspectCauses(error)}`;
          for (const secret of secrets) assert.ok(!said.includes(secret), `${status} tells ${secret}`);
        }
        engine.heal();
      }
    });

    test('TLS: the given authority is trusted and no other; plain http stays on this host', async () => {
      const pki = await testPki();
      const pair = await pki.server();
      const secure = await startOpenBaoKv({ tls: { cert: pair.certificatePem, key: pair.privateKeyPem } });
      secure.mount('kv');
      const ca = join(temporaryDirectory('ca'), 'ca.pem');
      await writeFile(ca, pki.ca.certificatePem);
      const there = { url: secure.url, tokenFile: await tokenFileOf(secure.rootToken) };
      try {
        await write(change(1, { put: [key(L2, 1)] }), storeOf({ ...there, ca }));
        await Promise.all(Array.from({ length: 10 }, () => read(storeOf({ ...there, ca }))));
        await assert.rejects(read(storeOf(there)), refused('STORE_UNAVAILABLE', /certificate/i));
        await assert.rejects(
          read(storeOf({ url: 'http://bao.example' })),
          refused('STORE_UNAVAILABLE', /not https/),
        );
      } finally {
        await secure.close();
      }
    });
  });

  describe('layouts', () => {
    const acme = parseTenantId('acme');
    const rival = parseTenantId('rival');
    /** What the guide tells its reader to allow. */
    const policyOf = async (layout: string): Promise<string> => {
      const guide = await readFile(GUIDE, 'utf8');
      const policy = new RegExp(`\`\`\`hcl\\n# ${layout}\\n([^\`]*)\`\`\``).exec(guide)?.[1];
      assert.ok(policy !== undefined, `the guide has a policy for ${layout}`);
      return policy;
    };
    const livesUnder = async (what: Partial<OpenBaoOptions>): Promise<KeyStore> => {
      const policy = await policyOf(what.layout ?? 'shared');
      const tokenFile = await tokenFileOf(engine.issueToken(policy));
      const bound = storeOf({ ...what, tokenFile });
      for (const one of [acme, rival]) {
        assert.equal(await bound.read(db, one, [L2]), null);
        await bound.write(db, one, change(1, { put: [key(L2, 1, one)] }));
        await bound.write(db, one, change(2));
        assert.equal((await bound.read(db, one, [L2]))?.keys[0]?.wrapped.toString(), one);
      }
      return bound;
    };

    test('shared: the policy of the guide is enough, and no more than its own paths', async () => {
      engine.mount('okcm');
      const bound = await livesUnder({ layout: 'shared', mount: 'okcm' });
      assert.equal(engine.storedTexts('okcm', `${AT}/acme`).length, 1);
      engine.admin('DELETE', `okcm/metadata/${AT}/acme`);
      assert.equal(await bound.read(db, acme, []), null);
      const elsewhere = createKeyStore(
        {
          ...options,
          mount: 'okcm',
          tokenFile: await tokenFileOf(engine.issueToken(await policyOf('shared'))),
        },
        { ...region, region: 'us-east-1' },
      );
      await assert.rejects(elsewhere.read(db, acme, []), refused('STORE_UNAVAILABLE', /403/));
    });

    test('a mount for each tenant', async () => {
      for (const one of [acme, rival]) engine.mount(`tenants/${one}`);
      const bound = await livesUnder({ layout: 'mount-per-tenant', mount: 'tenants/{tenant}' });
      assert.equal(engine.storedTexts('tenants/acme', `${AT}/acme`).length, 1);
      // Nobody made a mount for it: that is not the same as being empty.
      const missing = parseTenantId('unmounted');
      for (const attempt of [() => bound.read(db, missing, []), () => bound.write(db, missing, change(1))])
        await assert.rejects(attempt, refused('STORE_UNAVAILABLE', /no KV engine.*tenants\/unmounted/));
    });

    test('a namespace for each tenant', async () => {
      for (const one of [acme, rival]) engine.mount('okcm', { namespace: `openkcm/${one}` });
      await livesUnder({ layout: 'namespace-per-tenant', mount: 'okcm', namespace: 'openkcm/{tenant}' });
      assert.equal(engine.storedTexts('okcm', `${AT}/acme`, 'openkcm/acme').length, 1);
      assert.ok(engine.requests.some(({ namespace }) => namespace === 'openkcm/rival'));
    });

    test('one namespace, and a prefix of one’s own', async () => {
      engine.mount('okcm', { namespace: 'team' });
      await store.write(db, acme, change(1));
      const inTeam = storeOf({ mount: 'okcm', namespace: 'team', prefix: 'keys/of' });
      assert.equal(await inTeam.read(db, acme, []), null);
      await inTeam.write(db, acme, change(1));
      assert.equal(engine.storedTexts('okcm', 'keys/of/eu-west-1/acme', 'team').length, 1);
    });

    test('clusters and regions that share a mount do not meet', async () => {
      const others = [
        { cluster: 'prod', region: 'us-east-1' },
        { cluster: 'test', region: 'eu-west-1' },
      ].map((where) => createKeyStore(options, where));
      await write(change(1));
      for (const other of others) assert.equal(await read(other), null);
    });

    test('a path that would climb is refused before anything is sent', async () => {
      for (const climbing of [{ mount: '..' }, { mount: 'kv/../sys' }, { prefix: '../../sys' }]) {
        await assert.rejects(read(storeOf(climbing)), refused('STORE_UNAVAILABLE', /no path/));
      }
      assert.deepEqual(asked(), []);
    });
  });
});

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(performance.now() < end, 'it never came about');
    await delay(2);
  }
}

function inspectCauses(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? `${cause.message}${cause.stack}${inspectCauses(cause)}` : String(cause);
}
