import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../testkit/until.ts';
import { watchParent } from './parent-watch.ts';

test('the end of standard input is the end of the parent, told once', async () => {
  const stdin = new PassThrough();
  let told = 0;
  watchParent({ supervised: true, stdin, onParentGone: () => told++ });
  await sleep(20);
  assert.equal(told, 0);
  stdin.end();
  await until('it is told', () => told > 0);
  stdin.destroy();
  await sleep(20);
  assert.equal(told, 1);
});

test('nobody is told while nobody supervises, or after stop', async () => {
  const stdin = new PassThrough();
  let told = 0;
  watchParent({ supervised: false, stdin, onParentGone: () => told++ });
  watchParent({ supervised: true, stdin, onParentGone: () => told++ }).stop();
  stdin.end();
  await sleep(20);
  assert.equal(told, 0);
});
