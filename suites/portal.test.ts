/**
 * The portal in a real Chromium, in its short form: somebody signs in, an operator onboards a tenant, and the pages that need
 * nothing more are looked at in every appearance. `npm run portal-walk` goes the whole way of a customer, over every page.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { System } from '../testkit/system.ts';
import { pages } from './portal-walk/pages.ts';
import { type Trace, takeStep, walk } from './portal-walk/walk.ts';
import { World } from './portal-walk/world.ts';

const LIMIT_MS = 3 * 60_000;
const STEPS = 2;

let world: World | undefined;
after(() => world?.close());

test('the portal opens in a browser, and nothing is wrong with its pages', {
  timeout: LIMIT_MS,
}, async (t) => {
  const opened = await World.open(System.shared());
  world = opened;
  const trace: Trace = {};
  for (const step of [...walk(opened, trace).slice(0, STEPS), pages(opened, trace, { whole: false })]) {
    let done = false;
    await t.test(step.title, { timeout: LIMIT_MS }, async () => {
      assert.deepEqual(await takeStep(opened, step), []);
      done = true;
    });
    // Each step stands on those before it: the first that fails is the last.
    if (!done) break;
  }
});
