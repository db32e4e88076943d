/** What `okcm apply` shows: the plan, and what became of it; and the same for programs. */
import type { Proposal } from '../../governance/client/index.ts';
import { table } from '../output.ts';
import { printable } from '../printable.ts';
import { type Action, actions, type Change, type Entry, isUntried, type Plan, UNTRIED } from './entries.ts';
import type { Result, ResultState } from './execute.ts';
import { MAX_NAMED, MAX_PRINTED } from './limits.ts';
import { type Id, type Problem, titleOf } from './things.ts';
import { changed, shown } from './values.ts';

const signs: Readonly<Record<Action, string>> = {
  create: '+',
  change: '~',
  reopen: '↻',
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
  reopen: 'to open again',
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
  const counts = Object.fromEntries(actions.map((action) => [action, 0])) as Record<Action, number>;
  for (const { action } of plan) counts[action]++;
  return counts;
}

const changeWords = ({ field, from, to, waits }: Change, isNew: boolean): string =>
  `${printable(field)}: ${isNew ? shown(to) : changed(from, to)}${waits === undefined ? '' : ` (proposed: ${printable(waits)})`}`;

const whyWords = ({ code, message, hint }: Problem): string =>
  printable(`${message} (${code})${hint === undefined ? '' : `; ${hint}`}`);
const title = (id: Id): string => printable(titleOf(id));

function entryWords({ action, changes, why, waits, warning }: Entry): string {
  if (waits !== undefined) return printable(`proposed: ${waits}`);
  if (why !== undefined && action !== 'reopen') return whyWords(why);
  const words = changes
    .filter(({ field }) => field !== 'provisioned' || action !== 'create')
    .map((change) => changeWords(change, action === 'create'));
  if (why !== undefined) words.unshift('opened again', printable(why.message));
  if (warning !== undefined) words.push(printable(`warning: ${warning}`));
  return words.join('\n');
}

/** Line by line what differs; what does not is only counted. `next`: what whoever reads it may do. */
export function describePlan(plan: Plan, next: readonly string[] = []): string {
  const entries = plan.filter(({ action }) => action !== 'same');
  const lines = entries
    .slice(0, MAX_PRINTED)
    .map((entry) => [signs[entry.action], title(entry.id), entryWords(entry)]);
  const counts = countsOf(plan);
  const summary = actions
    .filter((action) => ALWAYS.includes(action) || counts[action] > 0)
    .map((action) => namesOf(plan, action) ?? `${counts[action]} ${words[action]}`)
    .join(', ');
  return [
    ...(lines.length === 0 ? [] : [table(['', 'resource', 'what'], lines)]),
    ...(entries.length > MAX_PRINTED
      ? [`… and ${entries.length - MAX_PRINTED} more; --json has all of them`]
      : []),
    ...next.map(printable),
    summary,
  ].join('\n');
}

/** For programs: without what is unchanged, of which the counts tell. */
export const planData = (plan: Plan) => ({
  counts: countsOf(plan),
  entries: plan
    .filter(({ action }) => action !== 'same')
    .map(({ id, action, changes, why, waits, warning }) => ({
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
      ...(warning === undefined ? {} : { warning }),
    })),
});

const approveCommand = ({ tenant, id }: Pick<Proposal, 'tenant' | 'id'>): string =>
  `okcm proposals approve ${tenant} ${id}`;

/**
 * What was not done because the plan held it or refused it stands beside what failed: the end says all that is not so. `next`:
 * what whoever reads it may do about that.
 */
export function describeResults(
  plan: Plan,
  results: readonly Result[],
  next: readonly string[] = [],
): string {
  const counted = (state: ResultState): number => results.filter((result) => result.state === state).length;
  const troubled = results.filter(({ state }) => state === 'failed' || state === 'skipped');
  const waiting = results.filter(({ state }) => state === 'waiting');
  const untried = plan.filter(isUntried);
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
    [
      ...troubled.map(({ id, problem }) => ({ id, why: problem })),
      ...untried.map(({ id, why }) => ({ id, why })),
    ].map(({ id, why }) => [title(id), why === undefined ? '' : whyWords(why)]),
  );
  lines.push(...notes.slice(0, MAX_PRINTED), ...next.map(printable));
  const summary = [
    `${counted('done')} done`,
    `${counted('proposed')} proposed`,
    ...(waiting.length === 0 ? [] : [`${waiting.length} waiting`]),
    `${counted('failed')} failed`,
    ...(counted('skipped') === 0 ? [] : [`${counted('skipped')} skipped`]),
    ...UNTRIED.flatMap((action) => namesOf(untried, action) ?? []),
  ];
  return [...lines, summary.join(', ')].join('\n');
}

/** `2 refused (System acme/erp, System acme/crm)`; undefined where there is none, and of what needs no naming. */
function namesOf(entries: Plan, wanted: Action): string | undefined {
  if (!UNTRIED.includes(wanted)) return undefined;
  const titles = entries.filter(({ action }) => action === wanted).map(({ id }) => title(id));
  if (titles.length === 0) return undefined;
  const named = titles.slice(0, MAX_NAMED).join(', ');
  const more = titles.length > MAX_NAMED ? `, and ${titles.length - MAX_NAMED} more` : '';
  return `${titles.length} ${words[wanted]} (${named}${more})`;
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
