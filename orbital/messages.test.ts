// Only what the right key has signed, whole, for the right purpose, is ever believed.
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { nestsTooDeep } from './json.ts';
import {
  type Signer,
  type StatusMessage,
  signMessage,
  type TaskMessage,
  type TrustedKey,
  verifyMessage,
} from './messages.ts';

function keyPair(keyId: string): { signer: Signer; trusted: TrustedKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { signer: { keyId, privateKey }, trusted: { keyId, publicKey } };
}
const { signer, trusted } = keyPair('governance-1');
const task = (changes: Partial<TaskMessage> = {}): TaskMessage => ({
  type: 'task',
  messageId: randomUUID(),
  jobId: randomUUID(),
  taskId: randomUUID(),
  kind: 'LINK',
  entity: 'link:acme',
  entitySequence: 7,
  target: 'north',
  lane: 'normal',
  etag: 1,
  attempt: 1,
  payload: { tenant: 'acme' },
  correlationId: 'c-1',
  issuedAt: new Date().toISOString(),
  ...changes,
});
const verdict = async (bytes: Uint8Array, keys: readonly TrustedKey[] = [trusted]) => {
  const verified = await verifyMessage('task', bytes, () => keys);
  return verified.ok ? 'ok' : verified.code;
};

test('any payload arrives as it was sent', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => {
      const payload = JSON.parse(JSON.stringify(value));
      const sent = task({ payload });
      const verified = await verifyMessage('task', signMessage(signer, sent), () => [trusted]);
      assert.ok(verified.ok);
      assert.deepEqual(verified.body, sent);
    }),
    { numRuns: 50 },
  );
});

test('one changed byte never yields another message', async () => {
  const sent = task();
  const frame = signMessage(signer, sent);
  await fc.assert(
    fc.asyncProperty(fc.nat(frame.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const changed = Uint8Array.from(frame);
      changed[at] = (changed[at] ?? 0) ^ mask;
      const verified = await verifyMessage('task', changed, () => [trusted]);
      // Base64url has spare bits at its end, so the same bytes may have two spellings; never other bytes.
      if (verified.ok) assert.deepEqual(verified.body, sent);
    }),
    { numRuns: 300 },
  );
});

test('each reason to refuse has its code', async () => {
  const frame = signMessage(signer, task());
  const { body, sig } = JSON.parse(Buffer.from(frame).toString()) as { body: string; sig: string };
  const forged = (fields: object) =>
    Buffer.from(JSON.stringify({ v: 1, keyId: 'governance-1', body, sig, ...fields }));
  const encoded = (message: object) => Buffer.from(JSON.stringify(message)).toString('base64url');
  const stranger = keyPair('governance-1');
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

  assert.equal(await verdict(frame), 'ok');
  assert.equal(await verdict(Buffer.alloc(64 * 1024 + 1, 0x20)), 'TOO_LARGE');
  assert.equal(await verdict(Buffer.from('no json')), 'MALFORMED');
  assert.equal(await verdict(Buffer.from([0xff, 0xfe])), 'MALFORMED');
  assert.equal(await verdict(Buffer.from('['.repeat(60_000))), 'MALFORMED');
  assert.equal(await verdict(forged({ v: 2 })), 'MALFORMED');
  assert.equal(await verdict(forged({ extra: true })), 'MALFORMED');
  assert.equal(await verdict(forged({ body: encoded({ ...task(), target: '../etc' }) })), 'INVALID_BODY');
  assert.equal(await verdict(forged({ body: encoded({ type: 'status' }) })), 'WRONG_TYPE');
  assert.equal(await verdict(forged({ keyId: 'other' })), 'UNKNOWN_KEY');
  assert.equal(await verdict(frame, []), 'UNKNOWN_KEY');
  assert.equal(await verdict(frame, [stranger.trusted]), 'BAD_SIGNATURE');
  assert.equal(await verdict(forged({ body: encoded(task({ kind: 'UNLINK' })) })), 'BAD_SIGNATURE');
  // A key of another type must not bring its own algorithm along.
  const rsa = signMessage({ keyId: 'rsa', privateKey: signer.privateKey }, task());
  assert.equal(await verdict(rsa, [{ keyId: 'rsa', publicKey }]), 'BAD_SIGNATURE');
  assert.ok(privateKey);
});

test('the keys are looked up for the region that the message names', async () => {
  const status: StatusMessage = {
    type: 'status',
    taskId: randomUUID(),
    etag: 1,
    target: 'south',
    phase: 'done',
    result: null,
    correlationId: 'c-1',
    at: new Date().toISOString(),
  };
  const asked: string[] = [];
  const keys: Record<string, readonly TrustedKey[]> = { north: [trusted] };
  const verified = await verifyMessage('status', signMessage(signer, status), (region) => {
    asked.push(region);
    return keys[region] ?? [];
  });
  assert.deepEqual(asked, ['south']);
  assert.deepEqual(verified, { ok: false, code: 'UNKNOWN_KEY', keyId: 'governance-1', claims: 'south' });
});

test('what the other side would refuse is not signed', () => {
  assert.throws(() => signMessage(signer, task({ target: 'No Region' })), { code: 'ORBITAL_UNSENDABLE' });
  assert.throws(() => signMessage(signer, task({ payload: 'x'.repeat(60_000) })), {
    code: 'ORBITAL_UNSENDABLE',
  });
  let deep: unknown = 1;
  for (let i = 0; i < 40; i++) deep = [deep];
  assert.throws(() => signMessage(signer, task({ payload: deep as never })), { code: 'ORBITAL_UNSENDABLE' });
});

test('depth is counted outside of strings', () => {
  const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  assert.equal(nestsTooDeep(text({ a: '[[[[[["\\"[[[' }), 2), false);
  assert.equal(nestsTooDeep(text([[]]), 2), false);
  assert.equal(nestsTooDeep(text([[[]]]), 2), true);
  assert.equal(nestsTooDeep(text([[], [], [[]], []]), 2), true);
});
