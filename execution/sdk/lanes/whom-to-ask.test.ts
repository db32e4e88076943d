/** Whom a message is sent to, case by case: three gateways, and what is known of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Operation } from '../../kmip/index.ts';
import type { LaneName, Subject } from './lane-of.ts';
import { type Candidate, type Patience, whomToAsk } from './whom-to-ask.ts';

/** `quick`: answers from memory. `silent`: holds it, and did not answer the last time. */
interface Facts {
  readonly quick?: readonly string[];
  readonly silent?: readonly string[];
  readonly unwell?: readonly LaneName[];
}
class Gateway implements Candidate {
  readonly name: string;
  readonly known: Candidate['known'];
  readonly lanes: Candidate['lanes'];
  constructor(name: string, { quick = [], silent = [], unwell = [] }: Facts) {
    this.name = name;
    this.known = {
      isQuick: (uid) => quick.includes(uid),
      isHeld: (uid) => quick.includes(uid) || silent.includes(uid),
    };
    const lane = (which: LaneName) => ({ isWell: !unwell.includes(which) });
    this.lanes = { hot: lane('hot'), first: lane('first'), lifecycle: lane('lifecycle') };
  }
}

const encrypt = (uid?: string): Subject => about(Operation.Encrypt, uid);
const revoke = (uid: string): Subject => about(Operation.Revoke, uid);
const about = (operation: number, uid: string | undefined): Subject => ({
  operation,
  uid,
  makesL4: false,
  usesNewL4: false,
  isPart: false,
});
const create: Subject = { ...about(Operation.Create, undefined), makesL4: true };

interface Case {
  readonly what: string;
  readonly message: readonly Subject[];
  /** Of the gateways a, b and c. */
  readonly knows: Readonly<Partial<Record<'a' | 'b' | 'c', Facts>>>;
  readonly avoid?: string;
  /** Lane, whom (everybody where nobody is named), patience. */
  readonly is: readonly [LaneName, string, Patience];
}
const cases: readonly Case[] = [
  { what: 'a key that is made', message: [create], knows: {}, is: ['hot', '', 'lane'] },
  { what: 'a service', message: [encrypt('l3:db')], knows: {}, is: ['hot', '', 'lane'] },
  { what: 'a key that nobody has used', message: [encrypt('k')], knows: {}, is: ['first', '', 'lane'] },
  {
    what: 'a key that two hold',
    message: [encrypt('k')],
    knows: { a: { quick: ['k'] }, c: { quick: ['k'] } },
    is: ['hot', 'a c', 'lane'],
  },
  {
    what: 'two keys: whoever holds both',
    message: [encrypt('k'), encrypt('l')],
    knows: { a: { quick: ['k', 'l'] }, b: { quick: ['k'] } },
    is: ['hot', 'a', 'lane'],
  },
  {
    what: 'two keys, of which nobody holds both',
    message: [encrypt('k'), encrypt('l')],
    knows: { a: { quick: ['l'] }, b: { quick: ['k'] } },
    is: ['first', '', 'lane'],
  },
  {
    what: 'a holder that has failed this message, and another',
    message: [encrypt('k')],
    knows: { a: { quick: ['k'] }, b: { quick: ['k'] } },
    avoid: 'a',
    is: ['hot', 'b', 'lane'],
  },
  {
    what: 'the one holder has failed it: others, in case they can ask for it',
    message: [encrypt('k')],
    knows: { a: { quick: ['k'] } },
    avoid: 'a',
    is: ['first', '', 'hot-deadline'],
  },
  {
    what: 'everybody has failed it: the holder again',
    message: [encrypt('k')],
    knows: { a: { quick: ['k'] } },
    avoid: 'abc',
    is: ['hot', 'a', 'lane'],
  },
  {
    what: 'a holder whose hot lane is not well',
    message: [encrypt('k')],
    knows: { a: { quick: ['k'], unwell: ['hot'] } },
    is: ['first', 'a', 'hot-attempt'],
  },
  {
    what: 'a holder that was silent, beside others',
    message: [encrypt('k')],
    knows: { a: { silent: ['k'] } },
    is: ['first', 'a', 'hot-attempt'],
  },
  {
    what: 'a holder that was silent, when the others have failed',
    message: [encrypt('k')],
    knows: { a: { silent: ['k'] } },
    avoid: 'bc',
    is: ['first', 'a', 'lane'],
  },
  {
    what: 'all hold it, and all were silent',
    message: [encrypt('k')],
    knows: { a: { silent: ['k'] }, b: { silent: ['k'] }, c: { silent: ['k'] } },
    is: ['first', 'a b c', 'lane'],
  },
  {
    what: 'one that is quick before one that was silent',
    message: [encrypt('k')],
    knows: { a: { silent: ['k'] }, b: { quick: ['k'] } },
    is: ['hot', 'b', 'lane'],
  },
  {
    what: 'a lifecycle request goes to holders as well: they know of the change at once',
    message: [revoke('k')],
    knows: { b: { quick: ['k'] } },
    is: ['lifecycle', 'b', 'lane'],
  },
  {
    what: 'the slowest item decides',
    message: [encrypt('k'), revoke('k')],
    knows: { b: { quick: ['k'] } },
    is: ['lifecycle', 'b', 'lane'],
  },
  {
    what: 'holders that are not well for lifecycle requests: everybody',
    message: [revoke('k')],
    knows: { b: { quick: ['k'], unwell: ['lifecycle'] } },
    is: ['lifecycle', '', 'lane'],
  },
];

describe('whom a message is sent to', () => {
  for (const { what, message, knows, avoid = '', is } of cases) {
    it(what, () => {
      const gateways = (['a', 'b', 'c'] as const).map((name) => new Gateway(name, knows[name] ?? {}));
      const avoided = new Set(gateways.filter(({ name }) => avoid.includes(name)));
      const { lane, asked, patience } = whomToAsk(message, gateways, avoided);
      assert.deepEqual([lane, asked.map(({ name }) => name).join(' '), patience], is);
    });
  }
});
