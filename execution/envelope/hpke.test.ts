/** Secrets to another process's key: open for that key, that purpose, unaltered; refused otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRegionId, parseTenantId } from '../../contracts/index.ts';
import { type LinkSealContext, openLinkSecret, sealLinkSecret } from '../../contracts/sealing.ts';
import {
  generateKeyPair,
  HPKE_PUBLIC_KEY_BYTES,
  openWith,
  SealingError,
  SecretBytes,
  sealTo,
} from './index.ts';

const info = Buffer.from('what the tests seal');

test('a secret arrives, for exactly its key and its purpose', async () => {
  const pair = await generateKeyPair();
  assert.equal(pair.publicKey.byteLength, HPKE_PUBLIC_KEY_BYTES);
  const secret = SecretBytes.random(32);
  const sealed = await sealTo(pair.publicKey, secret, info);
  assert.ok((await openWith(pair.privateKey, sealed, info)).equals(secret));

  const other = await generateKeyPair();
  await assert.rejects(openWith(other.privateKey, sealed, info), SealingError);
  await assert.rejects(openWith(pair.privateKey, sealed, Buffer.from('something else')), SealingError);
});

test('altered, truncated and oversized messages and keys are refused with a SealingError', async () => {
  const pair = await generateKeyPair();
  const { enc, ct } = await sealTo(pair.publicKey, SecretBytes.random(32), info);
  const flipped = (bytes: Uint8Array) => bytes.map((byte, index) => (index === 7 ? byte ^ 1 : byte));
  for (const message of [
    { enc: flipped(enc), ct },
    { enc, ct: flipped(ct) },
    { enc: enc.subarray(1), ct },
    { enc, ct: ct.subarray(0, 8) },
    { enc, ct: new Uint8Array(8192) },
  ]) {
    await assert.rejects(openWith(pair.privateKey, message, info), SealingError);
  }
  await assert.rejects(sealTo(new Uint8Array(32), SecretBytes.random(32), info), SealingError);
});

test('a link secret is bound to tenant, region, epoch, purpose and job', async () => {
  const pair = await generateKeyPair();
  const key = pair.privateKey.use((bytes) => new Uint8Array(bytes));
  const context: LinkSealContext = {
    tenant: parseTenantId('acme'),
    region: parseRegionId('eu-west-1'),
    epoch: 2,
    purpose: 'fresh',
    job: 'a-job',
  };
  const secret = Buffer.alloc(32, 7);
  const sealed = await sealLinkSecret(pair.publicKey, secret, context);
  assert.deepEqual(Buffer.from(await openLinkSecret(key, sealed, context)), secret);
  for (const wrong of [
    { ...context, tenant: parseTenantId('evil') },
    { ...context, region: parseRegionId('us-east-1') },
    { ...context, epoch: 3 },
    { ...context, purpose: 'previous' as const },
    { ...context, job: 'another' },
  ]) {
    await assert.rejects(openLinkSecret(key, sealed, wrong), SealingError);
  }
  await assert.rejects(sealLinkSecret(pair.publicKey, Buffer.alloc(16), context), SealingError);
});
