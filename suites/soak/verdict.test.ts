/** What a soak must not let pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from '../../cli/errors.ts';
import { refusals } from '../../execution/gateway/index.ts';
import { reasonOf } from './refusals.ts';
import { Sample } from './sample.ts';
import { failuresOf } from './soak.ts';
import { type SoakOperation, Tally } from './tally.ts';

const found = { tenant: 'a', service: 'b', located: 10, atLeast: 9, atMost: 11, l3Version: 1 };
const good = { checked: 1, wrongPlaintexts: 0, lost: new Map<string, number>(), services: [found] };

function failures(change: {
  refused?: [SoakOperation, string, boolean];
  wrong?: number;
  reckoning?: Partial<typeof good>;
  rotation?: string;
}): string[] {
  const tally = new Tally();
  if (change.refused !== undefined) tally.refused(...change.refused);
  tally.wrongPlaintexts = change.wrong ?? 0;
  return failuresOf({
    tally,
    rotations: { failures: new Map(change.rotation === undefined ? [] : [[change.rotation, 1]]) },
    reckoning: { ...good, ...change.reckoning },
  });
}

test('nothing amiss: no failure', () => {
  assert.deepEqual(failures({}), []);
});

test('a wrong plaintext, a lost ciphertext, too few objects or too many, a rotation that failed', () => {
  assert.equal(failures({ wrong: 1 }).length, 1);
  assert.equal(failures({ reckoning: { wrongPlaintexts: 1 } }).length, 1);
  assert.equal(failures({ reckoning: { lost: new Map([['KEY_DAMAGED', 1]]) } }).length, 1);
  assert.equal(failures({ reckoning: { services: [{ ...found, located: 8 }] } }).length, 1);
  assert.equal(failures({ reckoning: { services: [{ ...found, located: 12 }] } }).length, 1);
  assert.equal(failures({ rotation: 'LIMIT_REACHED' }).length, 1);
});

test('only who needs the core may be refused, for the reasons of an outage, and only in one', () => {
  assert.deepEqual(failures({ refused: ['reKey', 'CORE_UNREACHABLE', true] }), []);
  assert.deepEqual(failures({ refused: ['locate', 'CORE_BUSY', false] }), []);
  assert.equal(failures({ refused: ['reKey', 'CORE_UNREACHABLE', false] }).length, 1);
  assert.equal(failures({ refused: ['reKey', 'LINK_CLOSED', true] }).length, 1);
  for (const operation of ['create', 'get', 'encrypt', 'decrypt', 'wrap', 'unwrap'] as const)
    assert.equal(failures({ refused: [operation, 'CORE_UNREACHABLE', true] }).length, 1, operation);
});

test('reasons are the gateway’s codes, else what the server said', () => {
  const said = (message: string) => reasonOf(new CliError('KMIP_REFUSED', `Encrypt: ${message}`));
  assert.equal(said(`${refusals.LEASE_LOST.message} (GeneralFailure)`), 'LEASE_LOST');
  assert.equal(said('something else (GeneralFailure)'), 'something else (GeneralFailure)');
  assert.equal(reasonOf(new CliError('KMIP_UNREACHABLE', 'Encrypt got no answer')), 'NO_ANSWER');
});

test('a sample keeps its size, and the last have the same chance as the first', () => {
  const OFFERED = 10_000;
  const SIZE = 1_000;
  const sample = new Sample<number>(SIZE);
  for (let item = 0; item < OFFERED; item++) sample.offer(item);
  assert.equal(sample.items.length, SIZE);
  const late = sample.items.filter((item) => item >= OFFERED / 2).length;
  // Half of them, give or take ten standard deviations.
  assert.ok(Math.abs(late - SIZE / 2) < 160, `${late} of the second half`);
});
