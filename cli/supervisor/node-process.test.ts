// A program that does not come up: whoever started it learns why, and whether another port would help.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../../platform/ports.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { until } from '../../testkit/until.ts';
import { CliError } from '../errors.ts';
import { isPortTaken } from '../installation/ports.ts';
import { nodeRunner } from './node-process.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const directory = temporaryDirectory('programs');
const squatter = createServer();
let taken: number;

before(async () => {
  taken = await freePort();
  await new Promise<void>((resolve) => squatter.listen(taken, '127.0.0.1', resolve));
});
after(() => squatter.close());

/** How the start fails of a program whose health address never answers. */
async function failureOf(main: string, ...args: string[]): Promise<CliError> {
  const log = join(directory, 'program.log');
  const program = { main, args, log, compileCache: join(directory, 'cache') };
  const runner = nodeRunner(program, `http://127.0.0.1:${await freePort()}/healthz`);
  const error = await runner.start(new AbortController().signal).catch((reason: unknown) => reason);
  assert.ok(error instanceof CliError, `${error}`);
  return error;
}

function programThat(name: string, source: string): string {
  const path = join(directory, `${name}.cjs`);
  writeFileSync(path, source);
  return path;
}

test('a port that somebody else has is told from other failures, of now and of earlier lives', async () => {
  const listens = programThat(
    'listens',
    `require('node:net').createServer().listen(${taken}, '127.0.0.1').on('error', (error) => {
      process.stderr.write('gateway: ' + error.message + '\\n');
      process.exit(1);
    });`,
  );
  const refused = await failureOf(listens);
  assert.equal(refused.code, 'PORT_TAKEN');
  assert.match(String(refused.cause), new RegExp(`EADDRINUSE.*:${taken}`));
  assert.ok(isPortTaken(new CliError('COMPONENT_FAILED', 'it does not start', { cause: refused })));

  const other = await failureOf(programThat('ends', 'process.exit(3);'));
  assert.equal(other.code, 'COMPONENT_FAILED');
  assert.equal(other.cause, undefined, 'what stands in the log was said by another life');
  assert.ok(!isPortTaken(other));
});

test('a program that was prepared loads and waits, is what the start then uses, and ends with what prepared it', async () => {
  const started = join(directory, 'started');
  const port = await freePort();
  // A program of this kind: it begins at a word, and answers then.
  const waits = programThat(
    'waits',
    `require('node:fs').appendFileSync(${JSON.stringify(started)}, process.pid + '\\n');
    process.stdin.once('data', () => require('node:http').createServer((_, answer) => answer.end()).listen(${port}, '127.0.0.1'));
    process.stdin.on('end', () => process.exit());`,
  );
  const pids = (): number[] =>
    existsSync(started) ? readFileSync(started, 'utf8').trimEnd().split('\n').map(Number) : [];
  const program = {
    main: waits,
    args: [],
    log: join(directory, 'waits.log'),
    compileCache: join(directory, 'cache'),
  };
  const runner = nodeRunner(program, `http://127.0.0.1:${port}/healthz`);

  const abandonFirst = runner.prepare?.();
  await until('it is loaded', () => pids().length === 1);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`), 'it has not begun');
  const running = await runner.start(new AbortController().signal);
  assert.deepEqual(pids(), [running.pid], 'no second one was started');
  await abandonFirst?.();
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200, 'a start has taken it');
  await running.stop();

  const abandon = runner.prepare?.();
  await until('another is loaded', () => pids().length === 2);
  await abandon?.();
  assert.throws(() => process.kill(pids()[1] ?? 0, 0), 'nothing is left of it');
});

for (const main of ['governance/main.ts', 'execution/core/main.ts', 'execution/gateway/main.ts']) {
  test(`${main} says why it does not start so that its supervisor can repeat it`, async () => {
    const { cause } = await failureOf(join(REPOSITORY, main), '--config', '/nowhere/config.json');
    assert.match(String(cause), /\/nowhere\/config\.json/);
  });
}
