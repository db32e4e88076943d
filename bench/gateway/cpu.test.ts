// The clock by which servers are judged must count all threads and children, and nothing else.
import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startChild } from '../../testkit/children.ts';
import { type CpuReading, cpuSecondsBetween, readCpu } from './cpu.ts';

/** Of this process, the runtime's own clock beside ours. */
async function both(work: () => Promise<unknown>): Promise<{ ours: number; theirs: number }> {
  const [before, theirs] = [readCpu(process.pid), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(theirs);
  return { ours: cpuSecondsBetween(before, readCpu(process.pid)), theirs: (user + system) / 1e6 };
}

test('time of all threads, to a few milliseconds', async () => {
  const derive = promisify(pbkdf2);
  // In threads of the pool, which the first call starts.
  const work = () => Promise.all([1, 2].map((salt) => derive('bench', `${salt}`, 300_000, 32, 'sha256')));
  await work();
  const { ours, theirs } = await both(work);
  assert.ok(theirs > 0.02, `${theirs} s of work`);
  assert.ok(Math.abs(ours - theirs) < 0.03, `${ours} s, not ${theirs}`);
});

test('time of a child counts for who started it', async () => {
  const burn = `
    const used = () => process.cpuUsage().user + process.cpuUsage().system;
    while (used() < 200_000);
    console.log('burnt');
    setInterval(() => undefined, 1e3);`;
  const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(burn)}], { stdio: 'inherit' }); console.log('up')`;
  const child = await startChild({ name: 'parent', command: process.execPath, args: ['-e', script] });
  try {
    await child.waitForLine(/up/);
    await child.waitForLine(/burnt/);
    const { processes } = readCpu(child.pid);
    assert.equal(processes.size, 2);
    const [own = 0, ofChild = 0] = [...processes.values()];
    assert.ok(ofChild >= 19, `${own} and ${ofChild} hundredths of a second`);
  } finally {
    await child.kill();
  }
});

test('where a thread has ended the coarser clock counts, which knows it; a process that has ended is an error', () => {
  const reading = (threads: [string, number][], processes: [number, number][]): CpuReading => ({
    threads: new Map(threads),
    processes: new Map(processes),
  });
  const before = reading(
    [
      ['1/1', 5e9],
      ['1/2', 1e9],
    ],
    [[1, 600]],
  );
  const near = (told: number, wanted: number): void => assert.ok(Math.abs(told - wanted) < 1e-9, `${told}`);
  near(
    cpuSecondsBetween(
      before,
      reading(
        [
          ['1/1', 5.25e9],
          ['1/2', 1e9],
          ['1/3', 1e8],
        ],
        [[1, 634]],
      ),
    ),
    0.35,
  );
  near(cpuSecondsBetween(before, reading([['1/1', 5.25e9]], [[1, 634]])), 0.34);
  near(cpuSecondsBetween(reading([], [[1, 600]]), reading([], [[1, 610]])), 0.1);
  assert.throws(() => cpuSecondsBetween(before, reading([['2/2', 0]], [[2, 0]])), /process 1 ended/);
});
