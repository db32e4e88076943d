/** Secrets to another process's key: open for that key, that purpose, unaltered; refused otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRegionId, parseTenantId } from '../../contracts/index.ts';
import { type LinkSealContext, openLinkSecret, sealLinkSecret } from '../../contracts/sealing.ts';
import {
  generateKeyPair,
  HPKE_PUBLIC_KEY_BYTES,
  leaseInfo,
  openWith,
  SealingError,
  SecretBytes,
  sealTo,
} from './index.ts';

const binding = { region: 'eu-west-1', tenant: 'acme', service: 'payments', version: 1 };

test('a leased key arrives, for exactly its key and its binding', async () => {
  const pair = await generateKeyPair();
  assert.equal(pair.publicKey.byteLength, HPKE_PUBLIC_KEY_BYTES);
  const l3 = SecretBytes.random(32);
  const sealed = await sealTo(pair.publicKey, l3, leaseInfo(binding));
  assert.ok((await openWith(pair.privateKey, sealed, leaseInfo(binding))).equals(l3));

  const other = await generateKeyPair();
  await assert.rejects(openWith(other.privateKey, sealed, leaseInfo(binding)), SealingError);
  for (const wrong of [
    { ...binding, region: 'us-east-1' },
    { ...binding, tenant: 'evil' },
    { ...binding, service: 'orders' },
    { ...binding, version: 2 },
  ]) {
    await assert.rejects(openWith(pair.privateKey, sealed, leaseInfo(wrong)), SealingError);
  }
});

test('altered, truncated and oversized messages and keys are refused with a SealingError', async () => {
  const pair = await generateKeyPair();
  const info = leaseInfo(binding);
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
