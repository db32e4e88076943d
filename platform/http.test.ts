import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const HEALTH = new URL('./http-health.ts', import.meta.url).href;

/** Whether Node has loaded its client for the web by the end of the program. */
function loadsTheWeb(program: string): boolean {
  const told = `console.log(process.moduleLoadList.some((name) => name.endsWith('deps/undici/undici')))`;
  const args = ['--input-type=module', '--eval', `${program}; ${told}`];
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim() === 'true';
}

test('whoever serves HTTP does not load a client for the web', () => {
  assert.equal(loadsTheWeb(`await import(${JSON.stringify(HEALTH)})`), false);
  assert.equal(loadsTheWeb(`await import('node:http')`), true, 'Node has learnt it: platform/http.ts can go');
});
