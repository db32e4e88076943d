/** A full run: governance asks for everything that it can ask of a region, and waits until it is so. */
import { type CmkClient, waitUntil } from '../../cli/cmk/client.ts';
import { waitForLink } from '../../cli/cmk/progress.ts';
import type { DrillView, InventoryView, SimulationView } from '../../cli/cmk/views.ts';
import { homePaths } from '../../cli/home/paths.ts';
import { authority } from '../../cli/installation/authorities.ts';
import { REGIONS } from '../../cli/installation/names.ts';
import { issue } from '../../platform/pki.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { regionDatabase } from '../support/databases.ts';
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
    ['keys that sign', signingKeys],
    ['a page of a manifest that differs', manifests],
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

async function applications(subject: Subject): Promise<void> {
  await register(subject, 'leaver');
  const gone = await subject.cmk.delete(`/v1/tenants/${subject.tenant}/applications/leaver`);
  await allDone(subject.cmk, jobsIn(gone));
}

async function register({ home, cmk, tenant, service }: Subject, name: string): Promise<void> {
  const ca = await authority(homePaths(home), 'application-ca');
  const uris = [`spiffe://openkcm.dev/tenant/${tenant}/application/${name}`];
  const { certificatePem: certificate } = await issue({
    ca,
    commonName: name,
    uris,
    usages: ['client'],
    days: CERTIFICATE_DAYS,
  });
  const path = `/v1/tenants/${tenant}/applications`;
  await ordered(cmk, 'POST', path, { name, services: [service], certificate });
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

/** Governance's, and one of a region: made known, taken over. None is retired, which would refuse what is under way. */
async function signingKeys({ cmk }: Subject): Promise<void> {
  const keyId = 'governance-2';
  await cmk.post('/v1/signing-keys', { keyId });
  await comesToSign(cmk, '/v1/signing-keys', keyId);
  for (const region of REGIONS) {
    const own = `${region}-2`;
    await cmk.post(`/v1/regions/${region}/keys`, { keyId: own });
    await comesToSign(cmk, `/v1/regions/${region}/keys`, own);
  }
}

interface SigningKeys {
  readonly items: readonly { readonly keyId: string; readonly state: string }[];
}

async function comesToSign(cmk: CmkClient, path: string, keyId: string): Promise<void> {
  await waitUntil(`${keyId} signs`, WAIT_MS, async () => {
    const { items } = await cmk.get<SigningKeys>(path);
    return items.some((key) => key.keyId === keyId && key.state === 'active') ? true : undefined;
  });
}

/** A region loses an application, as by a careless hand: governance sees it in the manifest, reads the page and mends it. */
async function manifests(subject: Subject): Promise<void> {
  const { home, cmk, tenant } = subject;
  const [region] = REGIONS;
  const name = 'forgotten';
  await register(subject, name);
  await withClient({ url: await regionDatabase(home, region) }, async (database) => {
    const known = async (): Promise<boolean> =>
      (await database.query('select from core.identities where name = $1', [name])).rows.length > 0;
    if (!(await known())) throw new Error(`${region} does not know the application of ${tenant}`);
    await database.query('delete from core.identities where name = $1', [name]);
    await waitUntil('the application is back', WAIT_MS, async () => (await known()) || undefined);
  });
  const reads = await cmk.list<{ readonly id: string }>('/v1/jobs?kind=MANIFEST_READ');
  await allDone(
    cmk,
    reads.map(({ id }) => id),
  );
}

async function drillComesTo(
  cmk: CmkClient,
  path: string,
  holds: (drill: DrillView) => boolean,
): Promise<void> {
  await waitUntil('a drill', WAIT_MS, async () => (holds(await cmk.get<DrillView>(path)) ? true : undefined));
}
