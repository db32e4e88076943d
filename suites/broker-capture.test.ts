/** The search of a capture finds what it searches for, however it was carried. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';
import { bodiesIn, frameOf } from './broker-capture/frames.ts';
import { searchCapture } from './broker-capture/search.ts';

const KEY_BYTES = 32;
const ENVELOPE = Buffer.concat([Buffer.from('OKE\x01\x01', 'latin1'), randomBytes(60)]);

function searched(...files: readonly Buffer[]) {
  const directory = temporaryDirectory('capture');
  for (const [index, bytes] of files.entries()) writeFileSync(join(directory, `file-${index}`), bytes);
  const secret = { name: 'the secret', bytes: key };
  return searchCapture(directory, [secret]);
}
const key = randomBytes(KEY_BYTES);
const task = (payload: unknown) => frameOf({ type: 'task', kind: 'LINK', payload });

test('messages are found in NATS’ text, and in PostgreSQL’s hexadecimal', () => {
  const frame = task({ tenant: 'acme' });
  const wanted = [{ type: 'task', kind: 'LINK', payload: { tenant: 'acme' } }];
  assert.deepEqual(bodiesIn(Buffer.concat([Buffer.from('PUB a 5\r\n'), frame])), wanted);
  assert.deepEqual(bodiesIn(Buffer.from(`\\x${frame.toString('hex')}`)), wanted);
  assert.deepEqual(bodiesIn(frame.subarray(0, -9)), [], 'one that was cut off');
});

test('a secret is found in a message, in every spelling and carriage', () => {
  const spellings = [
    key.toString('hex'),
    key.toString('hex').toUpperCase(),
    key.toString('base64'),
    key.toString('base64url'),
    key.subarray(KEY_BYTES / 2).toString('hex'),
    Buffer.from(JSON.stringify({ key: key.toString('base64') })).toString('base64url'),
  ];
  for (const spelling of spellings) {
    const frame = task({ spelling });
    for (const carried of [frame, Buffer.from(frame.toString('hex'))])
      assert.deepEqual(searched(Buffer.from('nothing'), carried).inPlain, ['the secret'], spelling);
  }
  assert.deepEqual(searched(key).inPlain, ['the secret'], 'raw');
});

test('so is what is wrapped, whether by a region or by a keystore', () => {
  assert.ok(searched(task({ wrapped: ENVELOPE.toString('base64url') })).envelopes > 0);
  assert.ok(searched(task({ wrapped: 'software.v1.AAAA' })).underL1 > 0);
});

test('and nothing where there is nothing, across many windows', () => {
  const { inPlain, envelopes, underL1, bytes } = searched(randomBytes(5 * 1024 * 1024));
  assert.deepEqual([inPlain, envelopes, underL1], [[], 0, 0]);
  assert.equal(bytes, 5 * 1024 * 1024);
});
