/** What people decide by: nothing that changes is hidden, and nothing that is shown gives orders to a terminal or a pipeline. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { Output } from '../output.ts';
import { printable, printableJson, printableLines } from '../printable.ts';
import type { Entry } from './entries.ts';
import { describePlan } from './print.ts';
import type { Value } from './things.ts';
import { changed, shown } from './values.ts';

/** Characters that are shown as nothing, or as others, and those that mark what was left out. */
const odd = fc.constantFrom(
  '…',
  '→',
  '"',
  '\\',
  '\u202e',
  '\u200b',
  '\u009b',
  '\u3164',
  '\u00a0',
  '\n',
  'a',
  ' ',
  '\ud800',
);
const text = fc.oneof(
  fc.string({ unit: odd, maxLength: 8 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc
    .tuple(fc.string({ maxLength: 80 }), fc.string({ unit: odd, maxLength: 3 }), fc.string({ maxLength: 80 }))
    .map((parts) => parts.join('')),
);
const value: fc.Arbitrary<Value> = fc.oneof(
  text,
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 6 }),
);
/** Two that have much in common. */
const near = fc
  .tuple(
    fc.string({ maxLength: 100 }),
    fc.string({ unit: odd, maxLength: 4 }),
    fc.string({ unit: odd, maxLength: 4 }),
    fc.string({ maxLength: 100 }),
  )
  .map(([before, a, b, after]): [Value, Value] => [`${before}${a}${after}`, `${before}${b}${after}`]);
const pair = fc.oneof(near, fc.tuple(value, value)).filter(([from, to]) => !isDeepStrictEqual(from, to));
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/u;

test('what is shown of a value can be read back, and holds nothing that cannot be seen', () => {
  fc.assert(
    fc.property(value, (one) => {
      assert.deepEqual(JSON.parse(shown(one)), one);
      assert.doesNotMatch(shown(one), UNSEEN);
      assert.deepEqual(JSON.parse(printableJson(one)), one);
    }),
    { numRuns: 2_000 },
  );
});

test('two values that differ never print alike', () => {
  fc.assert(
    fc.property(pair, ([from, to]) => {
      const words = changed(from, to);
      assert.doesNotMatch(words, UNSEEN);
      // Turned round it reads otherwise: the sides differ, however much of them is left out.
      assert.notEqual(words, changed(to, from));
      assert.notEqual(shown(from), shown(to));
    }),
    { numRuns: 5_000 },
  );
});

test('of lists all that comes and goes is shown, of long texts what differs, of what is made the whole', () => {
  const people = Array.from({ length: 40 }, (_, n) => `person-${String(n).padStart(2, '0')}@example.org`);
  assert.equal(changed(people, [...people.slice(1), 'mallory']), '+ "mallory", - "person-00@example.org"');
  assert.equal(changed(['b', 'a'], ['a', 'b']), '["b","a"] → ["a","b"]');
  const arn = (key: string): string => `arn:aws:kms:eu-west-1:111122223333:key/${key}-4f1a-9d2b-000000000000`;
  assert.equal(
    changed(arn('1234abcd'), arn('1234abce')),
    '…"22223333:key/1234abcd-4f1a-9d2b-000000000"… → …"22223333:key/1234abce-4f1a-9d2b-000000000"…',
  );
  const made: Entry = {
    id: { kind: 'ApproverGroup', tenant: 'acme', name: 'g' },
    action: 'create',
    changes: [{ field: 'members', from: undefined, to: people }],
    needs: [],
  };
  for (const each of people) assert.ok(describePlan([made]).includes(each));
});

test('a plan gives no orders to whoever shows it', () => {
  const evil = 'a\u001b[2K\u202e\r\n::error::x ##vso[task.complete]';
  const plan = describePlan([
    {
      id: { kind: 'System', tenant: evil, name: evil },
      action: 'change',
      changes: [{ field: evil, from: evil, to: null, waits: evil }],
      needs: [],
    },
    {
      id: { kind: 'System', tenant: null, name: 'b' },
      action: 'refused',
      changes: [],
      needs: [],
      why: { code: evil, message: evil, hint: evil },
    },
  ]);
  assert.doesNotMatch(plan.replaceAll('\n', ''), UNSEEN);
  assert.doesNotMatch(plan, /^\s*::|##vso/m);
});

test('neither do remarks and errors, nor a file whose name begins as an order', (context) => {
  let written = '';
  context.mock.method(process.stderr, 'write', (chunk: string): boolean => {
    written += chunk;
    return true;
  });
  const output = new Output({ json: false });
  output.note('::add-mask::a\nb\u001b]0;x\u0007');
  output.failure(new Error('spec.x\u009b2K: is missing \u2066'));
  new Output({ json: true }).failure(new Error('\u202e##[command]'));
  context.mock.restoreAll();
  assert.doesNotMatch(written.replaceAll('\n', ''), UNSEEN);
  assert.doesNotMatch(written, /^::|##\[/m);
  assert.equal(printable(' ::a:: b'), ' \\u003a:a:: b');
  assert.equal(printableLines('a\nb'), 'a\nb');
});
