/** What is asked for in a storm: the jobs of each entity, in their order, by the seed alone. */
import type { Lane } from '../../orbital/index.ts';
import { Random } from '../storm/random.ts';

export const regionNames = ['north', 'south'] as const;
export type RegionName = (typeof regionNames)[number];

/**
 * What the region does with a job of each kind, and how many of a hundred jobs are of it. `HANG` never ends by itself: a
 * `CUT`, which cancels all that is older, always comes next.
 */
export const kinds = {
  APPLY: { share: 58, about: 'applies once, and is done' },
  STEPS: { share: 12, about: 'applies in three executions, with a state in between' },
  FLAKY: { share: 8, about: 'fails twice after having written, once by a crash; then applies' },
  REFUSE: { share: 6, about: 'writes, and refuses for good' },
  SHORT: { share: 5, about: 'has a short deadline' },
  HANG: { share: 1, about: 'writes, and hangs until it is cancelled' },
  CUT: { share: 10, about: 'cancels every older job of its entity, on the urgent lane' },
} as const;
export type Kind = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as readonly Kind[];

export interface PlannedJob {
  readonly entity: string;
  /** The entity's how-manieth wish: what is applied must come in this order. */
  readonly position: number;
  readonly kind: Kind;
  /** As Orbital is told: one live job per entity and kind, so that several variants of a kind may live together. */
  readonly kindName: string;
  readonly lane: Lane;
  readonly targets: readonly RegionName[];
  readonly deadlineMs: number | null;
  /** The transaction that wants it is undone: no such job exists. */
  readonly undone: boolean;
  /** Somebody thinks better of it after so long, in milliseconds. */
  readonly cancelAfterMs: number | undefined;
}

export const VARIANTS = 4;
const SHORT_MS = 1_500;
const LONG_MS = 3_600_000;
const UNDONE = 0.02;
const CANCELLED = 0.03;
const MAX_CANCEL_AFTER_MS = 150;
const URGENT = 0.1;

/** For each entity its jobs, in order; `jobs` in all, undone ones not counted. */
export function planOf(seed: number, jobs: number, entities: number): readonly (readonly PlannedJob[])[] {
  const random = new Random(seed);
  return Array.from({ length: entities }, (_, index) => {
    const share = Math.floor((jobs * (index + 1)) / entities) - Math.floor((jobs * index) / entities);
    return jobsOf(random, `thing:${index}`, share);
  });
}

function jobsOf(random: Random, entity: string, wanted: number): PlannedJob[] {
  const planned: PlannedJob[] = [];
  let left = wanted;
  let mustCut = false;
  while (left > 0) {
    const kind: Kind = mustCut ? 'CUT' : kindOf(random, left);
    const undone: boolean = !mustCut && random.chance(UNDONE);
    const cancelled = kind === 'APPLY' && random.chance(CANCELLED);
    planned.push({
      entity,
      position: planned.length,
      kind,
      kindName: kind === 'CUT' ? kind : `${kind}_${planned.length % VARIANTS}`,
      lane: kind === 'CUT' || (kind === 'APPLY' && random.chance(URGENT)) ? 'urgent' : 'normal',
      // What a region hangs in is cut off there as well.
      targets: kind === 'HANG' || mustCut ? regionNames : random.pick(targets),
      deadlineMs: kind === 'CUT' ? null : kind === 'SHORT' ? SHORT_MS : LONG_MS,
      undone,
      cancelAfterMs: cancelled ? random.int(MAX_CANCEL_AFTER_MS) : undefined,
    });
    if (!undone) left--;
    mustCut = kind === 'HANG' && !undone;
  }
  return planned;
}

const targets: readonly (readonly RegionName[])[] = [regionNames, regionNames, ['north'], ['south']];

function kindOf(random: Random, left: number): Kind {
  const choice = random.weighted(kindNames.map((kind) => [kind, kinds[kind].share] as const));
  return choice === 'HANG' && left < 2 ? 'APPLY' : choice;
}
