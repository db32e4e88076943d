/**
 * Whether both sides' books say the same, and what was promised (D11): nothing lost, nothing applied twice, everything in its
 * order. Each check is a function of the books alone, and names every place where they disagree.
 */
import { isDeepStrictEqual } from 'node:util';
import type { JobKind } from '../../contracts/index.ts';
import type { Books, InboxRow, LinkRow, RegionBook, TaskRow } from './books.ts';

/** What a region writes into its trail with the effect, in the transaction that records the answer: once. */
const appliedOnce: Readonly<Partial<Record<JobKind, string>>> = {
  TENANT_PROVISION: 'TENANT_PROVISIONED',
  SERVICE_PROVISION: 'SERVICE_PROVISIONED',
  LINK_PREPARE: 'LINK_PREPARED',
  LINK: 'LINK_OPENED',
  ROTATE_LINK: 'LINK_ROTATED',
  RENEW: 'LINK_RENEWED',
  KEY_ROTATE: 'KEY_ROTATED',
  KEY_COMPROMISE: 'KEY_COMPROMISED',
  ROTATION_POLICY: 'ROTATION_POLICY_SET',
};
/** With an effect of its own transaction, before the answer is: a crash in between says it once more, and changes nothing. */
const appliedBefore: Readonly<Partial<Record<JobKind, string>>> = {
  UNLINK: 'LINK_CLOSED',
  IDENTITY_PUT: 'IDENTITY_REGISTERED',
  IDENTITY_REMOVE: 'IDENTITY_REMOVED',
  ISSUER_PUT: 'ISSUER_TRUSTED',
};
/** Each makes one more version of a service's key. */
const NEW_VERSION: ReadonlySet<JobKind> = new Set(['KEY_ROTATE', 'KEY_COMPROMISE']);

type Check = (books: Books, promised: readonly string[]) => string[];

const isLive = (state: string): boolean => state === 'pending' || state === 'processing';
const counted = <T>(items: readonly T[], key: (item: T) => string): Map<string, number> =>
  new Map([...Map.groupBy(items, key)].map(([name, its]) => [name, its.length]));

/** In each region, for what belongs to it alone. */
function inEach(books: Books, check: (book: RegionBook, region: string) => readonly string[]): string[] {
  return [...books.regions].flatMap(([region, book]) =>
    check(book, region).map((text) => `${region}: ${text}`),
  );
}

/** Governance's tasks beside what their region has recorded of them. */
function pairs(books: Books): { readonly task: TaskRow; readonly inbox: InboxRow | undefined }[] {
  const recorded = new Map(
    [...books.regions].flatMap(([region, { inbox }]) =>
      inbox.map((row) => [`${region} ${row.task}`, row] as const),
    ),
  );
  return books.tasks.map((task) => ({ task, inbox: recorded.get(`${task.region} ${task.id}`) }));
}
const nameOf = ({ kind, id, region }: TaskRow): string => `${kind} ${id} in ${region}`;

const named = {
  'promised and not there': ({ jobs }, promised) => {
    const known = new Set(jobs.map(({ id }) => id));
    return promised.filter((id) => !known.has(id));
  },

  'never ended': ({ jobs }) =>
    jobs.filter(({ state }) => isLive(state)).map(({ kind, id, state }) => `${kind} ${id} is ${state}`),

  failed: ({ tasks }) =>
    tasks.filter(({ state }) => state === 'failed').map((task) => `${nameOf(task)}: ${task.error}`),

  'a job and its tasks disagree': ({ jobs, tasks }) => {
    const ofJob = Map.groupBy(tasks, ({ job }) => job);
    return jobs
      .filter(({ id, state }) => {
        const states = (ofJob.get(id) ?? []).map((task) => task.state);
        if (states.length === 0) return true;
        if (isLive(state)) return !states.some(isLive);
        if (state === 'done') return !states.every((each) => each === 'done');
        return states.some(isLive) || !states.includes(state);
      })
      .map(({ kind, id, state }) => `${kind} ${id} is ${state}`);
  },

  'done at governance, and not in its region': (books) =>
    pairs(books)
      .filter(({ task, inbox }) => task.state === 'done' && inbox?.phase !== 'done')
      .map(({ task, inbox }) => `${nameOf(task)} is ${inbox?.phase ?? 'unknown'} there`),

  'done in its region, and not at governance': (books) =>
    pairs(books)
      .filter(({ task, inbox }) => inbox?.phase === 'done' && !['done', 'cancelled'].includes(task.state))
      .map(({ task }) => `${nameOf(task)} is ${task.state}`),

  'done with two answers': (books) =>
    pairs(books)
      .filter(
        ({ task, inbox }) =>
          task.state === 'done' && inbox?.phase === 'done' && !sameJson(task.result, inbox.result),
      )
      .map(({ task, inbox }) => `${nameOf(task)}: ${task.result}, and there ${inbox?.result}`),

  'done for nobody': (books) => {
    const known = new Set(books.tasks.map(({ id }) => id));
    return inEach(books, ({ inbox }) =>
      inbox.filter(({ task }) => !known.has(task)).map(({ kind, task }) => `${kind} ${task}`),
    );
  },

  'applied twice, or not at all': (books) =>
    inEach(books, (book) => {
      const faults: string[] = [];
      const written = counted(book.trail, ({ event, correlationId }) => `${event} ${correlationId}`);
      for (const [of, times] of doneByEvent(book, appliedOnce)) {
        const found = written.get(of) ?? 0;
        if (found !== times) faults.push(`${of}: ${times} tasks done, written ${found} times`);
      }
      for (const [of, times] of doneByEvent(book, appliedBefore)) {
        const found = written.get(of) ?? 0;
        if (found < times) faults.push(`${of}: ${times} tasks done, written ${found} times`);
      }
      return faults;
    }),

  'a key has more or fewer versions than were ordered': (books) =>
    inEach(books, ({ inbox, keys }, region) => {
      const ordered = versionsOrdered(books, inbox, region);
      return keys
        .filter(({ tenant, service }) => ordered.has(`${tenant}/${service}`))
        .filter(({ tenant, service, versions, youngest }) => {
          const wanted = 1 + (ordered.get(`${tenant}/${service}`) ?? 0);
          return versions !== wanted || youngest !== wanted;
        })
        .map(
          ({ tenant, service, versions, youngest }) =>
            `${tenant}/${service}: ${versions} versions, the youngest ${youngest}, ordered 1 + ${ordered.get(`${tenant}/${service}`)}`,
        );
    }),

  'out of order': (books) =>
    inEach(books, ({ trail }, region) => {
      const sequences = new Map(
        books.tasks
          .filter((task) => task.region === region && NEW_VERSION.has(task.kind))
          .map(({ kind, correlationId, sequence }) => [`${appliedOnce[kind]} ${correlationId}`, sequence]),
      );
      const faults: string[] = [];
      const last = new Map<string, { sequence: number; version: number }>();
      for (const { event, correlationId, tenant, subject } of trail) {
        const sequence = sequences.get(`${event} ${correlationId}`);
        const [, key = '', version = ''] = /^(.*) v(\d+)$/.exec(subject ?? '') ?? [];
        if (sequence === undefined || key === '') continue;
        const name = `${tenant} ${key}`;
        const before = last.get(name);
        if (before !== undefined && (before.sequence >= sequence || before.version + 1 !== Number(version)))
          faults.push(`${name} v${version} came after v${before.version}`);
        last.set(name, { sequence, version: Number(version) });
      }
      return faults;
    }),

  'a status waits unsent': (books) =>
    inEach(books, ({ inbox }) =>
      inbox.filter(({ unsent }) => unsent).map(({ kind, task }) => `${kind} ${task}`),
    ),

  'applications differ': (books) =>
    inEach(books, ({ applications }, region) =>
      differences(books.applications.get(region) ?? [], applications),
    ),

  'open links differ': (books) =>
    inEach(books, ({ links }, region) =>
      differences((books.links.get(region) ?? []).map(shownLink), links.map(shownLink)),
    ),
} satisfies Readonly<Record<string, Check>>;
export type CheckName = keyof typeof named;
export const checks: Readonly<Record<CheckName, Check>> = named;

export interface Reckoning {
  readonly jobs: number;
  readonly tasks: number;
  readonly cancelled: number;
  /** Effects that were written once more after a crash, and changed nothing. */
  readonly repeated: number;
  readonly faults: Readonly<Record<CheckName, readonly string[]>>;
}

export function reckon(books: Books, promised: readonly string[]): Reckoning {
  // Its own keys, which the type of `entries` forgets.
  const names = Object.keys(checks) as CheckName[];
  const faults = {} as Record<CheckName, readonly string[]>;
  for (const name of names) faults[name] = checks[name](books, promised);
  return {
    jobs: books.jobs.length,
    tasks: books.tasks.length,
    cancelled: books.jobs.filter(({ state }) => state === 'cancelled').length,
    repeated: repeatedIn(books),
    faults,
  };
}

/** Every reason why a storm has failed. */
export function failuresOf({ faults }: Pick<Reckoning, 'faults'>): string[] {
  return Object.entries(faults).flatMap(([name, places]) =>
    places.length === 0 ? [] : [`${name}: ${places.length}, such as ${places[0]}`],
  );
}

/** How many tasks a region has done, by what it has to have written of each. */
function doneByEvent(
  { inbox }: RegionBook,
  events: Readonly<Partial<Record<JobKind, string>>>,
): Map<string, number> {
  const done = inbox.filter(({ phase, kind }) => phase === 'done' && events[kind] !== undefined);
  return counted(done, ({ kind, correlationId }) => `${events[kind]} ${correlationId}`);
}

function repeatedIn(books: Books): number {
  let repeated = 0;
  for (const book of books.regions.values()) {
    const written = counted(book.trail, ({ event, correlationId }) => `${event} ${correlationId}`);
    for (const [of, times] of doneByEvent(book, appliedBefore))
      repeated += Math.max(0, (written.get(of) ?? 0) - times);
  }
  return repeated;
}

/** By key, for those of which any was ordered: `tenant/service`. */
function versionsOrdered(books: Books, inbox: readonly InboxRow[], region: string): Map<string, number> {
  const done = new Set(
    inbox.filter(({ phase, kind }) => phase === 'done' && NEW_VERSION.has(kind)).map(({ task }) => task),
  );
  const entities = new Map(books.jobs.map(({ id, entity }) => [id, entity]));
  const keys = books.tasks
    .filter((task) => task.region === region && done.has(task.id))
    .map(({ job }) => /^keys:([^@]+\/[^@]+)(?:@|$)/.exec(entities.get(job) ?? '')?.[1] ?? '');
  return counted(
    keys.filter((key) => key !== ''),
    (key) => key,
  );
}

function sameJson(one: string | null, other: string | null): boolean {
  return isDeepStrictEqual(JSON.parse(one ?? 'null'), JSON.parse(other ?? 'null'));
}

function differences(governance: readonly string[], region: readonly string[]): string[] {
  const [wanted, there] = [new Set(governance), new Set(region)];
  return [
    ...[...wanted].filter((each) => !there.has(each)).map((each) => `${each} is not there`),
    ...[...there].filter((each) => !wanted.has(each)).map((each) => `${each} is there for nobody`),
  ];
}

const shownLink = ({ tenant, epoch }: LinkRow): string => `epoch ${epoch} of ${tenant}`;
