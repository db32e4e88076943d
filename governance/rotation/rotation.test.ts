/** The life of L2 and L3 keys as governance orders it: REST on one side, a region's operator on the other. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { JobKind, TaskErrorCode } from '../../contracts/index.ts';
import type { HandlerOutcome } from '../../orbital/index.ts';
import { testWorld } from '../../testkit/governance.ts';
import type { TestRegion } from '../test-region.ts';
import { SECOND_TOKEN, until, type World } from '../test-world.ts';

const DAY_S = 86_400;
const asBob = { authorization: `Bearer ${SECOND_TOKEN}` };

let world: World;
let north: TestRegion;
let south: TestRegion;

before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
  const [first, second] = world.regions;
  assert.ok(first && second);
  [north, south] = [first, second];
  await withServices('acme');
});
after(() => world.close());

async function withServices(tenant: string, policy?: string): Promise<void> {
  await world.onboard(tenant, policy);
  for (const name of ['payments', 'billing'])
    await world.must(202, 'POST', `/v1/tenants/${tenant}/services`, { name });
  await until('the services are there', async () => {
    const { items } = await world.must(200, 'GET', `/v1/tenants/${tenant}/services`);
    return items.every((item: { state: string }) => item.state === 'active');
  });
}

const keys = (region: TestRegion, tenant = 'acme') => {
  const found = region.tenants.get(tenant)?.keys;
  assert.ok(found);
  return found;
};
const states = (region: TestRegion, service?: string, tenant = 'acme') =>
  keys(region, tenant)
    .find(service)
    ?.versions.map(({ state }) => state);
const post = (path: string, body: object, tenant = 'acme') =>
  world.call('POST', `/v1/tenants/${tenant}/${path}`, body);
const must = (path: string, body: object, tenant = 'acme') =>
  world.must(202, 'POST', `/v1/tenants/${tenant}/${path}`, body);
const job = (id: string) => world.must(200, 'GET', `/v1/jobs/${id}`);

interface RegionJob {
  readonly region: string;
  readonly job: string;
}

/** The job once it has ended. */
const ended = (id: string, waitMs?: number) =>
  until(
    `job ${id} has ended`,
    async () => {
      const view = await job(id);
      return ['done', 'failed', 'cancelled'].includes(view.state) ? view : undefined;
    },
    waitMs,
  );
const allEnded = async (jobs: readonly RegionJob[]): Promise<string[]> =>
  await Promise.all(jobs.map(async (each) => (await ended(each.job)).state));

/** While it is away, a region answers such jobs of a tenant with "later". */
const away =
  (wanted: JobKind, tenant = 'acme', code: TaskErrorCode = 'UNAVAILABLE', retryable = true) =>
  (kind: JobKind, payload: unknown): HandlerOutcome | undefined =>
    kind === wanted && (payload as { tenant?: string }).tenant === tenant
      ? { failed: { code, message: code, retryable } }
      : undefined;

const events = async (action: string, tenant = 'acme') => {
  const { items } = await world.must(200, 'GET', `/v1/audit?tenant=${tenant}&limit=200`);
  return items.filter((each: { action: string }) => each.action === action);
};
const approveAsBob = async (proposal: { id: string; tenant: string }) =>
  await world.call(
    'POST',
    `/v1/tenants/${proposal.tenant}/proposals/${proposal.id}/approve`,
    undefined,
    asBob,
  );

async function inspect(tenant = 'acme') {
  const { jobs } = await must('inventories', {}, tenant);
  await allEnded(jobs);
  return (await world.must(200, 'GET', `/v1/tenants/${tenant}/inventory`)).items;
}

test('a rotation makes a new version of one key, in the regions that were named', async () => {
  const answer = await world.call(
    'POST',
    '/v1/tenants/acme/rotations',
    { service: 'payments' },
    { 'x-correlation-id': 'monthly-1' },
  );
  assert.equal(answer.status, 202);
  const { jobs } = answer.body;
  assert.deepEqual(
    jobs.map(({ region, joined }: { region: string; joined: boolean }) => [region, joined]),
    [
      ['north', false],
      ['south', false],
    ],
  );
  assert.deepEqual(await allEnded(jobs), ['done', 'done']);
  for (const region of world.regions) {
    assert.deepEqual(states(region, 'payments'), ['deactivated', 'active']);
    assert.deepEqual(states(region, 'billing'), ['active']);
    assert.deepEqual(states(region), ['active']);
  }
  assert.equal((await job(jobs[0].job)).correlationId, 'monthly-1');
  const { items } = await world.must(200, 'GET', '/v1/tenants/acme/services');
  const payments = items.find(({ name }: { name: string }) => name === 'payments');
  assert.deepEqual(
    payments.regions.map(({ l3Version }: { l3Version: number }) => l3Version),
    [2, 2],
  );

  const only = await must('rotations', { regions: ['south'] });
  assert.deepEqual(await allEnded(only.jobs), ['done']);
  assert.deepEqual([states(north), states(south)], [['active'], ['destroyed', 'active']]);
  const tenant = await world.must(200, 'GET', '/v1/tenants/acme');
  assert.deepEqual(
    tenant.regions.map(({ l2Version }: { l2Version: number }) => l2Version),
    [1, 2],
  );

  const [asked] = (await events('key.rotate')).filter(
    ({ correlationId }: { correlationId: string }) => correlationId === 'monthly-1',
  );
  assert.deepEqual([asked.actor, asked.subject, asked.outcome], ['ada', 'keys:acme/payments', 'accepted']);
  const told = (await events('key.rotated')).filter(
    ({ correlationId }: { correlationId: string }) => correlationId === 'monthly-1',
  );
  assert.deepEqual(
    told
      .map(({ actor, subject, detail }: { actor: string; subject: string; detail: object }) => [
        actor,
        subject,
        detail,
      ])
      .sort(),
    [
      ['region:north', 'keys:acme/payments@north', { version: 2 }],
      ['region:south', 'keys:acme/payments@south', { version: 2 }],
    ],
  );
});

test('what there is not cannot be rotated', async () => {
  for (const [path, body, code] of [
    ['rotations', { service: 'nothing' }, 'SERVICE_UNKNOWN'],
    ['rotations', { regions: ['atlantis'] }, 'REGION_UNKNOWN'],
    ['rotations', { regions: [] }, 'INVALID_REQUEST'],
    ['compromises', { service: 'nothing', reason: 'x' }, 'SERVICE_UNKNOWN'],
    ['compromises', { regions: ['atlantis'], reason: 'x' }, 'REGION_UNKNOWN'],
    ['compromises', {}, 'INVALID_REQUEST'],
    ['inventories', { regions: ['atlantis'] }, 'REGION_UNKNOWN'],
    ['destructions', { region: 'atlantis', version: 1, dependents: 0, reason: 'x' }, 'REGION_UNKNOWN'],
    [
      'destructions',
      { region: 'north', service: 'nothing', version: 1, dependents: 0, reason: 'x' },
      'SERVICE_UNKNOWN',
    ],
    ['destructions', { region: 'north', version: 0, dependents: 0, reason: 'x' }, 'INVALID_REQUEST'],
  ] as const)
    assert.equal((await post(path, body)).body.code, code, `${path} ${JSON.stringify(body)}`);
  assert.equal((await post('rotations', {}, 'nobody')).body.code, 'TENANT_UNKNOWN');
  const [refusal] = await events('destroy-key.propose');
  assert.equal(refusal.outcome, 'refused');
});

test('asked again while a region has not done it, the same job is the answer; other keys and regions wait for nothing', async () => {
  north.interfere = away('KEY_ROTATE');
  const first = await must('rotations', { service: 'payments' });
  await until('south is done', async () => (await job(first.jobs[1].job)).state === 'done');
  const again = await must('rotations', { service: 'payments' });
  assert.deepEqual(
    again.jobs.map(({ joined }: { joined: boolean }) => joined),
    [true, false],
  );
  assert.equal(again.jobs[0].job, first.jobs[0].job);
  const other = await must('rotations', { service: 'billing' });
  assert.deepEqual(
    other.jobs.map(({ joined }: { joined: boolean }) => joined),
    [false, false],
  );
  assert.equal((await inspect()).length, 2);
  north.interfere = undefined;
  assert.deepEqual(await allEnded([...first.jobs, ...again.jobs, ...other.jobs]), Array(6).fill('done'));
  // Once in north, where it was pending; twice in south.
  assert.deepEqual([states(north, 'payments')?.length, states(south, 'payments')?.length], [3, 4]);
  assert.equal((await must('rotations', { service: 'payments' })).jobs[0].joined, false);
});

test('an order that a region does not carry out ends after an hour, and says why', async () => {
  north.interfere = away('KEY_ROTATE');
  const { jobs } = await must('rotations', { regions: ['north'] });
  const [{ deadline_ms }] = (await world.query('SELECT deadline_ms::int FROM orbital_jobs WHERE id = $1', [
    jobs[0].job,
  ])) as [{ deadline_ms: number }];
  assert.equal(deadline_ms, 3_600_000);
  await world.query('UPDATE orbital_tasks SET deadline_at = now() WHERE job_id = $1', [jobs[0].job]);
  const failed = await ended(jobs[0].job);
  north.interfere = undefined;
  assert.deepEqual([failed.state, failed.tasks[0].error.code], ['failed', 'DEADLINE']);
  const [event] = await events('key.rotated');
  assert.deepEqual([event.outcome, event.detail], ['failed', { error: 'DEADLINE' }]);
});

test('an emergency overtakes what was asked of the key, has no deadline and cannot be called off', async () => {
  await world.must(202, 'PUT', '/v1/tenants/acme/rotation-policy', {
    service: 'payments',
    rotateAfterSeconds: 7 * DAY_S,
  });
  north.interfere = (kind, payload) =>
    away('KEY_ROTATE')(kind, payload) ?? away('ROTATION_POLICY')(kind, payload);
  const rotation = await must('rotations', { service: 'payments', regions: ['north'] });
  const policy = await world.must(202, 'PUT', '/v1/tenants/acme/rotation-policy', {
    service: 'payments',
    rotateAfterSeconds: 6 * DAY_S,
  });
  const { proposal } = await must('compromises', { service: 'payments', reason: 'a stolen backup' });
  assert.deepEqual([proposal.action, proposal.state], ['compromise-key', 'executed']);
  assert.deepEqual(await allEnded(proposal.jobs), ['done', 'done']);
  for (const region of world.regions) {
    const seen = states(region, 'payments');
    assert.equal(seen?.at(-1), 'active');
    assert.ok(
      seen?.slice(0, -1).every((state) => state === 'compromised'),
      String(seen),
    );
    assert.ok(!states(region, 'billing')?.includes('compromised'));
  }
  assert.equal((await job(rotation.jobs[0].job)).state, 'cancelled');
  assert.equal((await job(policy.proposal.jobs[0].job)).state, 'cancelled');
  const [cancelled] = await events('key.rotated');
  assert.deepEqual(
    [cancelled.actor, cancelled.outcome, cancelled.detail.error],
    ['system:jobs', 'failed', 'CANCELLED'],
  );
  // The policy was not what was to be called off: it is sent again behind the emergency.
  north.interfere = undefined;
  await until('north has the policy', async () => keys(north).find('payments')?.rotateAfterS === 6 * DAY_S);

  north.interfere = away('KEY_COMPROMISE');
  const pending = (await must('compromises', { reason: 'a thief', regions: ['north'] })).proposal.jobs[0].job;
  const view = await job(pending);
  assert.deepEqual([view.lane, view.tasks[0].deadlineAt], ['urgent', null]);
  assert.equal((await world.call('POST', `/v1/jobs/${pending}/cancel`)).body.code, 'JOB_NOT_CANCELLABLE');
  // A second emergency of the same key is the same wish: it takes the place of the first.
  const second = (await must('compromises', { reason: 'a thief', regions: ['north'] })).proposal.jobs[0].job;
  assert.equal((await job(pending)).state, 'cancelled');
  north.interfere = undefined;
  assert.equal((await ended(second)).state, 'done');
  assert.deepEqual(states(north), ['compromised', 'active']);
  // Who had the L2 may have had every L3 under it.
  assert.ok(
    states(north, 'billing')
      ?.slice(0, -1)
      .every((state) => state === 'compromised'),
  );
  const [event] = await events('key.compromise');
  assert.deepEqual([event.subject, event.detail.reason], ['keys:acme', 'a thief']);
});

test('a policy is kept here and sent to every region; the newest word counts, and who missed it gets it again', async () => {
  const put = (body: object) => world.must(202, 'PUT', '/v1/tenants/acme/rotation-policy', body);
  const list = async () => (await world.must(200, 'GET', '/v1/tenants/acme/rotation-policy')).items;
  const first = await put({ rotateAfterSeconds: 30 * DAY_S });
  assert.equal(first.proposal.state, 'executed');
  const set = await until('both have it', async () => {
    const [own] = await list();
    return own.regions.every(({ state }: { state: string }) => state === 'active') ? own : undefined;
  });
  assert.deepEqual([set.service, set.rotateAfterSeconds, set.setBy], [null, 30 * DAY_S, 'ada']);
  const due = Date.parse(keys(south).l2.active.createdAt) + 30 * DAY_S * 1000;
  assert.equal(Date.parse(set.regions[1].nextRotationAt), due);
  assert.equal(keys(north).l2.rotateAfterS, 30 * DAY_S);

  north.interfere = away('ROTATION_POLICY');
  const second = await put({ rotateAfterSeconds: 20 * DAY_S });
  const third = await put({ rotateAfterSeconds: 10 * DAY_S });
  assert.equal((await job(second.proposal.jobs[0].job)).state, 'cancelled');
  await until('south has the newest', async () => keys(south).l2.rotateAfterS === 10 * DAY_S);
  await world.query('UPDATE orbital_tasks SET deadline_at = now() WHERE job_id = $1', [
    third.proposal.jobs[0].job,
  ]);
  assert.equal((await ended(third.proposal.jobs[0].job)).state, 'failed');
  const [missed] = await list();
  assert.deepEqual(
    missed.regions.map(({ state, error }: { state: string; error: string }) => [state, error]),
    [
      ['failed', 'DEADLINE'],
      ['active', null],
    ],
  );
  const retry = await world.call('POST', `/v1/jobs/${third.proposal.jobs[0].job}/retry`);
  assert.equal(retry.body.code, 'JOB_NOT_RETRYABLE');
  north.interfere = undefined;
  const same = await put({ rotateAfterSeconds: 10 * DAY_S });
  assert.deepEqual(
    same.proposal.jobs.map(({ region }: RegionJob) => region),
    ['north'],
  );
  await until('north has it, too', async () => keys(north).l2.rotateAfterS === 10 * DAY_S);

  await put({ rotateAfterSeconds: 0 });
  await until('never', async () => keys(north).l2.rotateAfterS === 0);
  await until('no next rotation', async () => (await list())[0].regions[0].nextRotationAt === null);
  await put({ rotateAfterSeconds: null });
  await until('the default', async () => keys(north).l2.rotateAfterS === 90 * DAY_S);
  for (const bad of [1, 3599, 315_360_001, -1, 'never'])
    assert.equal(
      (await world.call('PUT', '/v1/tenants/acme/rotation-policy', { rotateAfterSeconds: bad })).body.code,
      'INVALID_REQUEST',
    );
});

test('policies come in pages, the key of the tenant first', async () => {
  const seen: unknown[] = [];
  let path = '/v1/tenants/acme/rotation-policy?limit=1';
  for (;;) {
    const page = await world.must(200, 'GET', path);
    seen.push(...page.items.map(({ service }: { service: string | null }) => service));
    if (page.next === undefined) break;
    path = `/v1/tenants/acme/rotation-policy?limit=1&cursor=${page.next}`;
  }
  assert.deepEqual(seen, [null, 'payments']);
});

test('under four eyes, what lets a key grow older takes a second operator; what does not, and rotating, does not', async () => {
  await withServices('careful', 'four-eyes');
  const put = async (rotateAfterSeconds: number | null, service?: string) =>
    (
      await world.must(202, 'PUT', '/v1/tenants/careful/rotation-policy', {
        rotateAfterSeconds,
        ...(service === undefined ? {} : { service }),
      })
    ).proposal;
  // What nobody has set is the regions' default: 30 days for a service, 90 for the tenant's own.
  assert.equal((await put(31 * DAY_S, 'payments')).state, 'pending');
  assert.equal((await put(30 * DAY_S, 'payments')).state, 'executed');
  assert.equal((await put(31 * DAY_S)).state, 'executed');
  assert.equal((await put(7 * DAY_S, 'payments')).state, 'executed');
  const harmless = await put(7 * DAY_S, 'payments');
  assert.deepEqual([harmless.policy, harmless.quorum, harmless.approvals.length], ['protects-no-less', 1, 0]);
  for (const weaker of [8 * DAY_S, 0, null]) {
    const proposal = await put(weaker, 'payments');
    assert.deepEqual(
      [proposal.state, proposal.policy, proposal.jobs],
      ['pending', 'four-eyes', []],
      String(weaker),
    );
  }
  const never = await put(0, 'payments');
  assert.equal((await approveAsBob(never)).body.proposal.state, 'executed');
  // After never, anything is better.
  assert.equal((await put(365 * DAY_S, 'payments')).state, 'executed');

  const { jobs } = await must('rotations', { service: 'payments' }, 'careful');
  assert.deepEqual(await allEnded(jobs), ['done', 'done']);
  assert.equal((await inspect('careful')).length, 2);
  assert.deepEqual(
    (await world.must(200, 'GET', '/v1/tenants/careful/proposals')).items.filter(
      ({ action }: { action: string }) => action !== 'rotation-policy',
    ),
    [],
  );

  const { proposal } = await must('compromises', { service: 'payments', reason: 'a thief' }, 'careful');
  assert.equal(proposal.state, 'pending');
  assert.ok(!states(north, 'payments', 'careful')?.includes('compromised'));
  const own = await world.call('POST', `/v1/tenants/careful/proposals/${proposal.id}/approve`);
  assert.equal(own.body.code, 'FOUR_EYES');
  const approved = await approveAsBob(proposal);
  assert.deepEqual(await allEnded(approved.body.proposal.jobs), ['done', 'done']);
  assert.deepEqual(states(north, 'payments', 'careful'), ['compromised', 'compromised', 'active']);
});

test('looking at the inventory asks nobody; asking does, and a region that fails leaves its last word', async () => {
  await withServices('looked-at');
  const look = async () => (await world.must(200, 'GET', '/v1/tenants/looked-at/inventory')).items;
  const asked = async () =>
    (await world.must(200, 'GET', '/v1/jobs?kind=KEY_INSPECT&entity=inventory:looked-at@north')).items.length;
  for (const entry of await look())
    assert.deepEqual([entry.at, entry.askedAt, entry.pending, entry.inventory], [null, null, false, null]);
  assert.equal(await asked(), 0);

  north.interfere = away('KEY_INSPECT', 'looked-at');
  const { jobs } = await must('inventories', {}, 'looked-at');
  await until('south has answered', async () => (await look())[1].at !== null);
  const [waiting, answered] = await look();
  assert.deepEqual([waiting.pending, waiting.at, waiting.job], [true, null, jobs[0].job]);
  assert.deepEqual([answered.pending, answered.error], [false, null]);
  const again = await must('inventories', {}, 'looked-at');
  assert.deepEqual(
    [again.jobs[0].job, again.jobs[0].joined, again.jobs[1].joined],
    [jobs[0].job, true, false],
  );
  north.interfere = undefined;
  await allEnded([...jobs, ...again.jobs]);
  const [{ inventory, at }] = await look();
  assert.deepEqual(
    [
      inventory.l2.living,
      inventory.l2.versions.length,
      inventory.services.map(({ service }: { service: string }) => service).sort(),
    ],
    [1, 1, ['billing', 'payments']],
  );
  assert.equal(inventory.l2.versions[0].dependents, 2);
  assert.equal(inventory.services[0].l3.rotateAfterSeconds, 30 * DAY_S);

  north.interfere = away('KEY_INSPECT', 'looked-at', 'INVALID_PAYLOAD', false);
  await allEnded((await must('inventories', { regions: ['north'] }, 'looked-at')).jobs);
  north.interfere = undefined;
  const [kept] = await look();
  assert.deepEqual([kept.error, kept.at, kept.pending], ['INVALID_PAYLOAD', at, false]);
  assert.deepEqual(kept.inventory, inventory);
  assert.equal(await asked(), 2);

  north.interfere = away('KEY_INSPECT', 'looked-at');
  const [open] = (await must('inventories', { regions: ['north'] }, 'looked-at')).jobs;
  await world.must(202, 'POST', `/v1/jobs/${open.job}/cancel`);
  north.interfere = undefined;
  assert.deepEqual([(await look())[0].error, (await look())[0].pending], ['CANCELLED', false]);
});

test('an inventory tells governance which versions a region has come to by itself', async () => {
  const grown = keys(north, 'looked-at');
  const payments = grown.find('payments');
  assert.ok(payments);
  grown.rotate(payments);
  await inspect('looked-at');
  const { items } = await world.must(200, 'GET', '/v1/tenants/looked-at/services');
  const seen = items.find(({ name }: { name: string }) => name === 'payments');
  assert.deepEqual(
    seen.regions.map(({ l3Version }: { l3Version: number }) => l3Version),
    [2, 1],
  );
});

test('a version is destroyed only as a fresh inventory shows it', async () => {
  await withServices('purged');
  await allEnded((await must('rotations', { service: 'payments' }, 'purged')).jobs);
  const order = { region: 'north', service: 'payments', version: 1, dependents: 12, reason: 'retired' };
  const destroy = async (change: object = {}) =>
    (await post('destructions', { ...order, ...change }, 'purged')).body;
  assert.equal((await destroy()).code, 'INVENTORY_NEEDED');

  const [old] = keys(north, 'purged').find('payments')?.versions ?? [];
  assert.ok(old);
  old.objects = 12;
  await inspect('purged');
  for (const [change, code, detail] of [
    [
      { dependents: 0 },
      'DEPENDENTS_DIFFER',
      /^12 objects depend on version 1 of the key of purged\/payments/,
    ],
    [{ dependents: 13 }, 'DEPENDENTS_DIFFER', /^12 objects/],
    [{ version: 2, dependents: 0 }, 'KEY_VERSION_STATE', /version 2 .* is active/],
    [{ version: 3 }, 'KEY_VERSION_UNKNOWN', /version 3/],
    [{ service: 'billing', version: 1, dependents: 0 }, 'KEY_VERSION_STATE', /purged\/billing is active/],
  ] as const) {
    const answer = await destroy(change);
    assert.equal(answer.code, code, JSON.stringify(change));
    assert.match(answer.detail, detail);
  }
  const aged = (minutes: number) =>
    world.query(
      `UPDATE key_inventories SET answered_at = now() - $1 * interval '1 minute' WHERE tenant = 'purged'`,
      [minutes],
    );
  await aged(16);
  const stale = await destroy();
  assert.deepEqual([stale.code, /16 minutes ago/.test(stale.detail)], ['INVENTORY_NEEDED', true]);
  await aged(14);

  // The region has the last word: what has changed since is not destroyed by mistake.
  old.objects = 13;
  const refused = await ended((await destroy()).proposal.jobs[0].job);
  assert.deepEqual([refused.state, refused.tasks[0].error.code], ['failed', 'DEPENDENTS_CHANGED']);
  assert.equal(old.state, 'deactivated');
  assert.equal((await world.call('POST', `/v1/jobs/${refused.id}/retry`)).body.code, 'JOB_NOT_RETRYABLE');

  await inspect('purged');
  north.interfere = away('KEY_DESTROY', 'purged');
  const { proposal } = await destroy({ dependents: 13 });
  assert.deepEqual([proposal.action, proposal.state], ['destroy-key', 'executed']);
  assert.equal((await destroy({ dependents: 13 })).code, 'JOB_LIVE');
  north.interfere = undefined;
  assert.equal((await ended(proposal.jobs[0].job)).state, 'done');
  assert.deepEqual(
    [states(north, 'payments', 'purged'), states(south, 'payments', 'purged')],
    [
      ['destroyed', 'active'],
      ['deactivated', 'active'],
    ],
  );
  await inspect('purged');
  assert.match((await destroy({ dependents: 13 })).detail, /is destroyed/);
  const [event] = await events('key.destroyed', 'purged');
  assert.deepEqual(
    [event.actor, event.subject, event.detail],
    ['region:north', 'keys:purged/payments@north', { version: 1, dependents: 13, reason: 'retired' }],
  );
});

test('under four eyes a destruction waits for a second operator, however old the inventory is by then', async () => {
  await allEnded((await must('rotations', { service: 'billing' }, 'careful')).jobs);
  await inspect('careful');
  const order = { region: 'south', service: 'billing', version: 1, dependents: 0, reason: 'retired' };
  const { proposal } = await must('destructions', order, 'careful');
  assert.deepEqual([proposal.state, proposal.parameters], ['pending', order]);
  assert.deepEqual(states(south, 'billing', 'careful'), ['deactivated', 'active']);
  await world.query(`UPDATE key_inventories SET answered_at = now() - interval '1 day'`);
  south.interfere = away('KEY_DESTROY', 'careful');
  const approved = await approveAsBob(proposal);
  const [{ job: ordered }] = approved.body.proposal.jobs;
  // What two have decided no one calls off alone.
  const cancelled = await world.call('POST', `/v1/jobs/${ordered}/cancel`);
  assert.deepEqual([cancelled.status, cancelled.body.code], [409, 'JOB_NOT_CANCELLABLE']);
  south.interfere = undefined;
  assert.deepEqual(await allEnded(approved.body.proposal.jobs), ['done']);
  assert.deepEqual(states(south, 'billing', 'careful'), ['destroyed', 'active']);
});

test('an unlinked tenant keeps an order until it is linked again', async () => {
  await withServices('dormant');
  await world.must(202, 'POST', '/v1/tenants/dormant/link', { key: 'main' });
  await world.linked('dormant', 'active');
  await world.must(202, 'POST', '/v1/tenants/dormant/unlink', { reason: 'a break' });
  await world.linked('dormant', 'closed');
  const { proposal } = await must('compromises', { service: 'payments', reason: 'a thief' }, 'dormant');
  await until('north says why it waits', async () => {
    const { tasks } = await job(proposal.jobs[0].job);
    return tasks[0].error?.code === 'LINK_CLOSED';
  });
  await world.must(202, 'POST', '/v1/tenants/dormant/link', { key: 'main' });
  await world.linked('dormant', 'active');
  assert.deepEqual(
    await Promise.all(proposal.jobs.map(async (each: RegionJob) => (await ended(each.job, 30_000)).state)),
    ['done', 'done'],
  );
});

test('one tenant sees and touches nothing of another', async () => {
  await withServices('rival');
  for (const path of ['rotation-policy', 'inventory']) {
    const { items } = await world.must(200, 'GET', `/v1/tenants/rival/${path}`);
    assert.ok(!JSON.stringify(items).includes('nextRotationAt'), path);
  }
  const proposals = (await world.must(200, 'GET', '/v1/tenants/careful/proposals')).items;
  assert.ok(proposals.length > 0);
  const stolen = await world.call(
    'POST',
    `/v1/tenants/rival/proposals/${proposals[0].id}/approve`,
    undefined,
    asBob,
  );
  assert.equal(stolen.body.code, 'PROPOSAL_UNKNOWN');
});

test('what happened is counted from 0 by kind, and every audit chain verifies', async () => {
  const metrics = await (await fetch(`${world.healthUrl()}/metrics`)).text();
  const count = (kind: string, outcome: string): number =>
    Number(
      new RegExp(
        `^okcm_cmk_key_jobs_total\\{(?=[^}]*kind="${kind}")(?=[^}]*outcome="${outcome}")[^}]*\\} (\\d+)`,
        'm',
      ).exec(metrics)?.[1],
    );
  assert.deepEqual([count('ROTATE_LINK', 'done'), count('ROTATE_LINK', 'failed')], [0, 0]);
  assert.equal(count('KEY_DESTROY', 'done'), 2);
  assert.ok(count('KEY_ROTATE', 'failed') >= 2 && count('KEY_INSPECT', 'done') > 0);
  for (const tenant of ['acme', 'careful', 'purged', 'looked-at'])
    assert.equal((await world.must(200, 'GET', `/v1/audit/verify?tenant=${tenant}`)).ok, true, tenant);
});

test('the OpenAPI document tells these routes with their bodies', async () => {
  const { paths } = await world.must(200, 'GET', '/v1/openapi.json');
  for (const path of ['rotations', 'compromises', 'inventories', 'destructions', 'link/rotate'])
    assert.ok(paths[`/v1/tenants/{tenant}/${path}`]?.post.requestBody, path);
  for (const path of ['rotation-policy', 'link/rotation-policy'])
    assert.ok(paths[`/v1/tenants/{tenant}/${path}`]?.put.requestBody, path);
  assert.ok(paths['/v1/tenants/{tenant}/inventory']?.get.responses['200']);
});
