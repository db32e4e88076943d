import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';
import { until } from '../testkit/until.ts';
import { writePublic } from './config-file.ts';
import { createLogger } from './log.ts';
import { readBounded } from './tls-material.ts';
import { WatchedFiles } from './watched-files.ts';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly cause?: string;
}

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** Two files that must say the same. */
async function twins(directory: string) {
  const paths = [join(directory, 'a'), join(directory, 'b')] as const;
  const log: Line[] = [];
  const outcomes: string[] = [];
  let changes = 0;
  const watched = await WatchedFiles.open<string>({
    what: 'twins',
    paths,
    load: async () => {
      const [a, b] = await Promise.all(paths.map(async (path) => (await readBounded(path, 100)).toString()));
      if (a !== b || a === undefined) throw new Error(`${a} is not ${b}`);
      return a;
    },
    onChanged: () => {
      changes += 1;
    },
    onOutcome: (outcome) => outcomes.push(outcome),
    logger: createLogger({
      name: 'test',
      level: 'info',
      destination: { write: (line: string) => void log.push(JSON.parse(line) as Line) },
    }),
  });
  open.push(watched);
  watched.start();
  return { paths, watched, log, outcomes, changes: () => changes };
}

const both = async (directory: string, text: string): Promise<void> => {
  for (const name of ['a', 'b']) await writePublic(join(directory, name), text);
};

test('a change is taken when it is whole; what is wrong is refused, said once, and mended by the next', async () => {
  const directory = temporaryDirectory('watched');
  await both(directory, 'one');
  const { paths, watched, log, outcomes, changes } = await twins(directory);
  assert.equal(watched.current, 'one');
  await both(directory, 'two');
  await until('the change', () => watched.current === 'two');
  await writeFile(paths[0], 'three');
  await until('the refusal', () => outcomes.includes('refused'));
  await rm(paths[1]);
  await until('another refusal', () => outcomes.length === 3);
  assert.equal(watched.current, 'two', 'what was there before goes on');
  assert.deepEqual(
    log.filter(({ level }) => level === 'error').map(({ cause }) => cause),
    ['three is not two', `${paths[1]} cannot be read (ENOENT)`],
  );
  await writeFile(paths[1], 'three');
  await until('the rest of the change', () => watched.current === 'three');
  assert.equal(changes(), 2);
});

test('a directory that is exchanged by a symbolic link is seen, as are files that only the contents of change', async () => {
  const root = temporaryDirectory('watched');
  for (const name of ['first', 'second']) {
    await mkdir(join(root, name));
    await both(join(root, name), name);
  }
  await symlink(join(root, 'first'), join(root, 'now'));
  const { watched } = await twins(join(root, 'now'));
  await symlink(join(root, 'second'), join(root, 'next'));
  await rename(join(root, 'next'), join(root, 'now'));
  await until('the other directory', () => watched.current === 'second');
});

test('reload reads at once, also what looks unchanged', async () => {
  const directory = temporaryDirectory('watched');
  await both(directory, 'one');
  const { watched, outcomes, changes } = await twins(directory);
  await watched.reload();
  assert.deepEqual(outcomes, ['taken']);
  await both(directory, 'two');
  await watched.reload();
  assert.equal(watched.current, 'two');
  assert.equal(changes(), 2);
});
