/** A region of these tests, what it tells, and what comes of it. */
import assert from 'node:assert/strict';
import { manifestClasses } from '../../contracts/index.ts';
import { sleep } from '../../platform/backoff.ts';
import { issue } from '../../platform/pki.ts';
import { testWorld } from '../../testkit/governance.ts';
import { testPki } from '../../testkit/pki.ts';
import type { TestRegion } from '../test-region.ts';
import { until } from '../test-world.ts';
import type { DriftView } from './view.ts';

const CHECK_EVERY_MS = 150;
const RETRY_MS = 100;
const CLASSES = manifestClasses.length;

export async function certificateOf(commonName: string): Promise<string> {
  const { ca } = await testPki();
  return (await issue({ ca, commonName, usages: ['client'], days: 1 })).certificatePem;
}

type Held = NonNullable<ReturnType<TestRegion['tenants']['get']>>;

export type DriftWorld = Awaited<ReturnType<typeof startDriftWorld>>;

/** Regions north and south; where nothing else is said it is about north. */
export async function startDriftWorld() {
  const world = await testWorld({
    regions: ['north', 'south'],
    configure: (config) => ({
      ...config,
      drift: { checkEveryMs: CHECK_EVERY_MS, settleMs: 0, retryMs: RETRY_MS },
    }),
  });
  const [first, second] = world.regions;
  assert.ok(first && second);
  const north: TestRegion = first;
  const south: TestRegion = second;

  const count = async (sql: string): Promise<number> => Number((await world.query(sql))[0]?.['n']);

  /**
   * Until everything that was told has been looked at, and what was asked of the region is done; but for a service whose tenant is
   * to be made first, which waits for what the region tells next.
   */
  const looked = (region = north): Promise<true> =>
    until('what was told is looked at', async () => {
      const open = await count(`
      SELECT (SELECT count(*) FROM drift_pages WHERE region = '${region.name}'
                AND (due OR checked_at IS NULL OR checked_at < told_at))
           + (SELECT count(*) FROM drift_reads WHERE region = '${region.name}')
           + (SELECT count(*) FROM orbital_tasks WHERE target = '${region.name}'
                AND state IN ('pending', 'processing')
                AND coalesce(error->>'code', '') <> 'TENANT_UNKNOWN') AS n`);
      return open === 0 && true;
    });

  const everything = (region: TestRegion): string =>
    JSON.stringify(manifestClasses.map((of) => region.holds(of)));

  /** Tells all that the region holds, and waits until that has led to whatever it leads to. */
  async function tell(region = north): Promise<void> {
    // What waits to be compared keeps its place, and with it the time at which it was told.
    await until('nothing waits', async () => {
      const waiting = `region = '${region.name}' AND (checked_at IS NULL OR checked_at < told_at)`;
      return (await count(`SELECT count(*) AS n FROM drift_pages WHERE ${waiting}`)) === 0;
    });
    const [{ now } = {}] = await world.query('SELECT now()::text AS now');
    await region.tellManifest();
    await until('it is told', async () => {
      const told = `FROM drift_pages WHERE region = '${region.name}' AND told_at >= '${String(now)}'`;
      return (await count(`SELECT count(*) AS n ${told}`)) === CLASSES;
    });
    await looked(region);
  }

  /** Until what the region holds is the same for two rounds, between which whatever is found was tried once more. */
  async function settle(region = north): Promise<void> {
    const found = `SELECT count(*) AS n FROM drift_findings WHERE region = '${region.name}'`;
    for (let before = '', same = 0; same < 2; ) {
      before = everything(region);
      await tell(region);
      if ((await count(found)) > 0) await sleep(RETRY_MS + CHECK_EVERY_MS);
      same = everything(region) === before ? same + 1 : 0;
    }
  }

  async function drift(query = ''): Promise<DriftView[]> {
    return (await world.must(200, 'GET', `/v1/drift?region=north${query}`)).items;
  }
  const kinds = async (): Promise<string[]> => (await drift()).map(({ finding }) => finding).sort();
  const applied = (kind: string): number => north.applied.filter((each) => each === kind).length;

  async function chainsWith(action: string, subject: string): Promise<unknown[]> {
    const rows = await world.query(
      'SELECT tenant FROM audit_events WHERE action = $1 AND subject = $2 ORDER BY tenant',
      [action, subject],
    );
    return rows.map(({ tenant }) => tenant);
  }

  async function application(tenant: string, name: string): Promise<string> {
    await world.must(202, 'POST', `/v1/tenants/${tenant}/applications`, {
      name,
      services: ['payments'],
      certificate: await certificateOf(name),
    });
    const path = `/v1/tenants/${tenant}/applications/${name}`;
    return await until(`${name} is active`, async () => {
      const { state, fingerprint } = await world.must(200, 'GET', path);
      return state === 'active' && String(fingerprint);
    });
  }

  async function onboarded(tenant: string): Promise<string> {
    await world.onboard(tenant);
    await world.must(202, 'POST', `/v1/tenants/${tenant}/services`, { name: 'payments' });
    return await application(tenant, `${tenant}-shop`);
  }

  async function linked(tenant: string): Promise<string> {
    const fingerprint = await onboarded(tenant);
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
    await world.linked(tenant, 'active');
    return fingerprint;
  }

  function held(tenant: string): Held {
    const found = north.tenants.get(tenant);
    assert.ok(found, tenant);
    return found;
  }

  return {
    world,
    north,
    south,
    count,
    looked,
    everything,
    tell,
    settle,
    drift,
    kinds,
    applied,
    chainsWith,
    application,
    onboarded,
    linked,
    held,
  };
}
