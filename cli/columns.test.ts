/** Tables on narrow terminals: they fit, and hold all that they held. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shortened, table } from './output.ts';

const cell = fc.string({ unit: fc.constantFrom('a', 'b', '…', ' ', '-'), maxLength: 120 });
const letters = (text: string): string => [...text.replaceAll(/\s/g, '')].sort().join('');

test('a table that is broken into lines fits, and nothing of it is left out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 40, max: 160 }),
      (rows, width) => {
        const drawn = table(['one', 'two', 'three'], rows, width);
        const longest = Math.max(...drawn.split('\n').map((line) => [...line].length));
        assert.ok(longest <= width, `${longest} > ${width}\n${drawn}`);
        assert.equal(letters(drawn), letters(['one', 'two', 'three', ...rows.flat()].join('')));
      },
    ),
  );
});

test('an identifier is broken last, and what is piped not at all', () => {
  const id = '4f0b4aa3-bb2e-4340-b512-1aa31a020893';
  const long = 'identity:'.padEnd(60, 'x');
  assert.ok(table(['job', 'entity'], [[id, long]], 70).includes(id));
  const tight = table(['job', 'entity', 'of'], [[id, long, id]], 60);
  assert.ok(
    tight.split('\n').every((line) => line.length <= 60),
    tight,
  );
  assert.ok(table(['job', 'entity'], [[id, long]], undefined).includes(`${id}    ${long}`));
});

test('what is cut says so', () => {
  assert.equal(shortened('a'.repeat(40), 40), 'a'.repeat(40));
  assert.equal(shortened('a'.repeat(41), 40), `${'a'.repeat(39)}…`);
});

test('what others wrote in a cell gives a terminal no orders; our own colours stay', () => {
  const reason = 'a \u001b[8m\u001b]0;title\u0007\u001b[2Kstolen\rlaptop\u202e';
  const endless = table(['reason'], [['\u001b[31mred']]);
  assert.ok(endless.includes('\u001b[31mred\u001b[22m\u001b[39m'), endless);
  const drawn = table(['tenant', 'reason'], [['\u001b[31macme\u001b[39m', reason]]);
  assert.ok(drawn.includes('\u001b[31macme\u001b[39m'), drawn);
  assert.ok(drawn.includes('a \\u001b[8m\\u001b]0;title\\u0007\\u001b[2Kstolen\\u000dlaptop\\u202e'), drawn);
});
