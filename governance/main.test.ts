/** CMK as the process that an operator starts: ready, serving, stopped by a signal; and what it refuses to start with. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startChild } from '../testkit/children.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { testWorld } from '../testkit/governance.ts';
import type { CmkConfig } from './config.ts';
import { TOKEN, type World } from './test-world.ts';

let world: World;
const directory = temporaryDirectory('cmk-main');

before(async () => {
  world = await testWorld({ regions: [] });
  await world.stop();
});
after(() => world.close());

async function run(config: object, mode = 0o600) {
  const path = join(directory, `${Math.random()}.json`);
  await writeFile(path, JSON.stringify(config));
  await chmod(path, mode);
  const main = join(import.meta.dirname, 'main.ts');
  return await startChild({ name: 'cmk', command: process.execPath, args: [main, '--config', path] });
}

test('it says when it is ready, serves, and ends cleanly on SIGTERM', async () => {
  const child = await run({ ...world.config, log: { level: 'info' } } satisfies CmkConfig);
  const { url } = JSON.parse(await child.waitForLine(/"msg":"ready"/)) as { url: string };
  const answer = await fetch(`${url}/v1/status`, { headers: { authorization: `Bearer ${TOKEN}` } });
  assert.equal(answer.status, 200);
  assert.match(child.output(), /DEVELOPMENT: bearer tokens/);
  const exit = await child.stop('SIGTERM');
  assert.equal(exit.code, 0);
  assert.ok(!child.output().includes(TOKEN));
});

for (const [what, change, mode, message] of [
  ['a configuration that others may read', {}, 0o644, /others may read/],
  ['an unknown field', { surprise: 1 }, 0o600, /unknown field surprise/],
  ['no way to authenticate operators', { development: false }, 0o600, /no way to authenticate/],
  [
    'plain HTTP where others can reach it',
    { development: false, http: { host: '0.0.0.0', port: 0 } },
    0o600,
    /others can reach http.host/,
  ],
  [
    'a proxy before it, but nobody whom it would let in',
    { development: false, http: { host: '0.0.0.0', port: 0, behindProxy: true } },
    0o600,
    /no way to authenticate/,
  ],
] as const)
  test(`it does not start with ${what}, and says so in one line`, async () => {
    const child = await run({ ...world.config, ...change }, mode);
    assert.equal((await child.exited).code, 1);
    const lines = child
      .output()
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('{'));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', message);
  });

const grants = {
  'owns the tables': undefined,
  'is a superuser': ['ALTER ROLE cmk_app SUPERUSER', 'ALTER ROLE cmk_app NOSUPERUSER'],
  'passes row-level security by': ['ALTER ROLE cmk_app BYPASSRLS', 'ALTER ROLE cmk_app NOBYPASSRLS'],
  'may become the owner': ['GRANT cmk_owner TO cmk_app', 'REVOKE cmk_owner FROM cmk_app'],
} as const;
for (const [what, change] of Object.entries(grants))
  test(`it does not serve with a role that ${what}`, async () => {
    const { ownerUrl, appUrl } = world.config.database;
    const database = { ownerUrl, appUrl: change === undefined ? ownerUrl : appUrl };
    try {
      if (change !== undefined) await world.query(change[0]);
      const child = await run({ ...world.config, database, log: { level: 'info' } });
      // One that serves all the same is not waited for.
      assert.match(await child.waitForLine(/"msg":"ready"|of its own/), /must name a role of its own/);
      assert.equal((await child.exited).code, 1);
    } finally {
      if (change !== undefined) await world.query(change[1]);
    }
  });
