/**
 * A thousand tenants, declared in a thousand files and applied twice by the command: the second run changes nothing; then
 * one file is edited, and exactly that is planned.
 *
 *     npm run apply-thousand
 *     npm run apply-thousand -- --tenants 100
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeJson } from '../../cli/home/json-file.ts';
import { homePaths } from '../../cli/home/paths.ts';
import { table } from '../../cli/output.ts';
import { TOKEN } from '../../governance/test-world.ts';
import { declareTenants } from '../../testkit/declarations.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import { measure } from '../../testkit/measure/command.ts';
import { REPOSITORY } from '../../testkit/system.ts';

const options = { tenants: { default: 1_000, about: 'how many tenants are declared' } } as const;
/** What the second run may take, for each thousand tenants; and what a command takes before it has asked for anything. */
const SECOND_RUN_LIMIT_MS = 60_000;
const COMMAND_START_MS = 5_000;
/** A thousand keys are not to be asked for ten times a second while something else is measured. */
const PROBE_EVERY_MS = 60_000;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

interface Ran {
  readonly code: number | null;
  readonly tookMs: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly entries: readonly { readonly kind: string; readonly tenant: string; readonly changes: unknown }[];
  readonly states: Readonly<Record<string, number>>;
}

await measure('apply-thousand', options, async ({ tenants }, stage) => {
  const root = temporaryDirectory('declarations');
  const home = join(root, 'home');
  const folder = join(root, 'declared');
  const world = await stage('start CMK and a region', () =>
    testWorld({ regions: ['north'], link: { probeEveryMs: PROBE_EVERY_MS } }),
  );
  try {
    await mkdir(home, { mode: 0o700 });
    await writeJson(homePaths(home).endpoints, {
      ready: true,
      cmk: { url: world.url(), token: TOKEN, health: world.healthUrl() },
      regions: [],
      tenants: [],
      processes: [],
      supervisor: { pid: process.pid },
      data: [],
    });
    const declared = await stage(`declare ${tenants} tenants`, () =>
      declareTenants(folder, tenants, { keystore: 'soft' }),
    );
    const apply = (...more: string[]): Promise<Ran> => okcmApply(home, folder, more);
    const first = await stage('apply', () => apply('--yes'));
    const second = await stage('apply again', () => apply('--yes'));
    const edited = declared.tenants[Math.floor(tenants / 2)] ?? '';
    const path = declared.fileOf(edited);
    await writeFile(path, (await readFile(path, 'utf8')).replace('service: db', 'service: files'));
    const third = await stage('plan after one file was edited', () => apply('--dry-run'));
    const expected = [{ field: 'service', from: 'db', to: 'files' }];
    const [entry, ...others] = third.entries;
    const isThat =
      others.length === 0 &&
      entry?.kind === 'System' &&
      entry.tenant === edited &&
      JSON.stringify(entry.changes) === JSON.stringify(expected);
    const limitMs = Math.max(COMMAND_START_MS, (SECOND_RUN_LIMIT_MS * tenants) / 1_000);
    return {
      data: { tenants, things: declared.things, first, second, third },
      text: table(
        ['run', 'planned', 'unchanged', 'ms', 'exit code'],
        [
          ['apply', first.counts['create'], first.counts['same'], Math.round(first.tookMs), first.code],
          [
            'apply again',
            second.entries.length,
            second.counts['same'],
            Math.round(second.tookMs),
            second.code,
          ],
          [
            'one file edited',
            third.entries.length,
            third.counts['same'],
            Math.round(third.tookMs),
            third.code,
          ],
        ],
      ),
      failures: [
        ...(first.code === 0 && first.states['done'] === declared.things
          ? []
          : ['the first run did not do everything']),
        ...(second.code === 0 && second.counts['same'] === declared.things
          ? []
          : ['the second run found something to do']),
        ...(second.tookMs <= limitMs ? [] : [`the second run took longer than ${limitMs} ms`]),
        ...(third.code === 2 && isThat ? [] : ['something else than the edited field was planned']),
      ],
    };
  } finally {
    await world.close();
  }
});

/** In a process of its own, as somebody types it, and for as long as it takes. */
async function okcmApply(home: string, folder: string, more: readonly string[]): Promise<Ran> {
  const startedAt = performance.now();
  const args = [join(REPOSITORY, 'cli', 'okcm.ts'), 'apply', '-f', folder, '--json', '--home', home, ...more];
  const { code, stdout } = await ended(args);
  const tookMs = performance.now() - startedAt;
  const answer = JSON.parse(stdout) as {
    plan: Pick<Ran, 'counts' | 'entries'>;
    results?: readonly { readonly state: string }[];
  };
  const states: Record<string, number> = {};
  for (const { state } of answer.results ?? []) states[state] = (states[state] ?? 0) + 1;
  return { code, tookMs, ...answer.plan, states };
}

function ended(args: readonly string[]): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, { maxBuffer: MAX_ANSWER_BYTES }, (_error, stdout) =>
      resolve({ code: child.exitCode, stdout }),
    );
    child.stderr?.pipe(process.stderr);
  });
}
