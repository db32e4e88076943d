// `npx okcm` is this checkout's, at once: nothing is installed for it, and nothing built.
import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');

test('npx finds okcm among the commands of the checkout', () => {
  const folder = join(ROOT, 'node_modules', '.bin');
  assert.equal(resolve(folder, readlinkSync(join(folder, 'okcm'))), join(ROOT, 'cli', 'okcm.js'));
});
