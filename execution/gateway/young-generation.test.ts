import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { SEMI_SPACE_MIB } from './limits.ts';

const MIB = 1024 ** 2;
const MODULE = join(import.meta.dirname, 'young-generation.ts');

/** MiB of the young generation of a process of its own in which a hundredth of much survives. */
function grown(first: string): number {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { growYoungGenerationAtOnce } from ${JSON.stringify(MODULE)};
    ${first};
    const kept = [];
    for (let made = 0; made < 100_000; made++) {
      const some = new Array(100).fill(made);
      if (made % 100 === 0) kept.push(some);
    }
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    console.log(young.space_size + 0 * kept.length);`;
  const args = [`--max-semi-space-size=${SEMI_SPACE_MIB}`, '--input-type=module', '--eval', program];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' })) / MIB;
}

test('the young generation grows to its full size at once, and of itself it does not', () => {
  assert.equal(grown('growYoungGenerationAtOnce()'), 2 * SEMI_SPACE_MIB);
  assert.ok(grown('') < SEMI_SPACE_MIB);
});
