// Runs the tests: those beside the code and, at the same time, most end-to-end suites, some files at a time each; then, one
// by one, the suites that hold the system to a deadline. Node's own test runner does the work; this file chooses the files,
// bounds the time and adds up.
//
//   npm test                      everything
//   npm test -- platform orbital  only files whose path holds one of these words
//
// The exit code is 0 only if tests ran and none failed.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { useScratch } from './test-scratch.ts';

const ROOT = resolve(import.meta.dirname, '..');
/**
 * Files at a time. Together they are twice the two processors that the limit below is for, since a test waits for
 * servers half of its time.
 */
const CONCURRENCY = 2;
/** Ten minutes are what it should take; a slower machine is late, and still says what passed. */
const TOTAL_LIMIT_MS = 16 * 60_000;
/** Suites that assert how soon something happens, or load the machine by themselves: nothing runs beside them. */
const ALONE: ReadonlySet<string> = new Set([
  'customer-key',
  'cut-off',
  'memory',
  'plug',
  'region-cut-off',
  'region-unlink',
  'rotation',
  'soak',
]);
const SLOWEST_SHOWN = 8;
/** One test that sets no limit of its own; a hanging one fails by this, long before the whole run is ended. */
const TEST_LIMIT_MS = 2 * 60_000;
const IGNORED = new Set(['node_modules', '.git', '.build', '.okcm', 'coverage']);
const MAX_DEPTH = 12;

interface Totals {
  tests: number;
  passed: number;
  failed: number;
  skipped: number;
  files: { readonly path: string; readonly durationMs: number }[];
}

function testFiles(directory: string, depth = 0): string[] {
  if (depth > MAX_DEPTH) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !IGNORED.has(entry.name))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return testFiles(path, depth + 1);
      return entry.name.endsWith('.test.ts') ? [path] : [];
    })
    .sort();
}

/** One run of Node's test runner; ends with its summary lines. It is printed as it goes, but not before `after` is done. */
async function runFiles(
  title: string,
  files: string[],
  { concurrency, signal, after }: { concurrency: number; signal: AbortSignal; after?: Promise<unknown> },
): Promise<Totals> {
  const totals: Totals = { tests: 0, passed: 0, failed: 0, skipped: 0, files: [] };
  if (files.length === 0) return totals;
  const stream = run({ files, concurrency, timeout: TEST_LIMIT_MS, signal, cwd: ROOT });
  stream.on('test:summary', (summary) => {
    if (summary.file !== undefined) {
      totals.files.push({ path: relative(ROOT, summary.file), durationMs: summary.duration_ms });
      return; // one comes for each file, and one for all
    }
    totals.tests += summary.counts.tests;
    totals.passed += summary.counts.passed;
    totals.failed +=
      summary.counts.tests - summary.counts.passed - summary.counts.skipped - summary.counts.todo;
    totals.skipped += summary.counts.skipped;
    if (!summary.success && totals.failed === 0) totals.failed = 1;
  });
  // The stream keeps what nobody has read yet; the files run all the same.
  await after;
  console.log(
    `\n== ${title}: ${files.length} files, ${concurrency === 1 ? 'one by one' : `${concurrency} at a time`}`,
  );
  await new Promise<void>((done, fail) => {
    const report = stream.compose(spec);
    report.on('error', fail);
    report.on('end', done);
    report.pipe(process.stdout, { end: false });
  });
  return totals;
}

/** For a run of everything. A chosen file that needs a missing server fails by itself, and names the command. */
function installServices(): void {
  const script = join(ROOT, 'scripts', 'install-test-services.sh');
  const { status } = spawnSync('/bin/sh', [script], { stdio: 'inherit', cwd: ROOT });
  if (status !== 0) process.exit(1);
  // The compiler may have come only now. Should it fail all the same, the tests that need the addon say so.
  for (const step of ['build-native.ts', 'install-mongodb-client.ts']) {
    spawnSync(process.execPath, [join(ROOT, 'scripts', step)], { stdio: 'inherit', cwd: ROOT });
  }
}

// Each file is a process of its own, and most load the same modules: their types are taken off once.
process.env['NODE_COMPILE_CACHE'] ??= join(ROOT, '.build', 'test-compile-cache');

useScratch();

const words = process.argv.slice(2);
const chosen = testFiles(ROOT).filter((path) => {
  const shown = relative(ROOT, path);
  return words.length === 0 || words.some((word) => shown.includes(word.replace(/^\.\//, '')));
});
if (words.length === 0) installServices();
/** `unit`: beside the code. `together`: a suite that another may run beside. */
type Kind = 'unit' | 'together' | 'alone';
function kindOf(path: string): Kind {
  const shown = relative(ROOT, path);
  if (!shown.startsWith('suites/')) return 'unit';
  return ALONE.has(basename(shown, '.test.ts')) ? 'alone' : 'together';
}
const ofKind = (kind: Kind): string[] => chosen.filter((path) => kindOf(path) === kind);
const limit = new AbortController();
setTimeout(() => {
  console.error(`\nThe tests took longer than ${TOTAL_LIMIT_MS / 60_000} minutes and were ended.`);
  process.exitCode = 1;
  limit.abort();
  setTimeout(() => process.exit(1), 5_000).unref();
}, TOTAL_LIMIT_MS).unref();

const started = Date.now();
const { signal } = limit;
const beside = runFiles('beside the code', ofKind('unit'), { concurrency: CONCURRENCY, signal });
const together = runFiles('suites', ofKind('together'), {
  concurrency: CONCURRENCY,
  signal,
  after: beside,
});
const runs = [
  ...(await Promise.all([beside, together])),
  await runFiles('suites with deadlines', ofKind('alone'), { concurrency: 1, signal }),
];
const sum = (count: 'tests' | 'passed' | 'failed' | 'skipped'): number =>
  runs.reduce((total, run) => total + run[count], 0);
const all = { tests: sum('tests'), passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
const slowest = runs
  .flatMap(({ files }) => files)
  .sort((a, b) => b.durationMs - a.durationMs)
  .slice(0, SLOWEST_SHOWN);
if (slowest.length > 1) {
  console.log('\n== slowest files');
  for (const { path, durationMs } of slowest) {
    console.log(`${(durationMs / 1000).toFixed(1).padStart(7)} s  ${path}`);
  }
}
if (all.tests === 0) console.error('No test was found.');
process.exitCode = all.tests > 0 && all.failed === 0 && !limit.signal.aborted ? 0 : 1;
// The closing lines of Node's own runner, for all runs together.
console.log(`\n== all ${chosen.length} files
ℹ tests ${all.tests}
ℹ suites 0
ℹ pass ${all.passed}
ℹ fail ${all.failed}
ℹ cancelled 0
ℹ skipped ${all.skipped}
ℹ todo 0
ℹ duration_ms ${Date.now() - started}`);
process.exit();
