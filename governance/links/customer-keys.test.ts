/**
 * Customers' own keys through the public doors: hold your own (AWS KMS by its double, a real SoftHSM token), bring your own,
 * and what happens to links when a key is withdrawn at its provider, or the provider is merely away.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { wrapForImport } from '../../platform/key-wrap.ts';
import { waitedMs } from '../../testkit/clocks.ts';
import { testWorld } from '../../testkit/governance.ts';
import { type FakeAwsKms, startAwsKms } from '../../testkit/keystores/aws-kms.ts';
import { type FaultProxy, startProxy } from '../../testkit/proxy.ts';
import { startSoftHsm } from '../../testkit/softhsm.ts';
import { type Answer, until, type World } from '../test-world.ts';

const PROBE_EVERY_MS = 300;
/** A busy machine takes its time; what is measured is bounded by the decision, not by this. */
const PATIENCE_MS = 20_000;

let world: World;
let aws: FakeAwsKms;
let proxy: FaultProxy;

async function secretFile(name: string, content: string): Promise<string> {
  const path = join(dirname(world.keystorePath), name);
  await writeFile(path, content, { mode: 0o600 });
  await chmod(path, 0o600);
  return path;
}

before(async () => {
  [world, aws] = await Promise.all([
    testWorld({ regions: ['north', 'south'], link: { probeEveryMs: PROBE_EVERY_MS } }),
    startAwsKms(),
  ]);
  proxy = await startProxy({ targetPort: Number(new URL(aws.url).port) });
  await world.must(201, 'POST', '/v1/keystores', {
    name: 'aws',
    kind: 'aws-kms',
    config: {
      region: aws.region,
      endpoint: `http://${proxy.host}:${proxy.port}`,
      credentialsFile: await secretFile('aws.json', JSON.stringify(aws.cmk)),
    },
  });
});
after(async () => {
  await world.close();
  await proxy.close();
  await aws.close();
});

const keysPath = (tenant: string, alias = ''): string =>
  `/v1/tenants/${tenant}/keys${alias === '' ? '' : `/${alias}`}`;
const keyOf = (tenant: string, alias = 'l1'): Promise<Answer['body']> =>
  world.must(200, 'GET', keysPath(tenant, alias));
const troubleOf = async (tenant: string): Promise<Answer['body']> =>
  (await world.must(200, 'GET', '/v1/status')).keys.find((key: { tenant: string }) => key.tenant === tenant);

/** A tenant without any key yet. */
async function onboard(tenant: string): Promise<void> {
  await world.must(202, 'POST', '/v1/tenants', { id: tenant });
  await until(`${tenant} is active`, async () => {
    return (await world.must(200, 'GET', `/v1/tenants/${tenant}`)).state === 'active';
  });
}

async function linkOwnKey(tenant: string): Promise<string> {
  await onboard(tenant);
  const reference = aws.console.createKey();
  await world.must(201, 'POST', keysPath(tenant), { alias: 'l1', keystore: 'aws', reference });
  await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'l1' });
  await world.linked(tenant, 'active', PATIENCE_MS);
  return reference;
}

test('hold your own: an alias is registered as the key behind it, proved, and linked', async () => {
  await onboard('acme');
  await onboard('rival');
  const reference = aws.console.createKey();
  aws.console.pointAlias('alias/acme', reference);
  const key = await world.must(201, 'POST', keysPath('acme'), {
    alias: 'l1',
    keystore: 'aws',
    reference: 'alias/acme',
  });
  assert.deepEqual(
    { reference: key.reference, named: key.named, origin: key.origin, state: key.state },
    { reference, named: 'alias/acme', origin: 'reference', state: 'ENABLED' },
  );
  assert.ok(key.provedAt !== null);
  // Whatever it is called by: the same key is nobody else's.
  for (const name of ['alias/acme', reference, reference.split('/').at(-1)]) {
    const answer = await world.call('POST', keysPath('rival'), {
      alias: 'l1',
      keystore: 'aws',
      reference: name,
    });
    assert.equal(answer.body.code, 'KEY_BELONGS_TO_OTHER_TENANT', name);
  }
  await world.must(202, 'POST', '/v1/tenants/acme/link', { key: 'l1' });
  await world.linked('acme', 'active', PATIENCE_MS);
  assert.equal((await world.must(200, 'POST', `${keysPath('acme', 'l1')}/proof`)).state, 'ENABLED');
});

test('a key that CMK may see but not use is not registered', async () => {
  const reference = aws.console.createKey();
  aws.console.disable(reference);
  const answer = await world.call('POST', keysPath('rival'), { alias: 'l1', keystore: 'aws', reference });
  assert.deepEqual([answer.status, answer.body.code], [409, 'KEY_NOT_USABLE']);
  assert.match(answer.body.detail, /DISABLED/);
});

test('the provider is away for a while: a warning, since when and who can mend it, and nothing else', async () => {
  const before = await keyOf('acme');
  proxy.cut();
  const warned = await until('a warning', async () => {
    const key = await keyOf('acme');
    return key.warning === null ? undefined : key;
  });
  assert.equal(warned.warning.state, 'UNREACHABLE');
  assert.deepEqual(
    [warned.state, warned.stateSince, warned.mend.by],
    ['ENABLED', before.stateSince, 'operator'],
  );
  await until('it is asked more and more rarely', async () => {
    const [row] = await world.query(
      `SELECT extract(epoch FROM probe_at - now())::float8 * 1000 AS due_ms FROM l1_keys
         WHERE tenant = 'acme' AND alias = 'l1'`,
    );
    return Number(row?.['due_ms']) > PROBE_EVERY_MS * 2;
  });
  assert.equal((await keyOf('acme')).warning.since, warned.warning.since);
  assert.equal((await world.must(200, 'GET', '/v1/tenants/acme/links')).state, 'active');
  assert.equal((await troubleOf('acme')).warning.state, 'UNREACHABLE');
  proxy.resume();
  await until('the warning is gone', async () => (await keyOf('acme')).warning === null);
  assert.equal((await keyOf('acme')).stateSince, before.stateSince);
  assert.equal(await troubleOf('acme'), undefined);
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=acme&limit=200');
  const told = items.filter((event: { action: string }) => event.action === 'key.warning');
  assert.deepEqual(told.map((event: { detail: { warned: boolean } }) => event.detail.warned).sort(), [
    false,
    true,
  ]);
});

test('disabled at the provider: unlinked within a probe interval and a second, saying who, why and since when', async () => {
  const reference = await linkOwnKey('withdrawn');
  aws.console.disable(reference);
  const disabledAt = Date.now();
  const begun = until('the unlinking has begun', async () => {
    const links = await world.must(200, 'GET', '/v1/tenants/withdrawn/links');
    return ['closing', 'closed'].includes(links.state) ? links : undefined;
  });
  const tookMs = await waitedMs(() => begun);
  assert.ok(tookMs < PROBE_EVERY_MS + 1_000, `it took ${tookMs} ms`);
  const [closing, seenAt] = [await begun, Date.now()];
  assert.match(closing.regions[0].reason, /^L1 key l1 is DISABLED at keystore aws \(aws-kms\) since 20/);
  await world.linked('withdrawn', 'closed', PATIENCE_MS);

  const trouble = await troubleOf('withdrawn');
  assert.deepEqual(
    [trouble.state, trouble.keystore, trouble.kind, trouble.mend.by],
    ['DISABLED', 'aws', 'aws-kms', 'customer'],
  );
  assert.ok(trouble.lastEnabledAt < trouble.stateSince);
  const sinceMs = Date.parse(trouble.stateSince);
  assert.ok(sinceMs > disabledAt - PROBE_EVERY_MS - 1_000 && sinceMs <= seenAt, trouble.stateSince);
  const { items } = await world.must(200, 'GET', '/v1/audit?tenant=withdrawn&limit=200');
  const event = items.find((each: { action: string }) => each.action === 'key.state');
  assert.deepEqual(
    [event.actor, event.detail.state, event.detail.keystore, event.detail.kind],
    ['system:kill-switch', 'DISABLED', 'aws', 'aws-kms'],
  );

  const link = () => world.call('POST', '/v1/tenants/withdrawn/link', { key: 'l1' });
  assert.equal((await link()).body.code, 'KEY_NOT_USABLE');
  assert.equal(
    (await world.call('POST', `${keysPath('withdrawn', 'l1')}/proof`)).body.code,
    'KEY_NOT_USABLE',
  );
  aws.console.enable(reference);
  assert.equal((await world.must(200, 'POST', `${keysPath('withdrawn', 'l1')}/proof`)).state, 'ENABLED');
  assert.equal((await link()).status, 202);
  await world.linked('withdrawn', 'active', PATIENCE_MS);
  assert.equal(await troubleOf('withdrawn'), undefined);
});

test('a permission that was withdrawn counts as a refusal of the customer’s', async () => {
  const reference = await linkOwnKey('refused');
  aws.console.forbid(reference);
  const closed = await world.linked('refused', 'closed', PATIENCE_MS);
  assert.match(closed.regions[0].reason, /is FORBIDDEN at keystore aws/);
});

test('the right to unwrap alone was withdrawn: as good as all of it, and no idle probe forgets it', async () => {
  const reference = await linkOwnKey('half');
  aws.console.forbidOnly(reference, 'Decrypt');
  const closed = await world.linked('half', 'closed', PATIENCE_MS);
  assert.match(closed.regions[0].reason, /is FORBIDDEN at keystore aws/);
  await world.query(`UPDATE l1_keys SET probe_at = now(), checked_at = now() WHERE tenant = 'half'`);
  await until('it was probed once more', async () => {
    const [row] = await world.query(
      `SELECT probe_at > now() + interval '1 minute' AS probed FROM l1_keys WHERE tenant = 'half'`,
    );
    return row?.['probed'] === true;
  });
  await delay(PROBE_EVERY_MS);
  assert.equal((await keyOf('half')).state, 'FORBIDDEN');
});

test('what becomes of a key that no link stands on unlinks nobody', async () => {
  await linkOwnKey('careful');
  const spare = aws.console.createKey();
  await world.must(201, 'POST', keysPath('careful'), { alias: 'spare', keystore: 'aws', reference: spare });
  aws.console.disable(spare);
  const proof = (alias: string) => world.call('POST', `${keysPath('careful', alias)}/proof`);
  assert.equal((await proof('spare')).body.code, 'KEY_NOT_USABLE');
  await world.must(201, 'POST', `${keysPath('careful', 'coming')}/import`, { keystore: 'aws' });
  assert.equal((await proof('coming')).body.code, 'KEY_NOT_USABLE');
  assert.equal((await keyOf('careful', 'spare')).state, 'DISABLED');
  assert.equal((await world.must(200, 'GET', '/v1/tenants/careful/links')).state, 'active');
});

test('a keystore that hangs delays the kill switch of no other', async () => {
  await world.onboard('quick');
  await world.must(202, 'POST', '/v1/tenants/quick/link', { key: 'main' });
  await world.linked('quick', 'active', PATIENCE_MS);
  proxy.swallow();
  try {
    await delay(PROBE_EVERY_MS * 2);
    const { reference } = await keyOf('quick', 'main');
    await world.keystore.setState(reference, 'disabled');
    const hasBegun = async () => {
      const { state } = await world.must(200, 'GET', '/v1/tenants/quick/links');
      return state === 'closing' || state === 'closed';
    };
    const tookMs = await waitedMs(() => until('the unlinking has begun', hasBegun));
    assert.ok(tookMs < PROBE_EVERY_MS + 1_000, `it took ${tookMs} ms`);
  } finally {
    proxy.resume();
  }
  await until('the hanging one is back', async () => (await keyOf('acme')).warning === null);
});

test('requests that hold every connection do not delay the kill switch', async () => {
  await world.onboard('crowded');
  await world.must(202, 'POST', '/v1/tenants/crowded/link', { key: 'main' });
  await world.linked('crowded', 'active', PATIENCE_MS);
  const { reference } = await keyOf('crowded', 'main');
  const done = world.query('BEGIN; LOCK TABLE workspaces; SELECT pg_sleep(4); COMMIT');
  const crowd = Array.from({ length: 40 }, () => world.call('GET', '/v1/tenants/crowded/workspaces'));
  await delay(500);
  await world.keystore.setState(reference, 'disabled');
  const hasBegun = async () => {
    const rows = await world.query(`SELECT state FROM links WHERE tenant = 'crowded'`);
    return rows.every(({ state }) => state === 'closing' || state === 'closed');
  };
  const tookMs = await waitedMs(() => until('the unlinking has begun', hasBegun));
  assert.ok(tookMs < PROBE_EVERY_MS + 1_000, `it took ${tookMs} ms`);
  await Promise.all([done, ...crowd]);
});

test('bring your own: wrapped for the keystore, which alone can open it', async () => {
  await onboard('bringer');
  const path = `${keysPath('bringer', 'l1')}/import`;
  const begun = await world.must(201, 'POST', path, { keystore: 'aws' });
  assert.deepEqual([begun.algorithm, begun.material], ['RSAES_OAEP_SHA_256', 'AES_256']);
  assert.deepEqual(await world.must(200, 'GET', path), begun);
  const waiting = await keyOf('bringer');
  assert.deepEqual(
    [waiting.state, waiting.origin, waiting.mend.by],
    ['PENDING_IMPORT', 'imported', 'customer'],
  );
  assert.equal(
    (await world.call('POST', '/v1/tenants/bringer/link', { key: 'l1' })).body.code,
    'KEY_NOT_USABLE',
  );

  const upload = (bytes: Buffer) => world.call('PUT', path, { wrapped: bytes.toString('base64') });
  assert.equal((await upload(randomBytes(512))).body.code, 'IMPORT_REFUSED');
  const wrapped = wrapForImport(begun.publicKey, begun.algorithm, randomBytes(32));
  await world.query(`UPDATE l1_key_imports SET expires_at = now() - interval '1 s' WHERE tenant = 'bringer'`);
  assert.equal((await upload(wrapped)).body.code, 'IMPORT_EXPIRED');

  // Begun anew, as an import that has expired has to be: what was wrapped before is worth nothing.
  const again = await world.must(201, 'POST', path, { keystore: 'aws' });
  assert.notEqual(again.reference, begun.reference);
  assert.equal((await upload(wrapped)).body.code, 'IMPORT_REFUSED');
  const imported = await upload(wrapForImport(again.publicKey, again.algorithm, randomBytes(32)));
  assert.deepEqual(
    [imported.status, imported.body.state, imported.body.reference],
    [200, 'ENABLED', again.reference],
  );
  assert.equal((await upload(wrapped)).body.code, 'IMPORT_UNKNOWN');
  assert.equal((await world.call('POST', path, { keystore: 'aws' })).body.code, 'ALREADY_EXISTS');
  await world.must(202, 'POST', '/v1/tenants/bringer/link', { key: 'l1' });
  await world.linked('bringer', 'active', PATIENCE_MS);

  // What was brought can be taken away again: the key stays, and opens nothing.
  aws.console.deleteMaterial(again.reference);
  const closed = await world.linked('bringer', 'closed', PATIENCE_MS);
  assert.match(closed.regions[0].reason, /is PENDING_IMPORT at keystore aws/);
});

test('nothing is made at a keystore that CMK would have no room for', async () => {
  const made = async (): Promise<number> =>
    (await readFile(world.keystorePath, 'utf8')).split(/"(?:state|privateKey)":/).length - 1;
  const refused = async (method: string, path: string, body: object): Promise<unknown> =>
    (await world.call(method, path, body)).body.code;
  const create = { keystore: 'soft', alias: 'one-more', create: true };
  await world.onboard('greedy');
  const begin = (alias: string): Promise<Answer> =>
    world.call('POST', `${keysPath('greedy', alias)}/import`, { keystore: 'soft' });
  const begun = await begin('late');
  const before = await made();
  assert.deepEqual((await begin('late')).body, begun.body);
  assert.equal((await begin('main')).body.code, 'ALREADY_EXISTS');
  assert.equal(
    await refused('POST', keysPath('greedy'), { ...create, keyConfiguration: 'nowhere' }),
    'KEY_CONFIGURATION_UNKNOWN',
  );
  assert.equal(await made(), before);

  await Promise.all(Array.from({ length: 9 }, (_, at) => begin(`open-${at}`)));
  const full = await made();
  assert.equal((await begin('open-9')).body.code, 'LIMIT_REACHED');
  assert.equal(await made(), full);
  await world.query(
    `UPDATE l1_key_imports SET expires_at = now() WHERE tenant = 'greedy' AND alias <> 'late'`,
  );
  assert.equal((await begin('late')).status, 201);

  await world.query(
    `INSERT INTO l1_keys (tenant, alias, keystore, reference, state)
       SELECT 'greedy', 'k' || n, 'soft', 'greedy-' || n, 'ENABLED' FROM generate_series(12, 100) n`,
  );
  assert.equal(await refused('POST', keysPath('greedy'), create), 'LIMIT_REACHED');
  assert.equal((await begin('open-10')).body.code, 'LIMIT_REACHED');
  assert.equal(await made(), full);
  await world.query(`DELETE FROM l1_keys WHERE reference LIKE 'greedy-%'`);
});

test('an upload whose answer was lost is not sent again: it goes on where it was', async () => {
  const path = `${keysPath('bringer', 'second')}/import`;
  const begun = await world.must(201, 'POST', path, { keystore: 'aws' });
  const wrapped = wrapForImport(begun.publicKey, begun.algorithm, randomBytes(32)).toString('base64');
  await world.must(200, 'PUT', path, { wrapped });
  // As a crash between the provider's answer and our transaction would leave it.
  await world.query(
    `UPDATE l1_key_imports SET finished_at = NULL WHERE tenant = 'bringer' AND alias = 'second'`,
  );
  const uploads = (): number => aws.asked.filter((operation) => operation === 'ImportKeyMaterial').length;
  const before = uploads();
  assert.equal((await world.must(200, 'PUT', path, { wrapped })).state, 'ENABLED');
  assert.equal(uploads(), before);
});

test('a real token: a key made in it is linked, material is brought into it, and what it has no more unlinks', async () => {
  const token = await startSoftHsm('customer');
  const pinFile = await secretFile('pin', `${token.pin}\n`);
  const config = { module: token.module, tokenLabel: token.tokenLabel, pinFile };
  await world.must(201, 'POST', '/v1/keystores', { name: 'hsm', kind: 'pkcs11', config });
  await onboard('vaulted');
  const key = await world.must(201, 'POST', keysPath('vaulted'), {
    alias: 'l1',
    keystore: 'hsm',
    create: true,
  });
  assert.match(key.reference, /^pkcs11:id=/);
  await world.must(202, 'POST', '/v1/tenants/vaulted/link', { key: 'l1' });
  await world.linked('vaulted', 'active', PATIENCE_MS);

  const path = `${keysPath('vaulted', 'brought')}/import`;
  const begun = await world.must(201, 'POST', path, { keystore: 'hsm' });
  const wrapped = wrapForImport(begun.publicKey, begun.algorithm, randomBytes(32)).toString('base64');
  assert.equal((await world.must(200, 'PUT', path, { wrapped })).state, 'ENABLED');
  await world.must(202, 'POST', '/v1/tenants/vaulted/link', { key: 'brought' });
  await until('both regions stand on the brought key', async () => {
    const { state, regions } = await world.must(200, 'GET', '/v1/tenants/vaulted/links');
    return state === 'active' && regions.every((each: { key: string }) => each.key === 'brought');
  });
});

test('a keystore of one tenant serves no other, and none loads a library that is not allowed', async () => {
  const directory = dirname(world.keystorePath);
  for (const tenant of ['acme', 'rival']) await mkdir(join(directory, tenant), { recursive: true });
  const path = join(directory, 'acme', 'private.json');
  const own = { name: 'private', kind: 'software', config: { path } };
  await world.must(201, 'POST', '/v1/tenants/acme/keystores', own);
  const names = async (prefix: string): Promise<string[]> =>
    (await world.must(200, 'GET', `${prefix}/keystores`)).items.map(({ name }: { name: string }) => name);
  assert.ok((await names('/v1/tenants/acme')).includes('private'));
  for (const prefix of ['/v1', '/v1/tenants/rival']) assert.ok(!(await names(prefix)).includes('private'));
  // Nor may one lend itself what belongs to another, or what is CMK's own.
  for (const file of [path, world.keystorePath, join(directory, 'aws.json')])
    assert.equal(
      (
        await world.call('POST', '/v1/tenants/rival/keystores', {
          ...own,
          name: 'lent',
          config: { path: file },
        })
      ).body.code,
      'KEYSTORE_PATH_REFUSED',
    );
  const near = { name: 'near', kind: 'aws-kms', config: { region: 'r', endpoint: 'https://127.0.0.1:1/' } };
  assert.equal((await world.call('POST', '/v1/tenants/rival/keystores', near)).body.code, 'INVALID_REQUEST');
  const ask = (tenant: string) =>
    world.call('POST', keysPath(tenant), { alias: 'mine', keystore: 'private', create: true });
  assert.equal((await ask('rival')).body.code, 'KEYSTORE_UNKNOWN');
  assert.equal((await ask('acme')).status, 201);
  const refused: [string, string, object, string][] = [
    ['pkcs11', 'x1', { module: '/tmp/mine.so', tokenLabel: 'x', pinFile: path }, 'KEYSTORE_PATH_REFUSED'],
    ['aws-kms', 'x2', { region: 'r', credentialsFile: '/etc/shadow' }, 'KEYSTORE_PATH_REFUSED'],
    ['aws-kms', 'x3', { region: 'r', endpoint: 'http://169.254.169.254/' }, 'INVALID_REQUEST'],
    ['openbao', 'x4', { address: 'ftp://bao', tokenFile: path }, 'INVALID_REQUEST'],
    ['abacus', 'x5', { path }, 'INVALID_REQUEST'],
    ['software', 'x6', { path, region: 'r' }, 'INVALID_REQUEST'],
  ];
  for (const [kind, name, config, code] of refused)
    assert.equal((await world.call('POST', '/v1/keystores', { name, kind, config })).body.code, code, name);
});

test('no secret of a keystore is in any table', async () => {
  const tables = await world.query(`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`);
  for (const { name } of tables) {
    const dump = JSON.stringify(
      await world.query(`SELECT to_jsonb(t)::text AS row FROM "${String(name)}" t`),
    );
    assert.ok(!dump.includes(aws.cmk.secretAccessKey), `table ${String(name)} holds a credential`);
  }
});
