import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Type } from 'typebox';
import { isTooOpen, readConfig, writePrivate, writePublic } from './config-file.ts';

const Schema = Type.Object(
  {
    database: Type.Object({
      url: Type.String({ minLength: 1 }),
      max: Type.Integer({ minimum: 1, default: 10 }),
    }),
    regions: Type.Array(Type.String()),
  },
  { additionalProperties: false },
);
const GOOD = { database: { url: 'postgresql://u:s3cret@h/d' }, regions: ['eu-west-1'] };

let directory: string;
let path: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-'));
  path = join(directory, 'config.json');
});
after(() => rm(directory, { recursive: true }));

test('a good file is read, with defaults filled in', async () => {
  await writePrivate(path, JSON.stringify(GOOD));
  const config = await readConfig(path, Schema);
  assert.equal(config.database.max, 10);
  assert.deepEqual(config.regions, ['eu-west-1']);
});

for (const mode of [0o644, 0o640, 0o604, 0o620, 0o610, 0o666]) {
  test(`a file with mode ${mode.toString(8)} is refused`, async () => {
    await writePrivate(path, JSON.stringify(GOOD));
    await chmod(path, mode);
    await assert.rejects(readConfig(path, Schema), { code: 'CONFIG_TOO_OPEN', hint: `chmod 600 ${path}` });
  });
}

test('a file that root hands to the group of an unprivileged process is private, and nothing beyond that', () => {
  const mounted = { mode: 0o100440, uid: 0, gid: 65_532 };
  const reader = { uid: 65_532, groups: [65_532] };
  assert.equal(isTooOpen(mounted, reader), false);
  assert.equal(isTooOpen({ ...mounted, mode: 0o100640 }, reader), false);
  for (const mode of [0o444, 0o460, 0o450, 0o441, 0o442, 0o644])
    assert.equal(isTooOpen({ ...mounted, mode }, reader), true, mode.toString(8));
  assert.equal(isTooOpen({ ...mounted, uid: 65_532 }, reader), true, 'its owner could have closed it');
  assert.equal(isTooOpen({ ...mounted, gid: 100 }, reader), true, 'the group of somebody else');
  assert.equal(isTooOpen(mounted, { uid: 0, groups: [65_532] }), true, 'root needs no group');
  assert.equal(isTooOpen(mounted, undefined), true);
});

test('a link does not hide the mode of the file behind it', async () => {
  await writePrivate(path, JSON.stringify(GOOD));
  await chmod(path, 0o644);
  const link = join(directory, 'link.json');
  await symlink(path, link);
  await assert.rejects(readConfig(link, Schema), { code: 'CONFIG_TOO_OPEN' });
});

test('the error names the field that is wrong', async () => {
  const bad: [unknown, RegExp][] = [
    [{ ...GOOD, database: { url: 'x', max: 0 } }, /database\.max: must be >= 1/],
    [{ ...GOOD, database: {} }, /database: missing field url/],
    [{ ...GOOD, regions: ['a', 7] }, /regions\.1: must be string/],
    [{ ...GOOD, colour: 'red' }, /unknown field colour/],
    [[], /the file: must be object/],
  ];
  for (const [value, message] of bad) {
    await writePrivate(path, JSON.stringify(value));
    await assert.rejects(readConfig(path, Schema), { code: 'CONFIG_INVALID', message });
  }
});

test('of a union the error names what may be chosen, and of the chosen alternative what is wrong', async () => {
  const Chosen = Type.Object({
    store: Type.Union([
      Type.Object(
        { kind: Type.Optional(Type.Literal('file')), path: Type.String() },
        { additionalProperties: false },
      ),
      Type.Object({ kind: Type.Literal('memory') }, { additionalProperties: false }),
      Type.Object(
        { kind: Type.Literal('redis'), host: Type.String(), port: Type.Integer() },
        { additionalProperties: false },
      ),
    ]),
    version: Type.Literal(1),
    level: Type.Union(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map((each) => Type.Literal(each))),
  });
  const good = { store: { path: 'x' }, version: 1, level: 'j' };
  const bad: [unknown, string][] = [
    [{ ...good, store: { kind: 'reddis', host: 'x' } }, 'store.kind: one of file, memory, redis'],
    [{ ...good, store: { kind: 'redis', host: 'x' } }, 'store: missing field port'],
    [{ ...good, store: { kind: 'redis', host: 'x', port: '1' } }, 'store.port: must be integer'],
    [{ ...good, store: { kind: 'memory', path: 'x' } }, 'store: unknown field path'],
    [{ ...good, store: 7 }, 'store: must be object'],
    [{ ...good, version: 2 }, 'version: must be 1'],
    [{ ...good, level: 'k' }, 'level: one of a, b, c, d, e, f, g, h, i, j'],
  ];
  for (const [value, problem] of bad) {
    await writePrivate(path, JSON.stringify(value));
    await assert.rejects(readConfig(path, Chosen), {
      code: 'CONFIG_INVALID',
      message: `${path}: ${problem}`,
    });
  }
});

test('no error quotes the content, since it may be the password', async () => {
  for (const text of [
    '{"database": {"url": "s3cret',
    '{"password": s3cret}',
    '"s3cret',
    '{"a": "s3cret" "b"}',
    's3cret',
  ]) {
    await writePrivate(path, text);
    await assert.rejects(readConfig(path, Schema), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'CONFIG_NOT_JSON');
      assert.ok(
        !`${error.stack}${JSON.stringify(error)}${String(error.cause)}`.includes('s3cret'),
        error.message,
      );
      return true;
    });
  }
});

test('missing files, directories and huge files have codes of their own', async () => {
  await assert.rejects(readConfig(join(directory, 'none.json'), Schema), { code: 'CONFIG_NOT_FOUND' });
  await assert.rejects(readConfig(directory, Schema), { code: 'CONFIG_UNREADABLE' });
  await writePrivate(path, ' '.repeat(1024 * 1024 + 1));
  await assert.rejects(readConfig(path, Schema), { code: 'CONFIG_TOO_LARGE' });
});

test('files are written whole with the mode that their name says, and leave nothing behind', async () => {
  const old = process.umask(0o077);
  try {
    await writePublic(join(directory, 'cert.pem'), 'public');
  } finally {
    process.umask(old);
  }
  await writeFile(join(directory, 'key.pem'), 'old', { mode: 0o666 });
  await writePrivate(join(directory, 'key.pem'), 'private');
  assert.equal((await stat(join(directory, 'cert.pem'))).mode & 0o777, 0o644);
  assert.equal((await stat(join(directory, 'key.pem'))).mode & 0o777, 0o600);
  assert.equal(await readFile(join(directory, 'key.pem'), 'utf8'), 'private');
  await assert.rejects(writePrivate(directory, 'a directory is in the way'));
  assert.deepEqual(
    (await readdir(directory)).filter((name) => name.endsWith('.tmp')),
    [],
  );
});
