/** A full run: governance asks for everything that it can ask of a region, and waits until it is so. */
import { type CmkClient, waitUntil } from '../../cli/cmk/client.ts';
import { waitForLink } from '../../cli/cmk/progress.ts';
import type { DrillView, InventoryView, SimulationView } from '../../cli/cmk/views.ts';
import { homePaths } from '../../cli/home/paths.ts';
import { authority } from '../../cli/installation/authorities.ts';
import { issue } from '../../platform/pki.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { allDone, jobsIn } from '../support/jobs.ts';

const WAIT_MS = 60_000;
const CERTIFICATE_DAYS = 1;
const DRILL_SERVICE = 'drilled';
const DRILL_SECONDS = 60;
/** Lower than what regions do by themselves, and far away. */
const ROTATE_AFTER_S = 2_000_000;
const quietly = (): void => undefined;

/** The tenant is linked to `key`, and has the service. */
export interface Subject {
  readonly home: string;
  readonly cmk: CmkClient;
  readonly tenant: string;
  readonly service: string;
  readonly key: string;
}

export async function fullRun(subject: Subject, tell: Tell): Promise<void> {
  const steps: readonly (readonly [string, (subject: Subject) => Promise<void>])[] = [
    ['rotations, emergencies, policies', keys],
    ['a version destroyed', destruction],
    ['a link rotated, closed and opened again', links],
    ['an application that comes and goes', applications],
    ['a simulation and a drill', simulation],
  ];
  for (const [title, step] of steps) {
    tell(title);
    await step(subject);
  }
}

async function ordered(cmk: CmkClient, method: 'POST' | 'PUT', path: string, body: unknown): Promise<void> {
  await allDone(cmk, jobsIn(await cmk.request(method, path, body)));
}

async function keys({ cmk, tenant, service }: Subject): Promise<void> {
  const path = `/v1/tenants/${tenant}`;
  await ordered(cmk, 'POST', `${path}/rotations`, { service });
  await ordered(cmk, 'POST', `${path}/rotations`, {});
  await ordered(cmk, 'PUT', `${path}/rotation-policy`, { service, rotateAfterSeconds: ROTATE_AFTER_S });
  await ordered(cmk, 'POST', `${path}/compromises`, { service, reason: 'a full run' });
}

/** The oldest version of the service's key, as the regions' inventory counts what depends on it. */
async function destruction({ cmk, tenant, service }: Subject): Promise<void> {
  const path = `/v1/tenants/${tenant}`;
  await ordered(cmk, 'POST', `${path}/inventories`, {});
  for (const { region, inventory } of await cmk.list<InventoryView>(`${path}/inventory`)) {
    const l3 = inventory?.services.find((each) => each.service === service)?.l3;
    const oldest = l3?.versions.find(({ version }) => version === 1);
    if (oldest === undefined)
      throw new Error(`${region} does not know the first key of ${tenant}/${service}`);
    const { version, dependents } = oldest;
    const order = { region, service, version, dependents, reason: 'a full run' };
    await ordered(cmk, 'POST', `${path}/destructions`, order);
  }
}

async function links({ cmk, tenant, key }: Subject): Promise<void> {
  const path = `/v1/tenants/${tenant}`;
  await cmk.post(`${path}/link/rotate`, {});
  await waitForLink(cmk, tenant, quietly);
  await cmk.post(`${path}/unlink`, { reason: 'a full run' });
  await waitForLink(cmk, tenant, quietly, 'unlink');
  await cmk.post(`${path}/link`, { key });
  await waitForLink(cmk, tenant, quietly);
}

async function applications({ home, cmk, tenant, service }: Subject): Promise<void> {
  const name = 'leaver';
  const path = `/v1/tenants/${tenant}/applications`;
  const ca = await authority(homePaths(home), 'application-ca');
  const uris = [`spiffe://openkcm.dev/tenant/${tenant}/application/${name}`];
  const { certificatePem: certificate } = await issue({
    ca,
    commonName: name,
    uris,
    usages: ['client'],
    days: CERTIFICATE_DAYS,
  });
  await ordered(cmk, 'POST', path, { name, services: [service], certificate });
  await allDone(cmk, jobsIn(await cmk.delete(`${path}/${name}`)));
}

async function simulation({ cmk, tenant }: Subject): Promise<void> {
  const path = `/v1/tenants/${tenant}`;
  const asked = await cmk.post<SimulationView>(`${path}/simulations`, { action: 'unlink' });
  await waitUntil('the answer of a simulation', WAIT_MS, async () => {
    const { state } = await cmk.get<SimulationView>(`${path}/simulations/${asked.id}`);
    return state === 'complete' ? true : undefined;
  });
  await ordered(cmk, 'POST', `${path}/services`, { name: DRILL_SERVICE });
  await cmk.post(`${path}/drill-targets`, { service: DRILL_SERVICE });
  const drill = await cmk.post<DrillView>(`${path}/drills`, {
    service: DRILL_SERVICE,
    seconds: DRILL_SECONDS,
    confirm: `${tenant}/${DRILL_SERVICE}`,
  });
  const cutEverywhere = ({ regions }: DrillView): boolean => regions.every(({ cut }) => cut !== null);
  await drillComesTo(cmk, `${path}/drills/${drill.id}`, cutEverywhere);
  await cmk.post(`${path}/drills/${drill.id}/stop`, {});
  await drillComesTo(cmk, `${path}/drills/${drill.id}`, ({ state }) => state === 'ended');
}

async function drillComesTo(
  cmk: CmkClient,
  path: string,
  holds: (drill: DrillView) => boolean,
): Promise<void> {
  await waitUntil('a drill', WAIT_MS, async () => (holds(await cmk.get<DrillView>(path)) ? true : undefined));
}
