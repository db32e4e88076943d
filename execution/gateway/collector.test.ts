import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { COLLECTOR_OPTIONS } from './collector.ts';
import { SEMI_SPACE_MIB } from './limits.ts';

const MIB = 1024 ** 2;
const MODULE = join(import.meta.dirname, 'collector.ts');

/** What a process of its own prints. */
function printed(program: string, ...options: readonly string[]): string {
  const imported = `import { tuneCollector } from ${JSON.stringify(MODULE)};\n`;
  const args = [...COLLECTOR_OPTIONS, ...options, '--input-type=module', '--eval', imported + program];
  return execFileSync(process.execPath, args, { encoding: 'utf8' });
}

/** MiB of the young generation of a process in which a hundredth of much survives. */
function grown(first: string): number {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    ${first};
    const kept = [];
    for (let made = 0; made < 100_000; made++) {
      const some = new Array(100).fill(made);
      if (made % 100 === 0) kept.push(some);
    }
    const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
    console.log(young.space_size + 0 * kept.length);`;
  return Number(printed(program)) / MIB;
}

test('the young generation grows to its full size at once, and of itself it does not', () => {
  assert.equal(grown('tuneCollector()'), 2 * SEMI_SPACE_MIB);
  assert.ok(grown('') < SEMI_SPACE_MIB);
});

/** Whether V8 waits for a moment in which the process does little, to collect it for less memory. */
function isWaitedForIdling(first: string): boolean {
  const program = `
    ${first};
    const kept = [];
    for (let made = 0; made < 400_000; made++) kept.push({ made, some: [made] });
    gc();
    setTimeout(() => console.log(kept.length), 1_000);`;
  const soon = '--gc-memory-reducer-start-delay-ms=100';
  return printed(program, '--expose-gc', soon, '--trace-memory-reducer').includes('Memory reducer: waiting');
}

test('a process that serves is never taken for an idle one, whose memory could be made less', () => {
  assert.equal(isWaitedForIdling('tuneCollector()'), false);
  assert.equal(isWaitedForIdling(''), true);
});
