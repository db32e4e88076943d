/** The reference that is in the repository is the one that the code makes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Operation, operationName } from '../../execution/kmip/index.ts';
import { servedOperations } from '../../execution/objects/index.ts';
import { REFERENCE_PATH, reference } from './reference.ts';
import { ownCases } from './tests.ts';

test('docs/reference/kmip.md is up to date', () => {
  const made = reference().split('\n');
  const kept = readFileSync(REFERENCE_PATH, 'utf8').split('\n');
  const stale = made.findIndex((line, index) => line !== kept[index]);
  assert.ok(stale === -1 && made.length === kept.length, `line ${stale + 1} is stale: run npm run docs:kmip`);
});

test('every operation that is served has a conformance case', () => {
  const used = new Set(ownCases().flatMap(({ operations }) => [...operations]));
  const without = servedOperations.filter((operation) => !used.has(operationName(operation)));
  assert.deepEqual(without.map(operationName), []);
  assert.ok(servedOperations.includes(Operation.Create));
});
