/** What production depends on is listed, may be depended on, and can be told from what was pinned. Reads files alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Bill, deterministic, ofProduction } from './bill-of-materials.ts';
import { licencesReport, REPORT_PATH, ROOT, textOf } from './licences.ts';
import { NATIVE, nativeOf } from './native.ts';
import { holdsBinaries, type ProductionPackage, productionPackages } from './packages.ts';
import { EXCEPTIONS, objection, PERMITTED, TEXT_ELSEWHERE } from './permitted.ts';

const packages = productionPackages(ROOT);
const names = new Set(packages.map(({ name }) => name));

test('docs/reference/licences.md is up to date', () => {
  const made = licencesReport().split('\n');
  const kept = readFileSync(REPORT_PATH, 'utf8').split('\n');
  const stale = made.findIndex((line, index) => line !== kept[index]);
  assert.ok(stale === -1 && made.length === kept.length, `line ${stale + 1} is stale: run npm run sbom`);
});

test('every licence is permitted, or its package is an exception with a reason', () => {
  assert.ok(packages.length > 100, `${packages.length} packages were found`);
  assert.deepEqual(
    packages.flatMap((one) => objection(one) ?? []),
    [],
  );
  const [first] = packages;
  assert.ok(first !== undefined);
  const spoiled: ProductionPackage = { ...first, licence: 'AGPL-3.0-only' };
  assert.match(objection(spoiled) ?? '', /AGPL-3\.0-only/);
  // An exception is for one licence: the same package under another one is none.
  assert.match(objection({ ...spoiled, name: 'wouter' }) ?? '', /wouter/);
});

test('nothing is permitted or excepted that nobody needs', () => {
  const used = new Set(packages.map(({ licence }) => licence));
  assert.deepEqual(
    [...PERMITTED].filter((licence) => !used.has(licence)),
    [],
  );
  const known = [...Object.keys(EXCEPTIONS), ...Object.keys(TEXT_ELSEWHERE)];
  assert.deepEqual(
    known.filter((name) => !names.has(name)),
    [],
  );
});

test('of every licence somebody has said where its text lies', () => {
  const without = packages.filter((one) => textOf(one) === undefined).map(({ folder }) => folder);
  assert.deepEqual(without, []);
});

test('every package is pinned by its digest', () => {
  assert.deepEqual(
    packages.filter(({ pinned }) => !pinned).map(({ folder }) => folder),
    [],
  );
});

test('what holds machine code, or runs while it is installed, is told as that', () => {
  const native = packages.filter((one) => one.ofOnePlatform || one.installScript || holdsBinaries(ROOT, one));
  assert.deepEqual(
    native.filter(({ name }) => nativeOf(name) === undefined).map(({ folder }) => folder),
    [],
  );
  const told = new Set(native.map(({ name }) => nativeOf(name)));
  assert.deepEqual(
    Object.entries(NATIVE)
      .filter(([, each]) => !told.has(each))
      .map(([name]) => name),
    [],
  );
});

const bill = (serialNumber: string, timestamp: string, refs: readonly string[]): Bill => ({
  bomFormat: 'CycloneDX',
  serialNumber,
  metadata: { timestamp, tools: [{ name: 'cli' }] },
  components: refs.map((ref) => ({ 'bom-ref': ref })),
  dependencies: ['us@0', ...refs].map((ref) => ({ ref, dependsOn: refs.filter((other) => other !== ref) })),
});

test('a bill holds what production needs, and nothing else; where something is missing there is none', () => {
  const made = ofProduction(bill('urn:uuid:1', '', ['a@1', 'b@1', 'test@1']), new Set(['a@1', 'b@1']));
  assert.deepEqual(
    made.components.map((each) => each['bom-ref']),
    ['a@1', 'b@1'],
  );
  assert.deepEqual(made.dependencies, [
    { ref: 'us@0', dependsOn: ['a@1', 'b@1'] },
    { ref: 'a@1', dependsOn: ['b@1'] },
    { ref: 'b@1', dependsOn: ['a@1'] },
  ]);
  assert.throws(() => ofProduction(bill('', '', ['a@1']), new Set(['a@1', 'b@1'])), /b@1/);
});

test('two bills of one lock file are the same', () => {
  const one = deterministic(bill('urn:uuid:1', '2026-01-01T00:00:00Z', ['a@1', 'b@1', 'c@1']));
  const other = deterministic(bill('urn:uuid:2', '2026-02-02T00:00:00Z', ['c@1', 'a@1', 'b@1']));
  assert.equal(JSON.stringify(one), JSON.stringify(other));
  assert.ok(!JSON.stringify(one).includes('uuid') && !JSON.stringify(one).includes('2026'));
  assert.equal(one.components.length, 3);
});
