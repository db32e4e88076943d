/** A customer's whole way with a key at AWS, by the command line alone (journey/); every way of holding one: `npm run journey`. */
import { after, test } from 'node:test';
import { System } from '../testkit/system.ts';
import { journey } from './journey/journey.ts';
import { type OpenWay, ways } from './journey/keys.ts';

let way: OpenWay | undefined;
after(async () => {
  await way?.close();
});

test('a customer holds the key at AWS, and nobody acts alone', async (t) => {
  way = await ways.aws.open();
  const system = await System.shared();
  // Each step stands on those before it: the first that fails is the last.
  for (const { title, run } of journey(system, 'initech', way)) {
    await t.test(title, run);
  }
});
