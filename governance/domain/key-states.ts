/**
 * What is known of a key: the last that its provider surely said, and beside it a warning where CMK gets no clear answer.
 * A warning changes nothing of the state: unreachable is not revoked (D13).
 */
import type { Selectable } from 'kysely';
import { type KeyState, keyStates, type Mender, mending, PASSING } from '../keystores/provider.ts';
import { MAX_PAGE } from '../limits.ts';
import type { Key, KeyRow } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';
import { instant, instantOrNull } from './pages.ts';

export interface StateView {
  state: KeyState;
  /** The same in words. */
  means: string;
  /** When CMK first saw it so. */
  stateSince: string;
  /** When the provider last gave a clear answer. */
  checkedAt: string;
  /** When the key was last known to be usable: whatever happened to it happened since. */
  lastEnabledAt: string | null;
  warning: { state: KeyState; means: string; since: string } | null;
  /** Who can mend it, and how; null where nothing has to be mended. */
  mend: { by: Mender; how: string } | null;
}

export function stateView(row: Selectable<KeyRow>): StateView {
  const state = knownState(row.state);
  const warning =
    row.warning === null || row.warning_since === null
      ? null
      : { ...described(knownState(row.warning)), since: instant(row.warning_since) };
  return {
    ...described(state),
    stateSince: instant(row.state_since),
    checkedAt: instant(row.checked_at),
    lastEnabledAt: instantOrNull(row.enabled_at),
    warning,
    mend: mending[state] ?? (warning === null ? null : mending[warning.state]),
  };
}

const described = (state: KeyState) => ({ state, means: keyStates[state] });
/** A later CMK may have written what this one does not know. */
const isState = (state: string): state is KeyState => Object.hasOwn(keyStates, state);
const knownState = (state: string): KeyState => (isState(state) ? state : 'UNKNOWN');

export type KeyChange = 'state' | 'warned' | 'cleared';

/** What a provider said of a key; `doubtful` where it may be CMK's own trouble. */
export interface KeyAnswer {
  readonly state: KeyState;
  readonly doubtful: boolean;
}
type Known = Pick<
  Key,
  'state' | 'state_since' | 'checked_at' | 'enabled_at' | 'warning' | 'warning_since' | 'probe_failures'
>;

/**
 * What is known after an answer: a clear one says what the state is, any other leaves the state as it was and warns. The
 * instants since when move only when something is new, which `change` tells.
 */
export function afterAnswer(
  known: Known,
  { state, doubtful }: KeyAnswer,
  now: Date,
): { readonly known: Known; readonly change: KeyChange | undefined } {
  if (doubtful || PASSING.has(state)) {
    return {
      known: {
        ...known,
        warning: state,
        warning_since: known.warning_since ?? now,
        probe_failures: known.probe_failures + 1,
      },
      change: known.warning === null ? 'warned' : undefined,
    };
  }
  const isNew = known.state !== state;
  return {
    known: {
      state,
      state_since: isNew ? now : known.state_since,
      checked_at: now,
      enabled_at: state === 'ENABLED' ? now : known.enabled_at,
      warning: null,
      warning_since: null,
      probe_failures: 0,
    },
    change: isNew ? 'state' : known.warning === null ? undefined : 'cleared',
  };
}

/** Keeps what the provider said. Returns what is new about it, and undefined where nothing is. */
export async function recordKeyState(
  trx: Trx,
  { tenant, alias }: { readonly tenant: string; readonly alias: string },
  answer: KeyAnswer,
): Promise<KeyChange | undefined> {
  const row = await trx
    .selectFrom('l1_keys')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const now = new Date();
  const { known, change } = afterAnswer(row, answer, now);
  const { state, state_since, checked_at, enabled_at, warning, warning_since, probe_failures } = known;
  await trx
    .updateTable('l1_keys')
    .set({
      ...{ state, state_since, checked_at, enabled_at, warning, warning_since, probe_failures },
      // After an outage the usual pace begins at once.
      ...(row.probe_failures > 0 && probe_failures === 0 && { probe_at: now }),
    })
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .execute();
  return change;
}

/** A key that has been idle is probed at the pace of linked ones from here on. */
export async function probeSoon(trx: Trx, tenant: string, alias: string): Promise<void> {
  await trx
    .updateTable('l1_keys')
    .set({ probe_at: new Date() })
    .where('tenant', '=', tenant)
    .where('alias', '=', alias)
    .execute();
}

export interface KeyTrouble extends StateView {
  tenant: string;
  alias: string;
  keystore: string;
  kind: string;
}

/** Keys that cannot be used, or of which nothing clear is heard; at most MAX_PAGE, in order of tenants. */
export async function troubledKeys(trx: Trx): Promise<KeyTrouble[]> {
  const rows = await trx
    .selectFrom('l1_keys')
    .innerJoin('keystores', 'keystores.name', 'l1_keys.keystore')
    .selectAll('l1_keys')
    .select('keystores.kind')
    .where((eb) => eb.or([eb('l1_keys.state', '<>', 'ENABLED'), eb('l1_keys.warning', 'is not', null)]))
    .orderBy('l1_keys.tenant')
    .orderBy('l1_keys.alias')
    .limit(MAX_PAGE)
    .execute();
  return rows.map((row) => ({
    tenant: row.tenant,
    alias: row.alias,
    keystore: row.keystore,
    kind: row.kind,
    ...stateView(row),
  }));
}

/** Over all tenants; for metrics. */
export async function countKeys(trx: Trx): Promise<{ counts: Record<string, number>; warnings: number }> {
  const rows = await trx
    .selectFrom('l1_keys')
    .select((eb) => [
      'state',
      eb.fn.countAll<string>().as('keys'),
      eb.fn.count<string>('warning').as('warnings'),
    ])
    .groupBy('state')
    .execute();
  return {
    counts: Object.fromEntries(rows.map(({ state, keys }) => [state, Number(keys)])),
    warnings: rows.reduce((sum, { warnings }) => sum + Number(warnings), 0),
  };
}
