// Packages out of bundles give what they give by themselves.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';

const ROOT = new URL('..', import.meta.url);
const LOADER = new URL('./bundled-packages.mjs', import.meta.url).href;

const specifiers = (): string[] => {
  const index = readFileSync(new URL('.build/packages/index.json', ROOT), 'utf8');
  const { files }: { files: Readonly<Record<string, string>> } = JSON.parse(index);
  return Object.keys(files);
};

/** What each of them exports, in a process of its own. */
async function exportsOf(names: readonly string[], options: readonly string[]): Promise<string[][]> {
  const program = `
    const all = await Promise.all(${JSON.stringify(names)}.map((name) => import(name)));
    const named = all.map((one) => Object.keys(one).filter((name) => name !== 'module.exports').sort());
    console.log(JSON.stringify(named));`;
  const args = ['--import=reflect-metadata', ...options, '--input-type=module', '--eval', program];
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  return JSON.parse(stdout);
}

test('every bundle exports what its package does', async () => {
  const names = specifiers();
  assert.ok(names.includes('pg') && names.includes('kysely'));
  const [bundled, own] = await Promise.all([exportsOf(names, [`--import=${LOADER}`]), exportsOf(names, [])]);
  assert.deepEqual(bundled, own);
});
