/**
 * KMIP test cases at a running gateway: our own, and those of every folder that OKCM_KMIP_CASES names (colon
 * separated), such as the cases that OASIS publishes with the profiles.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { System } from '../testkit/system.ts';
import { type ConformanceCase, readCases } from './conformance/case-file.ts';
import { type Outcome, runCases } from './conformance/run.ts';
import { type Target, targetIn } from './conformance/target.ts';

const OWN = join(import.meta.dirname, 'conformance', 'cases');
const others = (process.env['OKCM_KMIP_CASES'] ?? '').split(':').filter((folder) => folder !== '');
const TIMEOUT_MS = 240_000;

describe('conformance', () => {
  let target: Target;
  before(async () => {
    target = await targetIn(await System.shared());
  });

  for (const folder of [OWN, ...others]) {
    test(folder === OWN ? 'cases of our own' : `cases of ${folder}`, { timeout: TIMEOUT_MS }, async (t) => {
      const cases = await readCases([folder]);
      assert.ok(cases.length > 0, 'the folder has no case');
      const outcomes = await runCases(cases, target);
      for (const outcome of outcomes) await t.test(nameOf(outcome), () => assertPassed(outcome));
      assertAllPlayed(cases, outcomes);
    });
  }
});

function nameOf({ name, encoding, verdict }: Outcome): string {
  return `${name} over ${encoding}${verdict === 'other' ? ', which another case contradicts' : ''}`;
}

function assertPassed({ verdict, difference }: Outcome): void {
  if (verdict !== 'failed' || difference === undefined) return;
  const { exchange, path, expected, got } = difference;
  assert.fail(`answer ${exchange}: ${path}: expected ${expected}, got ${got}`);
}

function assertAllPlayed(cases: readonly ConformanceCase[], outcomes: readonly Outcome[]): void {
  const played = new Set(outcomes.map(({ name }) => name));
  assert.deepEqual(
    cases.map(({ name }) => name).filter((name) => !played.has(name)),
    [],
  );
}
