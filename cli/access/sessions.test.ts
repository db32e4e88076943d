/** As whom a command speaks: whoever is named, else who logged in last, else the development token of the home. */
import assert from 'node:assert/strict';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { homePaths } from '../home/paths.ts';
import { addressFor } from './address.ts';
import { ensurePeople, readPeople } from './people.ts';
import { enter, leave } from './sessions.ts';

const session = (token: string, seconds = 600) => ({
  cmk: 'https://cmk.test',
  token,
  expiresAt: new Date(Date.now() + seconds * 1000).toISOString(),
});

test('who logged in last speaks, unless another is named, until logged out', async () => {
  const home = join(temporaryDirectory('sessions'), 'home');
  const paths = homePaths(home);
  await enter(paths, 'ada', session('of-ada'));
  await enter(paths, 'bob', session('of-bob'));
  assert.deepEqual(await addressFor(home), { url: 'https://cmk.test', token: 'of-bob' });
  assert.equal((await addressFor(home, 'ada')).token, 'of-ada');
  assert.equal((await stat(paths.sessions)).mode & 0o777, 0o600);
  await leave(paths, 'bob');
  await assert.rejects(addressFor(home), { code: 'NOT_RUNNING' });
  assert.equal((await addressFor(home, 'ada')).token, 'of-ada');
  await leave(paths, undefined);
  await assert.rejects(addressFor(home, 'ada'), { code: 'LOGIN_NEEDED', hint: 'okcm login ada' });
});

test('a token that has ended is not sent', async () => {
  const home = temporaryDirectory('sessions');
  await enter(homePaths(home), 'ada', session('of-ada', 5));
  await assert.rejects(addressFor(home), { code: 'LOGIN_NEEDED', message: /has ended/ });
});

test('people of a development home keep their passwords, each one’s own, in a private file', async () => {
  const paths = homePaths(temporaryDirectory('people'));
  await mkdir(join(paths.root, 'cmk'), { recursive: true });
  await ensurePeople(paths);
  const made = await readPeople(paths);
  await ensurePeople(paths);
  assert.deepEqual(await readPeople(paths), made);
  const passwords = made?.people.map(({ password }) => password) ?? [];
  assert.ok(passwords.length >= 2 && new Set(passwords).size === passwords.length);
  assert.equal((await stat(paths.people)).mode & 0o777, 0o600);
});
