/**
 * The whole life of a region's seal, at the command line (D2): the ceremony, unsealing after a crash, shares that do
 * not fit, other holders, a token that opens the region unattended, and back to shares. What was typed and answered is
 * compared with transcripts/ceremony.txt; run with UPDATE_TRANSCRIPTS=1 to write it anew.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { armor, Decrypter } from 'age-encryption';
import { type TestIdentity, TestRegion } from '../execution/core/testing/region.ts';
import { writePrivate } from '../platform/config-file.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { testDatabase } from '../testkit/postgres.ts';
import { startSoftHsm } from '../testkit/softhsm.ts';
import { CoreProcess, holdersIn, Transcript } from './support/ceremony.ts';

const TRANSCRIPT = new URL('transcripts/ceremony.txt', import.meta.url);
const UNATTENDED_MS = 5_000;
const FIRST = ['alice', 'bob', 'carol', 'dave', 'erin'];
const SECOND = ['frank', 'grace', 'heidi'];

describe('a key ceremony and what follows', { timeout: 110_000 }, () => {
  const directory = temporaryDirectory('ceremony');
  const transcript = new Transcript(directory);
  let region: TestRegion;
  let core: CoreProcess;
  let gateway: TestIdentity;
  let l3: Buffer;

  const share = (index: number, name: string, from = 'shares') =>
    `--share-file ${from}/share-${index}-${name}.age --identity holders/${name}.key`;
  const unseal = (rest: string, options: { input?: string; code?: number } = {}) =>
    transcript.okcm(`region unseal --operator operator.json ${rest}`, options);

  before(async () => {
    await holdersIn(join(directory, 'holders'), [...FIRST, ...SECOND]);
    await mkdir(join(directory, 'region'));
    region = await TestRegion.create(
      (await testDatabase()).url,
      join(directory, 'region'),
      async (config) => {
        config.seal = { kind: 'shamir', progressTtlMs: 60_000 };
        config.admin = {
          host: '127.0.0.1',
          port: 0,
          operators: [{ name: 'olivia', fingerprint: '0'.repeat(64) }],
        };
      },
    );
    const operator = await region.identity('olivia');
    region.config.admin = {
      host: '127.0.0.1',
      port: 0,
      operators: [{ name: 'olivia', fingerprint: operator.fingerprint }],
    };
    await writeFile(join(directory, 'operator.crt'), operator.certificatePem);
    await writePrivate(join(directory, 'operator.pem'), operator.privateKeyPem);
    await writeFile(join(directory, 'ca.crt'), region.ca.certificatePem);
    core = await CoreProcess.of(region, directory);
    await operatorFile(core.config.admin?.port);
  });
  after(async () => {
    await core.kill();
    await region.stop();
  });

  async function operatorFile(port = 0): Promise<void> {
    const file = {
      url: `https://127.0.0.1:${port}`,
      cert: 'operator.crt',
      key: 'operator.pem',
      ca: 'ca.crt',
    };
    await writePrivate(join(directory, 'operator.json'), JSON.stringify(file));
  }

  test('the ceremony: five shares, three of them open the region; it is held once', async () => {
    transcript.remark(
      'The ceremony. Each holder has sent the recipient of an age identity that nobody else has.',
    );
    const holders = FIRST.map((name) => `--holder holders/${name}.pub`).join(' ');
    const init = `region init --config core.json --shares 5 --threshold 3 ${holders} --out`;
    await transcript.okcm(`${init} shares`);
    assert.equal((await readdir(join(directory, 'shares'))).length, 6);
    await transcript.okcm(`${init} shares`, { code: 2 });
    await transcript.okcm(`${init} elsewhere`, { code: 1 });
    assert.ok(!existsSync(join(directory, 'elsewhere')), 'shares of no region are never made');
    await transcript.okcm('region init --config core.json --holder holders/alice.key --shares 1 --out x', {
      code: 2,
    });
  });

  test('the core starts sealed; two shares leave it so, each wrong one is named, the third opens it', async () => {
    transcript.remark('The core starts sealed. Holders come one after the other.');
    // In this process first, where jobs can reach it: a tenant is provisioned, and a gateway registered.
    await region.start();
    await operatorFile(region.core.adminPort);
    assert.equal(region.core.keychain.sealState, 'sealed');
    await transcript.okcm('region seal-status --operator operator.json');
    await unseal(share(1, 'alice'));
    await unseal(share(1, 'alice'), { code: 1 });
    await unseal('--share-file shares/share-2-bob.age --identity holders/carol.key', { code: 1 });
    await unseal('--share-file shares/share-2-bob.age', { code: 1 });
    const bob = await decrypted('bob', 'shares/share-2-bob.age');
    await unseal('', { input: bob.replace('eu-test-1', 'us-test-1'), code: 1 });
    const forged = bob.replace(/"share":"(.)/, (_, first) => `"share":"${first === 'A' ? 'B' : 'A'}`);
    await unseal('', { input: forged, code: 1 });
    await unseal('', { input: bob });
    await transcript.okcm('region seal-status --operator operator.json');
    assert.equal(region.core.keychain.sealState, 'sealed');
    await unseal(share(5, 'erin'));
    assert.equal(region.core.keychain.sealState, 'unsealed');
    await region.job('TENANT_PROVISION', { tenant: 'acme' });
    await region.job('SERVICE_PROVISION', { tenant: 'acme', service: 'payments' });
    gateway = await region.gateway();
    const lease = await core.lease(gateway, region.core.port);
    assert.ok(Buffer.isBuffer(lease), String(lease));
    l3 = lease;
    await region.stop();
    await operatorFile(core.config.admin?.port);
  });

  test('killed and started again it is sealed, KMIP and health say so, and other holders open it', async () => {
    transcript.remark('The core is killed, and started again.');
    await core.start();
    await core.kill();
    await core.start();
    const { status, body } = await core.health();
    assert.deepEqual([status, body.status], [503, 'sealed']);
    assert.equal(await core.lease(gateway), 'SEALED');
    await unseal(share(4, 'dave'));
    await unseal(share(3, 'carol'));
    assert.equal(await core.lease(gateway), 'SEALED');
    await unseal(share(2, 'bob'));
    assert.deepEqual(await core.lease(gateway), l3);
    assert.equal((await core.health()).status, 200);
    await unseal(share(1, 'alice'), { code: 1 });
  });

  test('other holders: three of the old ones approve, and the region never stops', async () => {
    transcript.remark(
      'Erin leaves. The shares are made anew for three others, and holders of the old ones approve.',
    );
    const holders = SECOND.map((name) => `--holder ${name}=holders/${name}.pub`).join(' ');
    const said = await transcript.okcm(
      `region reshare --operator operator.json --shares 3 --threshold 2 ${holders} --out new-shares`,
    );
    const id = /change ([0-9a-f-]{36})/.exec(said)?.[1] ?? '';
    const approve = (rest: string, code = 0) =>
      transcript.okcm(`region approve ${id} --operator operator.json ${rest}`, { code });
    await approve(share(1, 'alice'), 2);
    await approve(`--yes ${share(1, 'alice')}`);
    await approve(`--yes ${share(1, 'frank', 'new-shares')}`, 1);
    await approve(`--yes ${share(3, 'carol')}`);
    assert.deepEqual(await core.lease(gateway), l3, 'it serves meanwhile');
    await approve(`--yes ${share(4, 'dave')}`);
    assert.deepEqual(await core.lease(gateway), l3);
    await core.kill();
    await core.start();
    await unseal(share(5, 'erin'), { code: 1 });
    await unseal(share(3, 'heidi', 'new-shares'));
    await unseal(share(1, 'frank', 'new-shares'));
    assert.deepEqual(await core.lease(gateway), l3);
  });

  test('to a token: killed and started again, the core serves within 5 s, and nobody has to come', async () => {
    transcript.remark(
      'The region gets a token. The core is configured for it, and holders approve the move.',
    );
    const { module, tokenLabel, pinFile } = await startSoftHsm();
    const shamir = core.config.seal;
    const pkcs11 = { kind: 'pkcs11', module, tokenLabel, pinFile, keyLabel: 'okcm-unseal' } as const;
    await core.configure({ seal: pkcs11, previousSeal: shamir });
    await core.kill();
    await core.start();
    await transcript.okcm('region seal-status --operator operator.json');
    await transcript.okcm('region migrate-seal --operator operator.json', { code: 2 });
    const said = await transcript.okcm('region migrate-seal --operator operator.json --yes');
    const id = /change ([0-9a-f-]{36})/.exec(said)?.[1] ?? '';
    const approve = `region approve ${id} --operator operator.json --yes`;
    await transcript.okcm(`${approve} ${share(2, 'grace', 'new-shares')}`);
    await transcript.okcm(`${approve} ${share(3, 'heidi', 'new-shares')}`);
    assert.deepEqual(await core.lease(gateway), l3);

    await core.kill();
    const startedAt = performance.now();
    await core.start();
    assert.deepEqual(await core.lease(gateway), l3);
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < UNATTENDED_MS, `${tookMs} ms`);
    await transcript.okcm('region seal-status --operator operator.json');
  });

  test('and back to shares: the same L3, bit for bit, and the old shares open nothing', async () => {
    transcript.remark('The region goes back to shares. Its seal of now proves the move.');
    const { seal: pkcs11, previousSeal: shamir } = core.config;
    assert.ok(shamir !== undefined);
    await core.configure({ seal: shamir, previousSeal: pkcs11 });
    await core.kill();
    await core.start();
    assert.deepEqual(await core.lease(gateway), l3, 'its previous seal opens it');
    const holders = FIRST.map((name) => `--holder holders/${name}.pub`).join(' ');
    await transcript.okcm('region migrate-seal --operator operator.json --yes', { code: 1 });
    await transcript.okcm(`region migrate-seal --operator operator.json --yes ${holders} --out third`);
    await core.kill();
    await core.start();
    assert.equal(await core.lease(gateway), 'SEALED');
    await unseal(share(1, 'frank', 'new-shares'), { code: 1 });
    for (const [index, name] of [
      [5, 'erin'],
      [2, 'bob'],
      [1, 'alice'],
    ] as const) {
      await unseal(share(index, name, 'third'));
    }
    assert.deepEqual(await core.lease(gateway), l3);
  });

  test('no share is in a log, and none was in an argument', async () => {
    const log = core.output();
    assert.match(log, /share 1 \(alice\)/);
    for (const [name, file] of [
      ['alice', 'third/share-1-alice.age'],
      ['bob', 'third/share-2-bob.age'],
    ] as const) {
      const { share: secret } = JSON.parse(await decrypted(name, file)) as { share: string };
      assert.ok(!log.includes(secret) && !transcript.text.includes(secret));
    }
  });

  test('what was typed and answered is what the transcript says', async () => {
    if (process.env['UPDATE_TRANSCRIPTS'] === '1') await writeFile(TRANSCRIPT, transcript.text);
    assert.equal(transcript.text, await readFile(TRANSCRIPT, 'utf8'));
  });

  async function decrypted(name: string, file: string): Promise<string> {
    const identity = (await readFile(join(directory, 'holders', `${name}.key`), 'utf8'))
      .trim()
      .split('\n')
      .at(-1);
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity ?? '');
    return await decrypter.decrypt(armor.decode(await readFile(join(directory, file), 'utf8')), 'text');
  }
});
