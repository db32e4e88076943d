// Runs the tests: first, one by one, the suites that hold the system to a deadline, and behind them, at the lowest priority,
// files beside the code; then the other end-to-end suites, one by one as well, and two processes of the remaining files beside
// them. That is what two processors can do: a further one would only make all of them slower, and those whose patience ends fail.
// Where there are more processors, as many more run at once.
// Files beside the code run by the group, a process for each: they load the same modules and use one database server.
// Node's own test runner does the work; this file chooses the files, bounds the time and adds up.
//
//   npm test                      everything
//   npm test -- platform orbital  only files whose path holds one of these words
//
// The exit code is 0 only if tests ran and none failed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { useScratch } from './test-scratch.ts';

const ROOT = resolve(import.meta.dirname, '..');
/** Ten minutes are what it should take; a machine of a third of the speed is late, and still says what passed. */
const TOTAL_LIMIT_MS = 40 * 60_000;
/** Suites that assert how soon something happens, or load the machine by themselves: nothing runs beside them. */
const ALONE: ReadonlySet<string> = new Set([
  'ceremony',
  'cut-off',
  'journey',
  'main-job',
  'memory',
  'plug',
  'portal',
  'region-cut-off',
  'region-unlink',
  'rotation',
  'upgrade',
]);
/** What an end-to-end suite with an installation of its own takes, and what runs beside it. */
const BYTES_EACH = 4 * 1024 ** 3;
const MAX_AT_ONCE = 8;
/** What there is, or what a container may have of it. */
const MEMORY = Math.min(totalmem(), process.constrainedMemory() || Number.MAX_SAFE_INTEGER);
/** End-to-end suites that run at once: one for every two processors. */
const SUITES_AT_ONCE = Math.max(
  1,
  Math.min(MAX_AT_ONCE, Math.floor(availableParallelism() / 2), Math.floor(MEMORY / BYTES_EACH)),
);
const SLOWEST_SHOWN = 8;
/** One test that sets no limit of its own; a hanging one fails by this, long before the whole run is ended. */
const TEST_LIMIT_MS = 2 * 60_000;
/** A process of tests. One that does not end, since something is left open, fails by this and holds up no others. */
const GROUP_LIMIT_MS = Number(process.env['OKCM_TEST_GROUP_LIMIT_MS'] ?? 8 * 60_000);
const IGNORED = new Set(['node_modules', '.git', '.build', '.okcm', 'coverage']);
const MAX_DEPTH = 12;

/** Suites that share what they start: an installation, or what they load. The search for leaks reads what the others left. */
const SHARED: readonly (readonly string[])[] = [
  ['refusals', 'hostile', 'pykmip', 'conformance', 'leak'],
  ['region-refusals', 'region-https', 'region-routing', 'kmip-rules'],
  ['region-lanes', 'region-many', 'sdk', 'gateway-stores'],
  ['region-cut-off', 'region-unlink'],
  ['portal', 'journey', 'plug'],
  ['orbital-kills', 'soak'],
];
/** They take longest, so they begin first: nothing else is left to run beside one that begins last. */
const LONG: readonly string[] = ['main-job', 'readme', 'drift', 'thieves'];
/** Folders whose tests compute and do not wait for anybody: they are the first to run where little time is left over. */
const PATIENT = /^(contracts|platform|execution\/(cipher|envelope|keychain|keyforms|kmip|objects|routing))\//;
/** Few enough that what has failed is soon found, and that the last groups end together. */
const GROUP_MAX = 8;
const GROUP = new URL('./test-group.ts', import.meta.url).pathname;

/** Loaded into what runs behind a suite with deadlines. */
const BEHIND = ['--import', new URL('./test-behind.mjs', import.meta.url).href];

/** What one process runs: a file, or files of one folder. */
type Group = readonly string[];
/** The next to run, if any. */
interface Lane {
  readonly next: () => Group | undefined;
  readonly execArgv?: readonly string[];
}
type TestEvent = EventOf<ReturnType<typeof run>>;
type EventOf<S> = S extends AsyncIterable<infer E> ? E : never;

interface Totals {
  tests: number;
  passed: number;
  failed: number;
  skipped: number;
  readonly files: { readonly path: string; readonly durationMs: number }[];
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

/** Those of one folder below a plane together. */
function grouped(paths: readonly string[]): Group[] {
  const groups: string[][] = [];
  let folder = '';
  for (const path of paths) {
    const now = relative(ROOT, path).split('/').slice(0, 2).join('/');
    const last = groups.at(-1);
    if (last !== undefined && now === folder && last.length < GROUP_MAX) last.push(path);
    else groups.push([path]);
    folder = now;
  }
  return groups;
}

/** Each by itself, but for those that share; first those named above, in that order. */
function suitesOf(paths: readonly string[]): Group[] {
  const left = new Map(paths.map((path) => [basename(path, '.test.ts'), path]));
  const named = [...LONG.map((name) => [name]), ...SHARED].map((names) =>
    names.flatMap((name) => {
      const path = left.get(name);
      left.delete(name);
      return path === undefined ? [] : [path];
    }),
  );
  return [...named.filter((group) => group.length > 0), ...[...left.values()].map((path) => [path])];
}

const nameOf = (group: Group): string => {
  const [first = '', ...others] = group.map((path) => relative(ROOT, path));
  return others.length === 0 ? first : `${first} and ${others.length} more`;
};

/** What Node's test runner has to say of one file or group; it is a process of its own. */
async function runGroup(
  group: Group,
  { execArgv = [] }: Lane,
  totals: Totals,
  signal: AbortSignal,
): Promise<TestEvent[]> {
  const events: TestEvent[] = [];
  // One alone as well: what runs there is spared the following of every promise (scripts/test-group.ts).
  const what = { files: [GROUP], argv: [...group] };
  const late = AbortSignal.timeout(GROUP_LIMIT_MS);
  const bounds = { timeout: TEST_LIMIT_MS, signal: AbortSignal.any([signal, late]) };
  const options = { ...what, ...bounds, cwd: ROOT, execArgv: [...execArgv] };
  for await (const event of run(options)) {
    if (event.type !== 'test:summary') {
      // What has no file are counts of this one run: those of all runs come at the end.
      if (event.type !== 'test:diagnostic' || event.data.file !== undefined) events.push(event);
      continue;
    }
    const { counts, duration_ms: durationMs, file, success } = event.data;
    if (file !== undefined) continue; // one comes for the file, and one for the run
    const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
    totals.files.push({ path: nameOf(group), durationMs });
    totals.tests += counts.tests;
    totals.passed += counts.passed;
    totals.skipped += counts.skipped;
    totals.failed += success ? failed : Math.max(failed, 1);
  }
  if (late.aborted) {
    console.error(`\n${nameOf(group)} did not end within ${GROUP_LIMIT_MS / 1000} s and was ended.`);
    totals.failed = Math.max(totals.failed, 1);
  }
  return events;
}

/** Runs what `lanes` give out, each lane one process at a time, and prints each when it is done. */
async function runLanes(
  title: string,
  lanes: readonly Lane[],
  totals: Totals,
  signal: AbortSignal,
): Promise<void> {
  const report = new PassThrough({ objectMode: true });
  const printed = new Promise<void>((done, fail) => {
    const text = report.compose(spec);
    text.on('error', fail);
    text.on('end', done);
    text.pipe(process.stdout, { end: false });
  });
  console.log(`\n== ${title}`);
  const work = async (lane: Lane): Promise<void> => {
    for (let group = lane.next(); group !== undefined && !signal.aborted; group = lane.next())
      for (const event of await runGroup(group, lane, totals, signal)) report.write(event);
  };
  await Promise.all(lanes.map(work));
  report.end();
  await printed;
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

// And they, and whatever they start, take packages of many files from bundles.
const bundled = new URL('../platform/bundled-packages.mjs', import.meta.url);
const nodeOptions = [
  process.env['NODE_OPTIONS'] ?? '',
  ...(existsSync(bundled) ? [`--import=${bundled.href}`] : []),
];
process.env['NODE_OPTIONS'] = nodeOptions.join(' ').trim();

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
const ofKind = (kind: Kind): Group[] => {
  const paths = chosen.filter((path) => kindOf(path) === kind);
  if (kind !== 'unit') return suitesOf(paths);
  const { patient = [], others = [] } = Object.groupBy(grouped(paths), ([path = '']) =>
    PATIENT.test(relative(ROOT, path)) ? 'patient' : 'others',
  );
  return [...patient, ...others];
};
const limit = new AbortController();
setTimeout(() => {
  console.error(`\nThe tests took longer than ${TOTAL_LIMIT_MS / 60_000} minutes and were ended.`);
  process.exitCode = 1;
  limit.abort();
  setTimeout(() => process.exit(1), 5_000).unref();
}, TOTAL_LIMIT_MS).unref();

const started = Date.now();
const totals: Totals = { tests: 0, passed: 0, failed: 0, skipped: 0, files: [] };
const [units, together, alone] = [ofKind('unit'), ofKind('together'), ofKind('alone')];
if (alone.length > 0) {
  const title = `suites with deadlines: ${alone.flat().length} files, one by one`;
  let over = false;
  const next = (): Group | undefined => {
    over = alone.length === 0;
    return alone.shift();
  };
  const behind: Lane = { next: () => (over ? undefined : units.shift()), execArgv: BEHIND };
  const others = Array.from({ length: 2 * SUITES_AT_ONCE }, () => behind);
  await runLanes(title, [{ next }, ...others], totals, limit.signal);
}
if (units.length + together.length > 0) {
  const title = `beside the code: ${units.flat().length} files; suites: ${together.flat().length} files`;
  const unit: Lane = { next: () => units.shift() };
  const suiteOrUnit: Lane = { next: () => together.shift() ?? units.shift() };
  const unitOrSuite: Lane = { next: () => units.shift() ?? together.shift() };
  const lanes = Array.from({ length: SUITES_AT_ONCE }, () => [suiteOrUnit, unit, unitOrSuite]);
  await runLanes(title, lanes.flat(), totals, limit.signal);
}
const slowest = totals.files.sort((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST_SHOWN);
if (slowest.length > 1) {
  console.log('\n== slowest files');
  for (const { path, durationMs } of slowest) {
    console.log(`${(durationMs / 1000).toFixed(1).padStart(7)} s  ${path}`);
  }
}
if (totals.tests === 0) console.error('No test was found.');
process.exitCode = totals.tests > 0 && totals.failed === 0 && !limit.signal.aborted ? 0 : 1;
// The closing lines of Node's own runner, for all runs together.
console.log(`\n== all ${chosen.length} files
ℹ tests ${totals.tests}
ℹ suites 0
ℹ pass ${totals.passed}
ℹ fail ${totals.failed}
ℹ cancelled 0
ℹ skipped ${totals.skipped}
ℹ todo 0
ℹ duration_ms ${Date.now() - started}`);
process.exit();
