// The hostile transport does what its name says, and the same again with the same numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Transport, TransportError } from '../transport.ts';
import { eventually } from './eventually.ts';
import { type Chance, type Fate, fateNames, type Hostility, hostile } from './hostile.ts';

const CHANNEL = 'okcm.tasks.north.normal';
const OTHER = 'okcm.tasks.south.normal';
const fair = Object.fromEntries(fateNames.map((fate) => [fate, 0])) as Hostility;
const always = (fate: Fate): Hostility => ({ ...fair, [fate]: 1_000 });

function chanceOf(seed: number): Chance {
  let state = seed;
  return {
    int(below) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    },
  };
}

/** What reaches the broker, and a way to have it deliver. */
function watched() {
  const published: { channel: string; text: string }[] = [];
  let handler: ((frame: Uint8Array) => Promise<void>) | undefined;
  const transport: Transport = {
    async publish(channel, frame) {
      published.push({ channel, text: Buffer.from(frame).toString() });
    },
    async consume(_channel, given) {
      handler = given;
      return { close: async () => {} };
    },
    healthy: () => true,
    close: async () => {},
  };
  return {
    transport,
    published,
    texts: () => published.map(({ text }) => text),
    deliver: async (text: string) => handler?.(Buffer.from(text)),
  };
}
const around = (below: Transport, hostility: Hostility, seed = 1) =>
  hostile(below, { chance: chanceOf(seed), hostility, maxDelayMs: 20, strayTo: () => OTHER });

test('each fate of a frame that is sent', async () => {
  const reached: Readonly<Record<string, (texts: string[]) => boolean>> = {
    lose: (texts) => texts.length === 0,
    deny: (texts) => texts.join() === 'frame',
    repeat: (texts) => texts.join() === 'frame,frame',
    late: (texts) => texts.join() === 'frame',
    alter: ([text = '', ...more]) => more.length === 0 && text.length === 5 && text !== 'frame',
    stray: (texts) => texts.join() === 'frame,frame',
    replay: (texts) => texts.join() === 'frame,frame',
  };
  for (const [fate, isSo] of Object.entries(reached)) {
    const below = watched();
    const transport = around(below.transport, always(fate as Fate));
    const sent = transport.publish(CHANNEL, Buffer.from('frame'));
    if (fate === 'deny') await assert.rejects(sent, TransportError);
    else await sent;
    await eventually(`${fate} is seen`, () => isSo(below.texts()));
    if (fate === 'stray') assert.deepEqual(below.published[1], { channel: OTHER, text: 'frame' });
    assert.equal(transport.befell[fate as Fate], 1);
    await transport.close();
  }
});

test('each fate of a frame that is received', async () => {
  const handled: Readonly<Record<string, { times: number; acknowledged: boolean }>> = {
    forget: { times: 0, acknowledged: true },
    twice: { times: 2, acknowledged: true },
    unacknowledged: { times: 1, acknowledged: false },
    hold: { times: 1, acknowledged: true },
  };
  for (const [fate, { times, acknowledged }] of Object.entries(handled)) {
    const below = watched();
    const transport = around(below.transport, always(fate as Fate));
    let seen = 0;
    await transport.consume(CHANNEL, async () => {
      seen++;
    });
    const delivering = below.deliver('frame');
    if (acknowledged) await delivering;
    else await assert.rejects(delivering);
    assert.equal(seen, times, fate);
    await transport.close();
  }
});

test('the same numbers, the same fates; after calm there are none', async () => {
  const hostility = { ...fair, lose: 300, alter: 300 };
  const run = async (seed: number): Promise<string[]> => {
    const below = watched();
    const transport = around(below.transport, hostility, seed);
    for (let n = 0; n < 50; n++) await transport.publish(CHANNEL, Buffer.from(`frame ${n}`));
    const texts = below.texts();
    transport.calm();
    await transport.publish(CHANNEL, Buffer.from('calm'));
    assert.equal(below.texts().at(-1), 'calm');
    await transport.close();
    return texts;
  };
  assert.deepEqual(await run(7), await run(7));
  assert.notDeepEqual(await run(7), await run(8));
});
