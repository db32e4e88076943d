/**
 * Carrying a plan out: what belongs to the installation first, then the tenants, a few at once, each in the order of
 * dependencies. What fails takes along only what needs it.
 */
import type { Proposal } from '../../governance/client/index.ts';
import { CliError } from '../errors.ts';
import type { Outcome } from './carry-out.ts';
import { type Entry, isToDo, type Plan } from './entries.ts';
import { inParallel } from './in-parallel.ts';
import { MAX_IN_VAIN, MAX_REQUESTS } from './limits.ts';
import { endsAll, isUnreachable, problemOf } from './problems.ts';
import { type Id, type Kind, keyOf, kinds, type Problem, titleOf } from './things.ts';

/** `proposed`: others have to agree. `waiting`: what it needs waits for that. `skipped`: what it needs has failed. */
export type ResultState = 'done' | 'proposed' | 'waiting' | 'failed' | 'skipped';

export interface Result {
  readonly id: Id;
  readonly action: Entry['action'];
  readonly state: ResultState;
  readonly proposals: readonly Proposal[];
  readonly notes: readonly string[];
  readonly problem?: Problem;
}

export interface Execution {
  readonly results: readonly Result[];
  /** Why it ended early: what was not begun is skipped. */
  readonly ended?: unknown;
}

/** Those that nothing stands on go before anything is made: what they were called by may be wanted again. */
const GO_FIRST: ReadonlySet<Kind> = new Set(['Application', 'System', 'Workspace']);

function rank({ id, action }: Entry): number {
  const place = kinds.indexOf(id.kind);
  if (action !== 'remove') return place;
  return GO_FIRST.has(id.kind) ? place - 2 * kinds.length : 2 * kinds.length - place;
}

export async function execute(
  plan: Plan,
  carryOut: (entry: Entry) => Promise<Outcome>,
  tell: (done: number, of: number) => void,
): Promise<Execution> {
  const todo = plan.filter(isToDo);
  const results = new Map<string, Result>();
  const blocked = blockedBefore(plan);
  let ended: unknown;
  /** Requests in a row without an answer. */
  let inVain = 0;
  const one = async (entry: Entry): Promise<void> => {
    const result = ended === undefined ? await attempt(entry) : skipped(entry, 'the run ended before');
    results.set(keyOf(entry.id), result);
    tell(results.size, todo.length);
  };
  const attempt = async (entry: Entry): Promise<Result> => {
    const needed = entry.needs.map((key) => obstacle(key, results.get(key), blocked)).find((each) => each);
    if (needed !== undefined)
      return needed.waits ? waiting(entry, needed.title) : skipped(entry, `needs ${needed.title}`);
    const base = { id: entry.id, action: entry.action };
    try {
      const { proposals, notes } = await carryOut(entry);
      inVain = 0;
      return { ...base, state: proposals.length > 0 ? 'proposed' : 'done', proposals, notes };
    } catch (error) {
      inVain = isUnreachable(error) ? inVain + 1 : 0;
      if (endsAll(error) || inVain >= MAX_IN_VAIN || !(error instanceof CliError)) ended ??= error;
      const problem = error instanceof CliError ? problemOf(error) : INTERNAL;
      return { ...base, state: 'failed', proposals: [], notes: [], problem };
    }
  };
  const lanes = Map.groupBy(
    [...todo].sort((a, b) => rank(a) - rank(b)),
    ({ id }) => id.tenant,
  );
  const inOrder = async (entries: readonly Entry[]): Promise<void> => {
    for (const entry of entries) await one(entry);
  };
  await inOrder(lanes.get(null) ?? []);
  lanes.delete(null);
  await inParallel([...lanes.values()], MAX_REQUESTS, inOrder);
  return { results: [...results.values()], ...(ended === undefined ? {} : { ended }) };
}

/** Of what should not happen: the run ends with it, and says what it was. */
const INTERNAL: Problem = { code: 'FAILED', message: 'something unforeseen ended the run here' };

interface Obstacle {
  readonly title: string;
  readonly waits: boolean;
}

/** What is to be new, and waits for a proposal that was made earlier. Everything else that is not done leaves what was there. */
function blockedBefore(plan: Plan): ReadonlyMap<string, Obstacle> {
  return new Map(
    plan
      .filter(({ action, changes }) => action === 'wait' && changes.every(({ from }) => from === undefined))
      .map(({ id }) => [keyOf(id), { title: titleOf(id), waits: true }]),
  );
}

function obstacle(
  key: string,
  result: Result | undefined,
  blocked: ReadonlyMap<string, Obstacle>,
): Obstacle | undefined {
  if (result === undefined) return blocked.get(key);
  if (result.state === 'done' || result.action === 'change') return undefined;
  return { title: titleOf(result.id), waits: result.state === 'proposed' || result.state === 'waiting' };
}

const skipped = ({ id, action }: Entry, because: string): Result => ({
  id,
  action,
  state: 'skipped',
  proposals: [],
  notes: [],
  problem: { code: 'SKIPPED', message: because, hint: 'apply again when that is mended' },
});

const waiting = ({ id, action }: Entry, title: string): Result => ({
  id,
  action,
  state: 'waiting',
  proposals: [],
  notes: [],
  problem: { code: 'WAITS', message: `waits for ${title}`, hint: 'apply again when that is approved' },
});
