// docs/benchmarks.md holds what the saved results say, and nothing else.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { documentOf, PICTURE } from './document.ts';
import { figure, markdownTable, spreadText } from './markdown.ts';
import { pictureOf } from './picture.ts';
import { readResults } from './results.ts';

const DOCS = join(import.meta.dirname, '../../docs');

test('the document and its picture are those of the saved results: npm run bench:report', async () => {
  const results = await readResults();
  assert.equal(await readFile(join(DOCS, 'benchmarks.md'), 'utf8'), documentOf(results));
  assert.equal(await readFile(join(DOCS, PICTURE), 'utf8'), pictureOf(results));
});

test('a provisional result is called so, a missed target too, and another figure is another document', async () => {
  const { gateway } = await readResults();
  assert.ok(gateway);
  const target = { what: 'speed', wanted: '≥ 2', measured: '1', met: false };
  const text = documentOf({ gateway: { ...gateway, provisional: true, targets: [target] } });
  assert.match(text, /\*\*Provisional\*\*: `bench:gateway`/);
  assert.match(text, /\| speed \| ≥ 2 \| 1 \| ✖ missed \|/);
  assert.match(text, /## UNLINK[\s\S]*Not measured yet/);
  assert.doesNotMatch(documentOf({ gateway: { ...gateway, provisional: false } }), /Provisional/);
  const [row] = gateway.rows;
  assert.ok(row?.runs.gateway);
  const slower = { ...row.runs.gateway, micros: row.runs.gateway.micros.map(() => 987) };
  const changed = { ...gateway, rows: [{ ...row, runs: { ...row.runs, gateway: slower } }] };
  assert.match(documentOf({ gateway: changed }), /\| 987 \|/);
});

test('before anything has been measured there is a document, and a picture', () => {
  assert.match(documentOf({}), /Nothing has been measured yet/);
  assert.match(pictureOf({}), /<svg[\s\S]*<\/svg>/);
});

test('numbers and tables', () => {
  assert.deepEqual([0.1234, 1.234, 12.34, 1234.5, Number.NaN].map(figure), [
    '0.123',
    '1.23',
    '12.3',
    '1,235',
    '–',
  ]);
  const table = markdownTable(['a', 'b', 'c'], [['x|y', undefined, '**2.0** (1 3)']]);
  assert.equal(table, '| a | b | c |\n| --- | --: | --: |\n| x\\|y | – | **2.0** (1 3) |');
  assert.equal(
    spreadText({ runs: 3, min: 1, q1: 1.5, median: 2, q3: 2.5, max: 3 }),
    '**2.00** (1.00 1.50 2.50 3.00)',
  );
});
