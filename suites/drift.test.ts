/**
 * Both sides converge from any state: a real CMK and real cores, either of them put back to any moment. What is left must serve
 * nobody whom governance does not want served, lack nothing that a job can make, and rest. The short form; `npm run drift` plays
 * as many stories as one likes.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { play, storiesOf } from './drift/stories.ts';
import { DriftWorld } from './drift/world.ts';
import { loseGovernance } from './recovery/lost-governance.ts';

const STORIES = 3;
/** The same each time: what a run of all tests finds, the next one finds as well. */
const SEED = 20_260_301;

let world: DriftWorld;

before(async () => {
  world = await DriftWorld.start();
});
after(() => world?.close());

for (const [index, story] of storiesOf(STORIES, SEED).entries())
  test(`both sides come together: ${JSON.stringify(story)}`, () => play(world, `s${index}`, story));

test('a region that has lost everything gets all that is wanted, and serves nobody who is to be linked first', async () => {
  const { planes } = world;
  for (const tenant of ['lost-a', 'lost-b']) await planes.onboard(tenant, 'payments');
  await planes.link('lost-a');
  await world.idle();
  await world.loseEverything();
  await world.calm();
  await world.check();
  const tenants = (await world.served()).map(({ tenant }) => tenant);
  assert.ok(tenants.includes('lost-b') && !tenants.includes('lost-a'), tenants.join(', '));
});

test('governance is lost and put back to its backup: the region goes on serving, and both come together', () =>
  loseGovernance(world, 'lost'));
