import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { OkcmError } from './errors.ts';
import { createLogger } from './log.ts';
import { isSecretName, REDACTED } from './redact.ts';

const SECRET = 'hunter2-correct-horse';

function capture(): { lines: string[]; stream: { write(line: string): void } } {
  const lines: string[] = [];
  return { lines, stream: { write: (line) => void lines.push(line) } };
}

test('a line is JSON with an ISO time, the level as a word and the name', () => {
  const { lines, stream } = capture();
  createLogger({ name: 'core', destination: stream }).warn({ correlationId: 'c-1' }, 'hello');
  const line: Record<string, unknown> = JSON.parse(lines[0] ?? '');
  assert.equal(line['level'], 'warn');
  assert.equal(line['name'], 'core');
  assert.equal(line['msg'], 'hello');
  assert.equal(line['correlationId'], 'c-1');
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('fields with secret names never reach the log, wherever they stand', () => {
  const name = fc.constantFrom(
    'password',
    'dbPassword',
    'token',
    'access_token',
    'clientSecret',
    'key',
    'Authorization',
    'privateKey',
    'pemPrivate',
    'passphrase',
  );
  const path = fc.array(fc.constantFrom('a', 'config', 'headers', 'list'), { maxLength: 5 });
  fc.assert(
    fc.property(
      name,
      path,
      fc.boolean(),
      fc.constantFrom('plain', 'child', 'cause'),
      (secretName, parents, inArray, how) => {
        assert.ok(isSecretName(secretName));
        let record: Record<string, unknown> = { [secretName]: SECRET };
        for (const parent of parents) record = { [parent]: inArray ? [record] : record };
        const { lines, stream } = capture();
        const logger = createLogger({ name: 'test', destination: stream });
        if (how === 'child') logger.child(record).info('x');
        else if (how === 'cause')
          logger.error(Object.assign(new Error('outer', { cause: record }), { config: record }));
        else logger.info(record, 'x');
        assert.equal(lines.length, 1);
        assert.ok(!lines.join('').includes(SECRET), lines.join(''));
      },
    ),
    { numRuns: 200 },
  );
});

test('useful names that merely resemble secret ones stay', () => {
  const { lines, stream } = capture();
  createLogger({ name: 'test', destination: stream }).info({
    keyId: 'k-1',
    publicKey: 'p',
    keyVersion: 3,
    tokens: 4,
  });
  const line: Record<string, unknown> = JSON.parse(lines[0] ?? '');
  assert.deepEqual([line['keyId'], line['publicKey'], line['keyVersion']], ['k-1', 'p', 3]);
});

test('bytes are shown by their number only', () => {
  const { lines, stream } = capture();
  const bytes = Buffer.from(SECRET);
  createLogger({ name: 'test', destination: stream }).info({
    deep: { material: bytes, list: [new Uint8Array(bytes)] },
  });
  assert.match(lines[0] ?? '', /\[21 bytes\]/);
  assert.ok(!(lines[0] ?? '').includes(SECRET));
  assert.ok(!(lines[0] ?? '').includes(bytes.toJSON().data.slice(0, 5).join(',')));
});

test('a private key or a URL password inside a message is cut out', () => {
  const { lines, stream } = capture();
  const logger = createLogger({ name: 'test', destination: stream });
  logger.info(
    `could not load -----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n, giving up`,
  );
  logger.info({ target: `postgresql://okcm:${SECRET}@db.example:5432/core` }, 'connecting');
  logger.error(new Error(`cannot reach amqp://user:${SECRET}@broker/`));
  const text = lines.join('');
  assert.equal(lines.length, 3);
  for (const line of lines) assert.doesNotThrow(() => JSON.parse(line));
  assert.ok(!text.includes(SECRET), text);
  assert.ok(text.includes('giving up') && text.includes('@db.example:5432/core') && text.includes(REDACTED));
});

test('an error shows its code, hint and cause', () => {
  const { lines, stream } = capture();
  const cause = Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
  createLogger({ name: 'test', destination: stream }).error(
    new OkcmError('X_FAILED', 'it failed', { hint: 'try again', cause }),
  );
  const { err } = JSON.parse(lines[0] ?? '');
  assert.deepEqual([err.code, err.hint, err.cause.code], ['X_FAILED', 'try again', 'ECONNREFUSED']);
});

test('values that cannot be printed as they are do not break logging', () => {
  const { lines, stream } = capture();
  const cyclic: Record<string, unknown> = { count: 10n };
  cyclic['self'] = cyclic;
  createLogger({ name: 'test', destination: stream }).info(cyclic, 'odd');
  assert.match(lines[0] ?? '', /"count":"10"/);
});

test('a log file is private', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'log-'));
  try {
    const path = join(directory, 'sub', 'x.log');
    createLogger({ name: 'test', destination: path }).info('written');
    assert.match(await readFile(path, 'utf8'), /"msg":"written"/);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  } finally {
    await rm(directory, { recursive: true });
  }
});
