/** What `okcm apply` shows: the plan, and what became of it; and the same for programs. */
import type { Proposal } from '../../governance/client/index.ts';
import { table } from '../output.ts';
import { printable } from '../printable.ts';
import type { Action, Change, Entry, Plan } from './entries.ts';
import type { Result, ResultState } from './execute.ts';
import { MAX_PRINTED } from './limits.ts';
import { type Id, type Problem, titleOf } from './things.ts';
import { changed, shown } from './values.ts';

const signs: Readonly<Record<Action, string>> = {
  create: '+',
  change: '~',
  remove: '-',
  same: '=',
  wait: '…',
  held: '!',
  refused: '✗',
  left: '·',
};
const words: Readonly<Record<Action, string>> = {
  create: 'to create',
  change: 'to change',
  remove: 'to remove',
  same: 'unchanged',
  wait: 'waiting for approval',
  held: 'held',
  refused: 'refused',
  left: 'declared no longer, and left',
};
/** These are always counted, also when there are none. */
const ALWAYS: readonly Action[] = ['create', 'change', 'remove', 'same'];

export type Counts = Readonly<Record<Action, number>>;

export function countsOf(plan: Plan): Counts {
  const counts = Object.fromEntries(Object.keys(signs).map((action) => [action, 0])) as Record<
    Action,
    number
  >;
  for (const { action } of plan) counts[action]++;
  return counts;
}

const changeWords = ({ field, from, to, waits }: Change, isNew: boolean): string =>
  `${printable(field)}: ${isNew ? shown(to) : changed(from, to)}${waits === undefined ? '' : ` (proposed: ${printable(waits)})`}`;

const whyWords = ({ code, message, hint }: Problem): string =>
  printable(`${message} (${code})${hint === undefined ? '' : `; ${hint}`}`);
const title = (id: Id): string => printable(titleOf(id));

function entryWords({ action, changes, why, waits }: Entry): string {
  if (why !== undefined) return whyWords(why);
  if (waits !== undefined) return printable(`proposed: ${waits}`);
  return changes
    .filter(({ field }) => field !== 'provisioned' || action !== 'create')
    .map((change) => changeWords(change, action === 'create'))
    .join('\n');
}

/** Line by line what differs; what does not is only counted. */
export function describePlan(plan: Plan): string {
  const entries = plan.filter(({ action }) => action !== 'same');
  const lines = entries
    .slice(0, MAX_PRINTED)
    .map((entry) => [signs[entry.action], title(entry.id), entryWords(entry)]);
  const counts = countsOf(plan);
  const summary = (Object.keys(words) as Action[])
    .filter((action) => ALWAYS.includes(action) || counts[action] > 0)
    .map((action) => `${counts[action]} ${words[action]}`)
    .join(', ');
  return [
    ...(lines.length === 0 ? [] : [table(['', 'resource', 'what'], lines)]),
    ...(entries.length > MAX_PRINTED
      ? [`… and ${entries.length - MAX_PRINTED} more; --json has all of them`]
      : []),
    summary,
  ].join('\n');
}

/** For programs: without what is unchanged, of which the counts tell. */
export const planData = (plan: Plan) => ({
  counts: countsOf(plan),
  entries: plan
    .filter(({ action }) => action !== 'same')
    .map(({ id, action, changes, why, waits }) => ({
      ...id,
      action,
      changes: changes.map(({ field, from = null, to = null, waits: proposal }) => ({
        field,
        from,
        to,
        ...(proposal === undefined ? {} : { proposal }),
      })),
      ...(why === undefined ? {} : { why }),
      ...(waits === undefined ? {} : { proposal: waits }),
    })),
});

const approveCommand = ({ tenant, id }: Pick<Proposal, 'tenant' | 'id'>): string =>
  `okcm proposals approve ${tenant} ${id}`;

export function describeResults(results: readonly Result[]): string {
  const counted = (state: ResultState): number => results.filter((result) => result.state === state).length;
  const troubled = results.filter(({ state }) => state === 'failed' || state === 'skipped');
  const waiting = results.filter(({ state }) => state === 'waiting');
  const proposals = results.flatMap((result) => result.proposals.map((proposal) => ({ result, proposal })));
  const notes = results.flatMap(({ id, notes }) => notes.map((note) => `${title(id)}: ${printable(note)}`));
  const lines: string[] = [];
  const add = (head: readonly string[], rows: readonly (readonly string[])[]): void => {
    if (rows.length === 0) return;
    lines.push(table(head, rows.slice(0, MAX_PRINTED)));
    if (rows.length > MAX_PRINTED)
      lines.push(`… and ${rows.length - MAX_PRINTED} more; --json has all of them`);
  };
  add(
    ['proposed', 'action', 'another person approves it'],
    proposals.map(({ result, proposal }) => [
      title(result.id),
      printable(proposal.action),
      printable(approveCommand(proposal)),
    ]),
  );
  add(
    ['waits', 'for'],
    waiting.map(({ id, problem }) => [title(id), printable(problem?.message ?? '')]),
  );
  add(
    ['not done', 'why'],
    troubled.map(({ id, problem }) => [title(id), problem === undefined ? '' : whyWords(problem)]),
  );
  lines.push(...notes.slice(0, MAX_PRINTED));
  const summary = [
    `${counted('done')} done`,
    `${counted('proposed')} proposed`,
    ...(waiting.length === 0 ? [] : [`${waiting.length} waiting`]),
    `${counted('failed')} failed`,
    ...(counted('skipped') === 0 ? [] : [`${counted('skipped')} skipped`]),
  ];
  return [...lines, summary.join(', ')].join('\n');
}

export const resultsData = (results: readonly Result[]) =>
  results.map(({ id, action, state, proposals, notes, problem }) => ({
    ...id,
    action,
    state,
    ...(proposals.length === 0
      ? {}
      : {
          proposals: proposals.map((proposal) => ({
            id: proposal.id,
            tenant: proposal.tenant,
            action: proposal.action,
            expiresAt: proposal.expiresAt,
            approve: approveCommand(proposal),
          })),
        }),
    ...(notes.length === 0 ? {} : { notes }),
    ...(problem === undefined ? {} : { problem }),
  }));
