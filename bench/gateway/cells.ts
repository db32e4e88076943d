/** What bench:gateway measures: one row of its table each, and the lists of them that can be asked for. */
import type { Verb } from './requests.ts';
import type { Server } from './servers.ts';

export type Reference = Exclude<Server['name'], 'gateway'>;

export interface Cell {
  readonly verb: Verb;
  readonly payloadBytes: number;
  readonly connections: number;
  /** Messages in one write. */
  readonly depth: number;
  /** Items in one message. */
  readonly batch: number;
  readonly against: readonly Reference[];
}

export const matrices = ['targets', 'quick', 'star', 'full'] as const;
export type Matrix = (typeof matrices)[number];

const SMALL = 32;
const LARGE = 1_024;
const CONNECTIONS = [1, 16, 64] as const;
const DEPTHS = [1, 16] as const;
const BATCHES = [1, 16, 128] as const;
const MAIN = { payloadBytes: SMALL, connections: 16, depth: 1, batch: 1 } as const;
const BOTH: readonly Reference[] = ['echo', 'general'];

const cell = (verb: Verb, change: Partial<Cell> = {}): Cell => ({
  verb,
  ...MAIN,
  against: ['echo'],
  ...change,
});

/** The rows that the targets are about. */
const targets: readonly Cell[] = [
  cell('Encrypt', { against: ['echo', 'general', 'pykmip'] }),
  cell('Encrypt', { depth: 16, against: BOTH }),
];

/** Those that put events or keys into the way to the core come last: others shall not pay for them. */
const ciphers: readonly Verb[] = ['Encrypt', 'Decrypt', 'Wrap', 'Unwrap'];
const recorded: readonly Verb[] = ['Get', 'Create'];

/** Around the targets' rows, one dimension at a time. */
function star(): Cell[] {
  const against = BOTH;
  const around = (verb: Verb): Cell[] => [
    ...DEPTHS.map((depth) => cell(verb, { depth, against })),
    ...BATCHES.slice(1).map((batch) => cell(verb, { batch, against })),
  ];
  const wider = (verb: Verb): Cell[] => [
    ...DEPTHS.map((depth) => cell(verb, { depth, payloadBytes: LARGE, against })),
    ...[1, 64].map((connections) => cell(verb, { connections })),
  ];
  return [
    ...around('Encrypt').map((one) => sameShape(one) ?? one),
    ...wider('Encrypt'),
    ...around('Decrypt'),
    ...wider('Decrypt'),
    ...DEPTHS.flatMap((depth) => [cell('Wrap', { depth, against }), cell('Unwrap', { depth, against })]),
    ...recorded.flatMap(around),
  ];
}

/** That row as the targets have it. */
function sameShape({ verb, depth, batch }: Cell): Cell | undefined {
  return targets.find((one) => one.verb === verb && one.depth === depth && one.batch === batch);
}

function full(): Cell[] {
  return [...ciphers, ...recorded].flatMap((verb) =>
    // What has no payload of its own has one row where the others have two.
    (recorded.includes(verb) ? [SMALL] : [SMALL, LARGE]).flatMap((payloadBytes) =>
      CONNECTIONS.flatMap((connections) =>
        DEPTHS.flatMap((depth) =>
          BATCHES.map((batch) => cell(verb, { payloadBytes, connections, depth, batch, against: BOTH })),
        ),
      ),
    ),
  );
}

const quick: readonly Cell[] = [
  cell('Encrypt', { against: ['echo', 'general', 'pykmip'] }),
  cell('Encrypt', { depth: 16, against: BOTH }),
  cell('Decrypt', { batch: 16, payloadBytes: LARGE }),
  cell('Get'),
  cell('Create', { connections: 4 }),
];

export function cellsOf(matrix: Matrix): readonly Cell[] {
  switch (matrix) {
    case 'targets':
      return targets;
    case 'quick':
      return quick;
    case 'star':
      return star();
    case 'full':
      return full();
  }
}

export function titleOf({ verb, payloadBytes, connections, depth, batch }: Cell): string {
  const size = verb === 'Get' || verb === 'Create' ? '' : ` of ${payloadBytes} B`;
  const shape = [
    connections === 1 ? '1 connection' : `${connections} connections`,
    ...(depth === 1 ? [] : [`depth ${depth}`]),
    ...(batch === 1 ? [] : [`batches of ${batch}`]),
  ];
  return `${verb}${size}, ${shape.join(', ')}`;
}
