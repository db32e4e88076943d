// Runs the test files that are its arguments, one after another in one process, each under its own name.
import { type AsyncHook, createHook } from 'node:async_hooks';
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe } from 'node:test';
import { pathToFileURL } from 'node:url';

const paths = process.argv.slice(2);

/** What files share belongs to none of them: the hooks of a folder's fixture are those of the whole run. */
const FIXTURE = 'fixture.test.ts';
const folders = new Set(paths.map((path) => relative(process.cwd(), dirname(path))));
const fixtures = new Set(
  [...folders].flatMap((folder) => {
    const parts = folder.split('/');
    return parts.map((_, index) => join(process.cwd(), ...parts.slice(0, index + 1), FIXTURE));
  }),
);
for (const path of fixtures) if (existsSync(path)) await import(pathToFileURL(path).href);

/**
 * What `register` makes Node's test runner enable: it follows every promise, to find the test that a call of `test` belongs
 * to. Nothing is registered once all files are loaded, and following costs up to a fifth of a process's time.
 */
function hooksEnabledBy(register: () => void): readonly AsyncHook[] {
  const prototype: AsyncHook = Object.getPrototypeOf(createHook({}));
  const { enable } = prototype;
  const enabled: AsyncHook[] = [];
  prototype.enable = function (this: AsyncHook) {
    enabled.push(this);
    return enable.call(this);
  };
  try {
    register();
  } finally {
    prototype.enable = enable;
  }
  return enabled;
}

let loading = paths.length;
const following = hooksEnabledBy(() => paths.forEach(load));

function load(path: string): void {
  // A hook at the top of a file is its own: the file is loaded inside of its `describe`, all of which has the limit of one test.
  describe(relative(process.cwd(), path), async () => {
    await import(pathToFileURL(path).href);
    loading -= 1;
    if (loading === 0) for (const hook of following) hook.disable();
  });
}
