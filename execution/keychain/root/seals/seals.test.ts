// The token seal against a real SoftHSM, the transit seal against a double of the engine's HTTP contract.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { temporaryDirectory } from '../../../../testkit/directories.ts';
import { testPki } from '../../../../testkit/pki.ts';
import { startSoftHsm, type TestToken } from '../../../../testkit/softhsm.ts';
import { startTransit, type TestTransit } from '../../../../testkit/transit.ts';
import { SecretBytes } from '../../../envelope/index.ts';
import { KeychainError, type KeychainErrorCode } from '../../errors.ts';
import type { SealProvider } from '../seal-provider.ts';
import { sealKindOf } from './blob.ts';
import { createPkcs11Seal } from './pkcs11-seal.ts';
import { createTransitSeal } from './transit-seal.ts';

/** What an engine that answers gets: so much that a processor with other work to do changes no answer. */
const PATIENT_MS = 30_000;
/** What an engine that never answers gets. */
const IMPATIENT_MS = 300;

const binding = { cluster: 'prod', region: 'eu-west-1' };

function refused(code: KeychainErrorCode, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof KeychainError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

/** What every seal must do, whatever stands behind it. */
async function keepsTheContract(seal: SealProvider, other: SealProvider): Promise<Uint8Array> {
  using key = SecretBytes.random(32);
  const blob = await seal.sealUnsealKey(key, binding);
  assert.equal(sealKindOf(blob), seal.kind);
  using opened = await seal.openUnsealKey(blob, binding);
  assert.ok(opened.equals(key));
  const plain = key.use((bytes) => Buffer.from(bytes));
  for (const encoding of ['base64', 'hex', 'latin1'] as const) {
    assert.ok(
      !Buffer.from(blob).toString('latin1').includes(plain.toString(encoding)),
      `no ${encoding} of the key`,
    );
  }
  for (const foreign of [
    { ...binding, cluster: 'other' },
    { ...binding, region: 'us-east-1' },
    { cluster: binding.region, region: binding.cluster },
  ]) {
    await assert.rejects(seal.openUnsealKey(blob, foreign), refused('SEAL_REJECTED', /./));
  }
  await assert.rejects(other.openUnsealKey(blob, binding), refused('SEAL_REJECTED', new RegExp(seal.kind)));
  const damaged = Buffer.from(blob);
  const at = damaged.lastIndexOf('"', damaged.length - 3) - 4;
  damaged[at] = damaged[at] === 0x41 ? 0x42 : 0x41;
  await assert.rejects(seal.openUnsealKey(damaged, binding), refused('SEAL_REJECTED', /./));
  for (const nonsense of [
    Buffer.alloc(0),
    Buffer.from('{'),
    Buffer.from('null'),
    Buffer.alloc(300_000, 0x20),
  ]) {
    await assert.rejects(seal.openUnsealKey(nonsense, binding), refused('SEAL_REJECTED', /./));
  }
  return blob;
}

const idleTransit = (): SealProvider =>
  createTransitSeal({
    url: 'http://127.0.0.1:1',
    mount: 'transit',
    key: 'k',
    tokenFile: '/nowhere',
    timeoutMs: PATIENT_MS,
  });

describe('PKCS#11 seal', () => {
  let token: TestToken;
  before(async () => {
    token = await startSoftHsm();
  });
  const sealOf = (options: Partial<Parameters<typeof createPkcs11Seal>[0]> = {}) =>
    createPkcs11Seal({ ...token, keyLabel: 'unseal', ...options });

  test('seals and opens for its cluster and region only', async () => {
    await keepsTheContract(sealOf(), idleTransit());
  });

  test('the key is made once, by its label, and cannot leave the token', async () => {
    using key = SecretBytes.random(32);
    const [first, second] = [
      await sealOf().sealUnsealKey(key, binding),
      await sealOf().sealUnsealKey(key, binding),
    ];
    const idOf = (blob: Uint8Array) => (JSON.parse(Buffer.from(blob).toString()) as { keyId: string }).keyId;
    assert.equal(idOf(first), idOf(second));
    const other = await sealOf({ keyLabel: 'another' }).sealUnsealKey(key, binding);
    assert.notEqual(idOf(first), idOf(other));
    // A key that somebody brought along has been outside of the token.
    const file = join(temporaryDirectory('key'), 'aes');
    await writeFile(file, Buffer.alloc(32, 7));
    const id = ['--id', 'abcd', '--label', 'brought-along'];
    execFileSync(
      'softhsm2-util',
      ['--import', file, '--aes', '--token', token.tokenLabel, '--pin', token.pin, ...id],
      { stdio: 'pipe', env: { ...process.env, ...token.env } },
    );
    await assert.rejects(
      sealOf({ keyLabel: 'brought-along' }).sealUnsealKey(key, binding),
      refused('SEAL_REJECTED', /never left the token/),
    );
  });

  test('a wrong PIN is tried once, so that the token does not lock', async () => {
    const pinFile = join(temporaryDirectory('pin'), 'pin');
    await writeFile(pinFile, 'wrong', { mode: 0o600 });
    using key = SecretBytes.random(32);
    const seal = sealOf({ pinFile });
    await assert.rejects(seal.sealUnsealKey(key, binding), refused('SEAL_REJECTED', /CKR_PIN_INCORRECT/));
    for (let tries = 0; tries < 20; tries++) {
      await assert.rejects(seal.sealUnsealKey(key, binding), refused('SEAL_REJECTED', /not tried again/));
    }
    await writeFile(pinFile, token.pin);
    await seal.sealUnsealKey(key, binding);
    await chmod(pinFile, 0o644);
    await assert.rejects(seal.sealUnsealKey(key, binding), refused('SEAL_REJECTED', /mode 0644/));
  });

  test('what is away may come back: no token, no library', async () => {
    using key = SecretBytes.random(32);
    const cases: [Partial<Parameters<typeof createPkcs11Seal>[0]>, RegExp][] = [
      [{ tokenLabel: 'gone' }, /no token "gone"/],
      [{ module: '/nowhere/libpkcs11.so' }, /\/nowhere\/libpkcs11\.so/],
    ];
    for (const [options, message] of cases) {
      await assert.rejects(sealOf(options).sealUnsealKey(key, binding), refused('SEAL_UNAVAILABLE', message));
    }
    const blob = await sealOf({ keyLabel: 'kept' }).sealUnsealKey(key, binding);
    await assert.rejects(sealOf({ keyLabel: 'kept', tokenLabel: 'gone' }).openUnsealKey(blob, binding), {
      code: 'SEAL_UNAVAILABLE',
    });
    // Another token does not have the key.
    const elsewhere = await startSoftHsm('elsewhere');
    const there = createPkcs11Seal({ ...elsewhere, keyLabel: 'kept' });
    await assert.rejects(there.openUnsealKey(blob, binding), refused('SEAL_REJECTED', /has no key "kept"/));
  });
});

describe('OpenBao transit seal', () => {
  let engine: TestTransit;
  let tokenFile: string;
  before(async () => {
    engine = await startTransit();
    tokenFile = join(temporaryDirectory('token'), 'token');
    await writeFile(tokenFile, `${engine.token}\n`, { mode: 0o600 });
  });
  after(() => engine.close());
  const sealOf = (options: Partial<Parameters<typeof createTransitSeal>[0]> = {}) =>
    createTransitSeal({ ...engine, tokenFile, timeoutMs: PATIENT_MS, ...options });
  const aToken = () => createPkcs11Seal({ module: '/x', tokenLabel: 'x', keyLabel: 'x', pinFile: '/x' });

  test('seals and opens for its cluster and region only', async () => {
    await keepsTheContract(sealOf({ namespace: 'team' }), aToken());
    assert.equal(engine.lastHeaders()['x-vault-namespace'], 'team');
  });

  test('a rotated transit key still opens, until its version is retired', async () => {
    using key = SecretBytes.random(32);
    const blob = await sealOf().sealUnsealKey(key, binding);
    engine.rotate();
    using opened = await sealOf().openUnsealKey(blob, binding);
    assert.ok(opened.equals(key));
    engine.setMinimumDecryptionVersion(2);
    await assert.rejects(sealOf().openUnsealKey(blob, binding), refused('SEAL_REJECTED', /too old/));
    engine.setMinimumDecryptionVersion(1);
    const newer = Buffer.from(Buffer.from(blob).toString().replace(':v1:', ':v9:'));
    await assert.rejects(sealOf().openUnsealKey(newer, binding), refused('SEAL_REJECTED', /too new/));
  });

  test('what the engine may get over is unavailable, what it will not is rejected', async () => {
    using key = SecretBytes.random(32);
    const blob = await sealOf().sealUnsealKey(key, binding);
    const moods: [TestTransit['mood'], KeychainErrorCode, RegExp][] = [
      ['sealed', 'SEAL_UNAVAILABLE', /503 "Vault is sealed"/],
      ['standby', 'SEAL_UNAVAILABLE', /307/],
      ['silent', 'SEAL_UNAVAILABLE', /within 300 ms/],
      ['flood', 'SEAL_UNAVAILABLE', /larger than/],
      ['garbage', 'SEAL_REJECTED', /does not answer as/],
      ['short-key', 'SEAL_REJECTED', /did not answer with/],
    ];
    try {
      for (const [mood, code, message] of moods) {
        engine.mood = mood;
        const seal = sealOf({ timeoutMs: mood === 'silent' ? IMPATIENT_MS : PATIENT_MS });
        await assert.rejects(seal.openUnsealKey(blob, binding), refused(code, message));
        await assert.rejects(seal.sealUnsealKey(key, binding), refused(code, message));
      }
    } finally {
      engine.mood = 'well';
    }
    const nobody = sealOf({ url: 'http://127.0.0.1:1' });
    await assert.rejects(nobody.openUnsealKey(blob, binding), refused('SEAL_UNAVAILABLE', /ECONNREFUSED/));
    const noKey = sealOf({ key: 'missing' });
    await assert.rejects(noKey.sealUnsealKey(key, binding), refused('SEAL_REJECTED', /404.*no such key/));
    await assert.rejects(
      noKey.openUnsealKey(blob, binding),
      refused('SEAL_REJECTED', /encryption key not found/),
    );
    using opened = await sealOf().openUnsealKey(blob, binding);
    assert.ok(opened.equals(key));
  });

  test('the token: refused, readable by others, and never in an error', async () => {
    using key = SecretBytes.random(32);
    const wrong = join(temporaryDirectory('token'), 'wrong');
    await writeFile(wrong, 's.a-wrong-token', { mode: 0o600 });
    await assert.rejects(sealOf({ tokenFile: wrong }).sealUnsealKey(key, binding), (error: Error) => {
      assert.doesNotMatch(`${error.message}${error.stack}`, /a-wrong-token/);
      return refused('SEAL_REJECTED', /403 "permission denied"/)(error);
    });
    await chmod(wrong, 0o640);
    await assert.rejects(
      sealOf({ tokenFile: wrong }).sealUnsealKey(key, binding),
      refused('SEAL_REJECTED', /mode 0640/),
    );
  });

  test('TLS: the given authority is trusted and no other; plain http stays on this host', async () => {
    const pki = await testPki();
    const pair = await pki.server();
    const secure = await startTransit({ tls: { cert: pair.certificatePem, key: pair.privateKeyPem } });
    const directory = temporaryDirectory('ca');
    const ca = join(directory, 'ca.pem');
    await writeFile(ca, pki.ca.certificatePem);
    await writeFile(join(directory, 'token'), secure.token, { mode: 0o600 });
    const options = { url: secure.url, tokenFile: join(directory, 'token') };
    try {
      await keepsTheContract(sealOf({ ...options, ca }), aToken());
      using key = SecretBytes.random(32);
      await assert.rejects(
        sealOf(options).sealUnsealKey(key, binding),
        refused('SEAL_UNAVAILABLE', /certificate/i),
      );
      await assert.rejects(
        sealOf({ ...options, url: 'http://bao.example' }).sealUnsealKey(key, binding),
        refused('SEAL_REJECTED', /not https/),
      );
    } finally {
      await secure.close();
    }
  });
});
