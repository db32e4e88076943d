/** From a folder to a plan, and from a plan to what became of it. */
import type { CmkClient } from '../cmk/client.ts';
import { readActual, readProposals } from './actual.ts';
import { carryOut } from './carry-out.ts';
import { readDeclarations } from './declared.ts';
import type { Entry, Plan } from './entries.ts';
import { type Execution, execute, type Result } from './execute.ts';
import { type PlanOptions, planFor } from './plan.ts';
import { awaiting, tenantsToAsk } from './proposals.ts';
import { declaredElsewhere, readRecord, writeRecord } from './record.ts';
import { type Actual, type Id, type Kind, keyOf } from './things.ts';

export interface Wanted extends Omit<PlanOptions, 'recorded'> {
  /** A folder or a file. */
  readonly from: string;
  /** Only declarations of these kinds; empty: of all. */
  readonly only: readonly Kind[];
  /** Where it stands what was declared before. */
  readonly record: string;
  /** Whose other folders are asked before something is removed. */
  readonly home: string;
}

export interface Planned {
  readonly plan: Plan;
  /** What was declared before, but for what has ended since. */
  readonly recorded: readonly Id[];
  readonly cmk: string;
  readonly from: string;
}

/** Errors: those of readDeclarations, readRecord and readActual. */
export async function makePlan(
  cmk: CmkClient,
  wanted: Wanted,
  tell: (text: string) => void,
): Promise<Planned> {
  const { from, only, record, home, ...options } = wanted;
  const isMeant = ({ kind }: Id): boolean => only.length === 0 || only.includes(kind);
  const declared = (await readDeclarations(from)).filter(({ id }) => isMeant(id));
  const remembered = await readRecord(record, cmk.url);
  const prunes = options.prune || options.pruneTenants;
  const me = await cmk.api.getMe();
  const actual = await readActual(cmk.api, me, declared, prunes ? remembered.filter(isMeant) : [], tell);
  const recorded = remembered.filter((id) => !hasEnded(id, actual));
  const first = planFor(declared, actual, { ...options, recorded: recorded.filter(isMeant) });
  const asked = tenantsToAsk(first).filter((tenant) => actual.tenants.has(tenant));
  const awaited = awaiting(first, await readProposals(cmk.api, me, asked));
  const removes = awaited.some(({ action }) => action === 'remove');
  const elsewhere = removes ? await declaredElsewhere(home, record, cmk.url) : new Map<string, string>();
  return { plan: awaited.map((entry) => warnedOf(entry, elsewhere)), recorded, cmk: cmk.url, from };
}

/** Two folders may say the same: what goes for one goes for the other, too. */
function warnedOf(entry: Entry, elsewhere: ReadonlyMap<string, string>): Entry {
  const folder = elsewhere.get(keyOf(entry.id));
  if (entry.action !== 'remove' || folder === undefined) return entry;
  const warning = `${folder} has declared it, too, and does not have it then`;
  return { ...entry, warning: entry.warning === undefined ? warning : `${entry.warning}; ${warning}` };
}

const hasEnded = ({ tenant }: Id, { tenants }: Actual): boolean =>
  tenant !== null && tenants.get(tenant) === 'terminated';

/**
 * What is declared is written down before it is made: whatever ends the run, the next one knows of it. What was then not
 * made, or is gone, is struck out.
 */
export async function carryOutPlan(
  cmk: CmkClient,
  { plan, recorded, cmk: url, from }: Planned,
  record: string,
  tell: (done: number, of: number) => void,
): Promise<Execution> {
  const declared = plan.filter(isOurs).map(({ id }) => id);
  await writeRecord(record, { cmk: url, from }, [...recorded, ...declared]);
  const execution = await execute(plan, (entry) => carryOut(cmk.api, entry), tell);
  const before = new Set(recorded.map(keyOf));
  const struck = new Set(
    execution.results.filter((result) => isStruck(result, before)).map(({ id }) => keyOf(id)),
  );
  const kept = [...recorded, ...declared].filter((id) => !struck.has(keyOf(id)));
  await writeRecord(record, { cmk: url, from }, kept);
  return execution;
}

/** What differs in a way that cannot be changed is somebody else's: it is not remembered as declared here. */
const isOurs = ({ action }: Entry): boolean =>
  action !== 'refused' && action !== 'left' && action !== 'remove';

function isStruck({ id, action, state }: Result, before: ReadonlySet<string>): boolean {
  if (action === 'remove') return state === 'done' && id.kind !== 'Tenant';
  return action === 'create' && (state === 'failed' || state === 'skipped') && !before.has(keyOf(id));
}
