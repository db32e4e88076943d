// The reckoning finds whatever is amiss: books that agree, and each way in which they could not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Books, JobRow, RegionBook, TaskRow } from './books.ts';
import { type CheckName, checks, failuresOf, reckon } from './reckoning.ts';

const job: JobRow = {
  id: 'j1',
  kind: 'KEY_ROTATE',
  entity: 'keys:acme/orders@eu',
  state: 'done',
  correlationId: 'c1',
};
const second: JobRow = { ...job, id: 'j2', correlationId: 'c2' };
const task: TaskRow = {
  id: 't1',
  job: 'j1',
  kind: 'KEY_ROTATE',
  region: 'eu',
  state: 'done',
  sequence: 1,
  correlationId: 'c1',
  result: '{"version": 2}',
  error: null,
};
const later: TaskRow = {
  ...task,
  id: 't2',
  job: 'j2',
  sequence: 2,
  correlationId: 'c2',
  result: '{"version":3}',
};
const recorded = ({ id, kind, correlationId, result }: TaskRow) => ({
  task: id,
  kind,
  phase: 'done' as const,
  correlationId,
  result,
  unsent: false,
});
const rotated = (correlationId: string, version: number) => ({
  event: 'KEY_ROTATED',
  tenant: 'acme',
  correlationId,
  subject: `L3 orders v${version}`,
});
const eu: RegionBook = {
  inbox: [recorded(task), recorded(later)],
  trail: [rotated('c1', 2), rotated('c2', 3)],
  keys: [{ tenant: 'acme', service: 'orders', versions: 3, youngest: 3 }],
  applications: ['f'],
  links: [{ tenant: 'acme', epoch: 1 }],
};
const books = (change: Partial<Books> = {}, region: Partial<RegionBook> = {}): Books => ({
  jobs: [job, second],
  tasks: [task, later],
  regions: new Map([['eu', { ...eu, ...region }]]),
  applications: new Map([['eu', ['f']]]),
  links: new Map([['eu', [{ tenant: 'acme', epoch: 1 }]]]),
  ...change,
});

describe('reckoning', () => {
  test('books that agree', () => {
    assert.deepEqual(failuresOf(reckon(books(), ['j1', 'j2'])), []);
  });

  const [inboxRow, laterRow] = eu.inbox;
  assert.ok(inboxRow !== undefined && laterRow !== undefined);
  const amiss: Readonly<Record<CheckName, Books>> = {
    'promised and not there': books({ jobs: [job], tasks: [task] }),
    'never ended': books({ jobs: [job, { ...second, state: 'processing' }] }),
    failed: books({ tasks: [task, { ...later, state: 'failed', error: '{}' }] }),
    'a job and its tasks disagree': books({ tasks: [task, { ...later, state: 'cancelled' }] }),
    'done at governance, and not in its region': books({}, { inbox: [inboxRow] }),
    'done in its region, and not at governance': books({ tasks: [task, { ...later, state: 'failed' }] }),
    'done with two answers': books({ tasks: [task, { ...later, result: '{"version":4}' }] }),
    'done for nobody': books({}, { inbox: [...eu.inbox, { ...laterRow, task: 't3' }] }),
    'applied twice, or not at all': books({}, { trail: [...eu.trail, rotated('c2', 4)] }),
    'a key has more or fewer versions than were ordered': books(
      {},
      { keys: [{ tenant: 'acme', service: 'orders', versions: 4, youngest: 4 }] },
    ),
    'out of order': books({}, { trail: [rotated('c2', 2), rotated('c1', 3)] }),
    'a status waits unsent': books({}, { inbox: [inboxRow, { ...laterRow, unsent: true }] }),
    'applications differ': books({}, { applications: ['g'] }),
    'open links differ': books({}, { links: [] }),
  };
  for (const [name, wrong] of Object.entries(amiss) as [CheckName, Books][])
    test(`${name}: is found`, () => {
      assert.ok(checks[name](wrong, ['j1', 'j2']).length > 0);
    });

  test('what is said once more without effect is no fault, and counted', () => {
    const put = { kind: 'IDENTITY_PUT' as const };
    const event = { event: 'IDENTITY_REGISTERED', tenant: 'acme', correlationId: 'c1', subject: null };
    const again = books(
      { jobs: [{ ...job, ...put }], tasks: [{ ...task, ...put }] },
      { inbox: [{ ...inboxRow, ...put }], trail: [event, event], keys: [] },
    );
    const reckoning = reckon(again, ['j1']);
    assert.deepEqual(failuresOf(reckoning), []);
    assert.equal(reckoning.repeated, 1);
  });
});
