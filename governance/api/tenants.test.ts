/** Tenants over REST: their life with its failures and retries, and how they are found among many. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testWorld } from '../../testkit/governance.ts';
import { until, type World } from '../test-world.ts';

let world: World;
before(async () => {
  world = await testWorld({ regions: ['north', 'south'] });
});
after(() => world.close());

const tenant = (id: string) => world.must(200, 'GET', `/v1/tenants/${id}`);
const inState = (id: string, state: string) =>
  until(`${id} is ${state}`, async () => {
    const view = await tenant(id);
    return view.state === state ? view : undefined;
  });

test('a tenant that is only requested is nowhere before it is provisioned', async () => {
  const { tenant: made, job } = await world.must(202, 'POST', '/v1/tenants', {
    id: 'patient',
    provision: false,
  });
  assert.deepEqual([made.state, made.change, job], ['requested', null, null]);
  assert.deepEqual(
    made.regions.map(({ state }: { state: string }) => state),
    ['requested', 'requested'],
  );
  const refused = await world.call('POST', '/v1/tenants/patient/services', { name: 'early' });
  assert.deepEqual([refused.status, refused.body.code], [409, 'TENANT_STATE']);
  assert.match(refused.body.hint, /GET \/v1\/tenants\/patient shows/);
  assert.ok(world.regions.every((region) => !region.tenants.has('patient')));

  await world.must(202, 'POST', '/v1/tenants/patient/provision');
  const { regions } = await inState('patient', 'active');
  assert.deepEqual(
    regions.map(({ l2Version }: { l2Version: number }) => l2Version),
    [1, 1],
  );
  assert.equal((await world.call('POST', '/v1/tenants/patient/provision')).body.code, 'TENANT_STATE');
});

test('a region that refuses its part is named, and asked again by a retry', async () => {
  const [, south] = world.regions;
  assert.ok(south);
  south.interfere = (kind) =>
    kind === 'TENANT_PROVISION'
      ? { failed: { code: 'LIMIT_REACHED', message: 'full', retryable: false } }
      : undefined;
  await world.must(202, 'POST', '/v1/tenants', { id: 'unlucky' });
  const { change } = await until('south has refused', async () => {
    const view = await tenant('unlucky');
    return view.change?.failed === true && view.regions[0].state === 'active' ? view : undefined;
  });
  assert.equal(change.to, 'active');
  assert.deepEqual(
    change.regions.map(({ region, state, error }: Record<string, unknown>) => [region, state, error]),
    [
      ['north', 'done', null],
      ['south', 'failed', 'LIMIT_REACHED'],
    ],
  );
  assert.deepEqual(await idsOf('failed=true'), ['unlucky']);

  south.interfere = undefined;
  const retried = await world.must(202, 'POST', '/v1/tenants/unlucky/retry');
  assert.equal(retried.change.failed, false);
  await inState('unlucky', 'active');
  const again = await world.call('POST', '/v1/tenants/unlucky/retry');
  assert.deepEqual(
    [again.body.code, again.body.detail],
    ['TENANT_STATE', 'unlucky is active, and no part of that has failed'],
  );
});

test('a provisioning that is cancelled has failed, and can be retried', async () => {
  const [, south] = world.regions;
  assert.ok(south);
  south.interfere = (kind) =>
    kind === 'TENANT_PROVISION'
      ? { failed: { code: 'UNAVAILABLE', message: 'not now', retryable: true } }
      : undefined;
  const { job } = await world.must(202, 'POST', '/v1/tenants', { id: 'halted' });
  await until('north has it', async () => (await tenant('halted')).regions[0].state === 'active');
  await world.must(202, 'POST', `/v1/jobs/${job}/cancel`);
  const { change } = await tenant('halted');
  assert.deepEqual([change.failed, change.regions[1].error], [true, 'CANCELLED']);
  south.interfere = undefined;
  await world.must(202, 'POST', '/v1/tenants/halted/retry');
  await inState('halted', 'active');
});

const idsOf = async (query: string): Promise<string[]> => {
  const { items } = await world.must(200, 'GET', `/v1/tenants?${query}`);
  return items.map(({ id }: { id: string }) => id);
};

test('tenants are found by state, region, policy and the beginning of their names', async () => {
  await world.must(202, 'POST', '/v1/tenants', {
    id: 'zeta',
    displayName: 'Patience & Sons',
    regions: ['south'],
    policy: 'four-eyes',
  });
  await world.must(202, 'POST', '/v1/tenants', { id: 'waiting', provision: false });
  await inState('zeta', 'active');
  assert.deepEqual(await idsOf('state=requested'), ['waiting']);
  assert.deepEqual(await idsOf('region=north'), ['halted', 'patient', 'unlucky', 'waiting']);
  assert.deepEqual(await idsOf('policy=four-eyes'), ['zeta']);
  assert.deepEqual(await idsOf('search=PATIEN'), ['patient', 'zeta']);
  assert.deepEqual(await idsOf('search=PATIEN&region=north'), ['patient']);
  assert.deepEqual(await idsOf('failed=true'), []);
  assert.deepEqual(await idsOf('search=%25'), []);
  for (const query of ['state=gone', 'failed=perhaps', 'unknown=1', `search=${'x'.repeat(65)}`])
    assert.equal((await world.call('GET', `/v1/tenants?${query}`)).body.code, 'INVALID_REQUEST', query);
  const first = await world.must(200, 'GET', '/v1/tenants?search=patien&limit=1');
  const { items, next } = await world.must(
    200,
    'GET',
    `/v1/tenants?search=patien&limit=1&cursor=${first.next}`,
  );
  assert.deepEqual([items[0].id, next], ['zeta', undefined]);
});

test('a tenant is shown as it was at one moment, also while it changes', async () => {
  await world.must(202, 'POST', '/v1/tenants', { id: 'in-motion' });
  await inState('in-motion', 'active');
  const where = `WHERE tenant = 'in-motion'`;
  // Whoever has begun to read waits in the midst of it.
  const changing = world.query(`BEGIN; LOCK TABLE tenant_regions; SELECT pg_sleep(2);
    UPDATE tenant_states SET state = 'provisioning' ${where};
    UPDATE tenant_regions SET state = 'provisioning' ${where}; COMMIT`);
  await until('the change has begun', async () => {
    const held = `SELECT FROM pg_locks WHERE relation = 'tenant_regions'::regclass AND mode = 'AccessExclusiveLock'`;
    return (await world.query(held)).length > 0;
  });
  const { state, regions } = await tenant('in-motion');
  await changing;
  const seen = [state, ...regions.map((region: { state: string }) => region.state)].join();
  assert.match(seen, /^(active,active,active|provisioning,provisioning,provisioning)$/);
});

test('services, applications, regions and tasks have filters of their own', async () => {
  for (const name of ['alpha', 'beta'])
    await world.must(202, 'POST', '/v1/tenants/patient/services', { name });
  await until('both are active', async () => {
    const { items } = await world.must(200, 'GET', '/v1/tenants/patient/services?state=active');
    return items.length === 2;
  });
  const { items } = await world.must(200, 'GET', '/v1/tenants/patient/services?search=be');
  assert.deepEqual(
    items.map(({ name }: { name: string }) => name),
    ['beta'],
  );
  assert.equal((await world.must(200, 'GET', '/v1/tenants/patient/services/beta')).state, 'active');
  assert.equal((await world.call('GET', '/v1/tenants/patient/services/gamma')).body.code, 'SERVICE_UNKNOWN');
  assert.deepEqual((await world.must(200, 'GET', '/v1/tenants/patient/applications?service=beta')).items, []);
  assert.equal((await world.must(200, 'GET', '/v1/regions?stale=true')).items.length, 2);
  assert.equal((await world.must(200, 'GET', '/v1/regions/north')).name, 'north');
  const tasks = await world.must(200, 'GET', '/v1/tasks?region=south&kind=SERVICE_PROVISION&limit=1');
  assert.deepEqual([tasks.items[0].region, tasks.items[0].entity], ['south', 'service:patient/beta']);
  const more = await world.must(
    200,
    'GET',
    `/v1/tasks?region=south&kind=SERVICE_PROVISION&limit=1&cursor=${tasks.next}`,
  );
  assert.deepEqual([more.items[0].entity, more.next], ['service:patient/alpha', undefined]);
  const own = await world.must(200, 'GET', '/v1/jobs?tenant=patient');
  assert.deepEqual(
    own.items.map(({ entity }: { entity: string }) => entity),
    ['service:patient/beta', 'service:patient/alpha', 'tenant:patient'],
  );
  const others = await world.must(200, 'GET', '/v1/tasks?tenant=unlucky');
  assert.ok(others.items.every(({ entity }: { entity: string }) => entity === 'tenant:unlucky'));
  assert.equal((await world.call('GET', '/v1/jobs?tenant=nobody')).body.code, 'TENANT_UNKNOWN');
});

test('only the named regions are asked again, and the job stays failed for the others', async () => {
  for (const region of world.regions)
    region.interfere = (kind) =>
      kind === 'SERVICE_PROVISION'
        ? { failed: { code: 'LIMIT_REACHED', message: 'full', retryable: false } }
        : undefined;
  const { job } = await world.must(202, 'POST', '/v1/tenants/patient/services', { name: 'gamma' });
  const settled = async () => {
    const view = await world.must(200, 'GET', `/v1/jobs/${job}`);
    return view.state === 'failed' ? view : undefined;
  };
  await until('both have refused', settled);
  for (const region of world.regions) region.interfere = undefined;
  await world.must(202, 'POST', `/v1/jobs/${job}/retry`, { regions: ['south'] });
  const { tasks } = await until('south has done it', async () => {
    const view = await settled();
    return view?.tasks[1].state === 'done' ? view : undefined;
  });
  assert.deepEqual(
    tasks.map(({ state }: { state: string }) => state),
    ['failed', 'done'],
  );
  const none = await world.call('POST', `/v1/jobs/${job}/retry`, { regions: ['south'] });
  assert.equal(none.body.code, 'JOB_NOT_RETRYABLE');
});

test('what was asked for a tenant while it was served is not asked again once it is blocked', async () => {
  const [north] = world.regions;
  assert.ok(north);
  await world.must(202, 'POST', '/v1/tenants', { id: 'shut' });
  await inState('shut', 'active');
  north.interfere = (kind) =>
    kind === 'SERVICE_PROVISION'
      ? { failed: { code: 'INVALID_PAYLOAD', message: 'no', retryable: false } }
      : undefined;
  const { job } = await world.must(202, 'POST', '/v1/tenants/shut/services', { name: 'late' });
  await until('it failed', async () => (await world.must(200, 'GET', `/v1/jobs/${job}`)).state === 'failed');
  north.interfere = undefined;
  await world.must(202, 'POST', '/v1/tenants/shut/block', { reason: 'a court order' });
  const { status, body } = await world.call('POST', `/v1/jobs/${job}/retry`);
  assert.deepEqual([status, body.code, /shut is block/.test(body.detail)], [409, 'JOB_NOT_RETRYABLE', true]);
});
