/** What the kernel locked is told as it is, in processes that may lock, may not, or have no libsodium. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MAX_SECRET_MEMORY_BYTES, type MemoryLockStatus, memoryLockStatus, SecretBytes } from './index.ts';

const index = JSON.stringify(join(import.meta.dirname, 'index.ts'));
/** Takes as many secrets as it is told, and prints what it was told of the lock. */
const child = `
  const { SecretBytes, memoryLockStatus, watchMemoryLock } = await import(${index});
  const told = [];
  watchMemoryLock((status) => told.push(status.state));
  const secrets = Array.from({ length: Number(process.argv[1]) }, () => SecretBytes.random(32));
  const intact = secrets.every((secret) => secret.use((bytes) => bytes.some((byte) => byte !== 0)));
  console.log(JSON.stringify({ status: memoryLockStatus(), told, intact }));
`;
/** Makes the package impossible to load, as on a platform that it has no binaries for. */
const withoutSodium = `
  import { registerHooks } from 'node:module';
  registerHooks({ resolve(name, context, next) {
    if (name === 'sodium-native') throw new Error('no binary for this platform');
    return next(name, context);
  } });
`;

interface Told {
  readonly status: MemoryLockStatus;
  readonly told: readonly string[];
  readonly intact: boolean;
}

/** Runs the child under this limit. Root may lock past any limit, so it gives that right up first (util-linux). */
function run(secrets: number, options: { limitKiB?: number; sodium?: false } = {}): Told {
  const { limitKiB, sodium } = options;
  const imported = `data:text/javascript,${encodeURIComponent(withoutSodium)}`;
  const node = [
    process.execPath,
    ...(sodium === false ? ['--import', imported] : []),
    '--input-type=module',
    '--eval',
    child,
    String(secrets),
  ];
  if (limitKiB === undefined) return parsed(node);
  const limited = ['sh', '-c', `ulimit -l ${limitKiB}; exec "$@"`, 'sh', ...node];
  const isRoot = process.getuid?.() === 0;
  return parsed(
    isRoot ? ['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock', ...limited] : limited,
  );
}

function parsed([command = '', ...args]: string[]): Told {
  return JSON.parse(execFileSync(command, args, { encoding: 'utf8' })) as Told;
}

describe('the status of locked memory', () => {
  test('what a secret takes is locked, and the kernel says so', () => {
    using _secret = SecretBytes.random(32);
    const { state, wantedBytes, lockedBytes, problem } = memoryLockStatus();
    assert.equal(state, 'locked', problem);
    assert.ok(wantedBytes > 0 && lockedBytes !== undefined && lockedBytes >= wantedBytes);
  });

  test('a process that may lock nothing works on, and says what to set', () => {
    const { status, told, intact } = run(10, { limitKiB: 0 });
    assert.ok(intact);
    assert.equal(status.state, 'unlocked');
    assert.equal(status.lockedBytes, 0);
    assert.equal(status.limitBytes, 0);
    assert.match(status.problem ?? '', new RegExp(`LimitMEMLOCK=${MAX_SECRET_MEMORY_BYTES}`));
    assert.deepEqual(told, ['unlocked']);
  });

  test('the limit that is reached while memory grows is told when it happens', () => {
    const { status, told, intact } = run(20_000, { limitKiB: 512 });
    assert.ok(intact);
    assert.equal(status.state, 'partly-locked');
    assert.equal(status.limitBytes, 512 * 1024);
    assert.ok((status.lockedBytes ?? 0) > 0 && (status.lockedBytes ?? 0) <= 512 * 1024);
    assert.deepEqual(told, ['partly-locked']);
  });

  test('without libsodium keys lie in ordinary memory, and that is told from the start', () => {
    const { status, told, intact } = run(10, { sodium: false });
    assert.ok(intact);
    assert.equal(status.state, 'unlocked');
    assert.match(status.problem ?? '', /sodium-native could not be loaded \(no binary for this platform\)/);
    assert.ok(told.length >= 1 && told.every((state) => state === 'unlocked'));
  });
});
