// The units are what systemd takes, as its own tool says, and fit the limits of the programs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import * as core from '../../execution/core/limits.ts';
import { MAX_SECRET_MEMORY_BYTES } from '../../execution/envelope/index.ts';
import * as gateway from '../../execution/gateway/limits.ts';
import { SHUTDOWN_DEADLINE_MS } from '../../platform/shutdown.ts';
import { requireService } from '../../testkit/services.ts';

const ROOT = join(import.meta.dirname, '../..');
const UNITS = ['okcm-cmk', 'okcm-core', 'okcm-gateway'] as const;
const TIME_LIMIT_MS = 30_000;
/** systemd's own measure of what a service could still do, from 0 to 100; above 50 it calls it exposed. */
const MAX_EXPOSURE = 20;

type Fields = ReadonlyMap<string, readonly string[]>;
const units = new Map<string, Fields>();
let directory: string;

function fieldsOf(text: string): Fields {
  const fields = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  return fields;
}
const fieldOf = (fields: Fields, name: string): string => fields.get(name)?.join(' ') ?? 'missing';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'okcm-units-'));
  for (const unit of UNITS) {
    const text = await readFile(join(import.meta.dirname, `${unit}.service`), 'utf8');
    units.set(unit, fieldsOf(text));
    // The tool looks for the program, which lies in this checkout and not in /opt.
    await writeFile(join(directory, `${unit}.service`), text.replaceAll('/opt/openkcm', ROOT));
  }
});
after(() => rm(directory, { recursive: true }));

async function analyze(...args: string[]): Promise<string> {
  try {
    const run = await promisify(execFile)(requireService('systemdAnalyze'), args, { timeout: TIME_LIMIT_MS });
    return run.stdout + run.stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`systemd-analyze ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}
const files = (): string[] => UNITS.map((unit) => join(directory, `${unit}.service`));

test('systemd finds nothing wrong with the units', async () => {
  const said = await analyze('--man=no', 'verify', ...files());
  const ofOurs = said.split('\n').filter((line) => line.includes('okcm-'));
  assert.deepEqual(ofOurs, []);
});

test('it calls none of them exposed', async () => {
  const said = await analyze(
    'security',
    '--offline=true',
    `--threshold=${MAX_EXPOSURE}`,
    '--no-pager',
    ...files(),
  );
  assert.equal(said.match(/Overall exposure level for okcm-/g)?.length, UNITS.length, said);
});

test('a process has the time that it takes to end, and only the main one is told', () => {
  for (const [unit, fields] of units) {
    assert.ok(Number(fieldOf(fields, 'TimeoutStopSec')) >= SHUTDOWN_DEADLINE_MS / 1000 + 3, unit);
    assert.equal(fieldOf(fields, 'KillMode'), 'mixed', unit);
    assert.equal(fieldOf(fields, 'Restart'), 'on-failure', unit);
  }
  const { DRAIN_REQUESTS_MS, DRAIN_CORE_MS, WORKER_STOP_MS } = gateway;
  assert.ok(DRAIN_REQUESTS_MS + 2 * WORKER_STOP_MS + DRAIN_CORE_MS <= SHUTDOWN_DEADLINE_MS);
});

test('it may lock all its memory for secrets, open what its limits allow, and leave none of it behind', () => {
  for (const [unit, open] of [
    ['okcm-core', core.MAX_GATEWAY_CONNECTIONS + core.MAX_HANDSHAKES + core.DATABASE_POOL_MAX],
    ['okcm-gateway', gateway.MAX_CONNECTIONS + 2 * gateway.MAX_HANDSHAKES + gateway.MAX_WAITING_CONNECTIONS],
  ] as const) {
    const fields = units.get(unit) ?? new Map<string, string[]>();
    assert.equal(fieldOf(fields, 'LimitMEMLOCK'), String(MAX_SECRET_MEMORY_BYTES), unit);
    assert.ok(Number(fieldOf(fields, 'LimitNOFILE')) > open, `${unit}: ${open} may be open`);
  }
  const started = fieldOf(units.get('okcm-gateway') ?? new Map(), 'ExecStart') ?? '';
  assert.match(started, new RegExp(` --max-semi-space-size=${gateway.SEMI_SPACE_MIB} `));
  for (const [unit, fields] of units)
    assert.deepEqual(
      ['LimitCORE', 'MemorySwapMax', 'CapabilityBoundingSet', 'NoNewPrivileges', 'ProtectSystem'].map(
        (name) => fieldOf(fields, name),
      ),
      ['0', '0', '', 'yes', 'strict'],
      unit,
    );
});

test('each starts its own program, as its own user, by a configuration that only root changes', () => {
  for (const [unit, fields] of units) {
    const name = unit.replace('okcm-', '');
    const [, program = ''] = / ([a-z/]+main\.ts) /.exec(fieldOf(fields, 'ExecStart')) ?? [];
    assert.ok(existsSync(join(ROOT, program)), program);
    assert.ok(fieldOf(fields, 'ExecStart').endsWith(` --config=/etc/okcm/${name}/${name}.json`), unit);
    assert.equal(fieldOf(fields, 'User'), unit);
    assert.equal(fieldOf(fields, 'StateDirectory'), unit);
  }
});

test('nodes let containers lock as much', async () => {
  const text = await readFile(join(import.meta.dirname, 'containerd-memlock.conf'), 'utf8');
  assert.equal(fieldOf(fieldsOf(text), 'LimitMEMLOCK'), String(MAX_SECRET_MEMORY_BYTES));
});
