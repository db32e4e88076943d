/**
 * The administrative half of the main job: regions, tenant, service, L1 link and application, all through CMK's REST
 * API. Every step may be repeated: what is there already is left as it is.
 */
import { readFile } from 'node:fs/promises';
import { type CmkClient, waitUntil } from '../cmk/client.ts';
import { waitForLink, waitForRegions } from '../cmk/progress.ts';
import type { ApplicationView, KeyView, LinksView, NamedView, TenantView } from '../cmk/views.ts';
import { knownApplications, rememberApplication } from '../home/applications.ts';
import {
  authority,
  certificateFiles,
  ensureApplicationCertificate,
  gatewayClientDirectory,
} from '../installation/authorities.ts';
import { healthUrl } from '../installation/components.ts';
import { GATEWAY_NAME, regionKeyId } from '../installation/configs.ts';
import { coreOf, gatewayOf, REGIONS } from '../installation/names.ts';
import { signingKeyFiles } from '../installation/signing-keys.ts';
import type { Launch } from './launch.ts';
import { APPLICATION, KEYSTORE, L1_ALIAS, SERVICE, TENANT } from './names.ts';

type Tell = (text: string) => void;
const GATEWAYS_DEADLINE_MS = 30_000;

/** CMK learns the regions' public keys and who may be a gateway; the regions learn whom to trust. */
export async function enrolRegions(
  launch: Pick<Launch, 'paths' | 'ports'>,
  cmk: CmkClient,
  tell: Tell,
): Promise<string> {
  const known = await cmk.list<{ name: string; gateways: readonly { name: string }[] }>('/v1/regions');
  for (const region of REGIONS) {
    const enrolled = known.find(({ name }) => name === region);
    if (enrolled?.gateways.some(({ name }) => name === GATEWAY_NAME) === true) continue;
    const keys = signingKeyFiles(launch.paths.component(coreOf(region)));
    const gateway = certificateFiles(gatewayClientDirectory(launch.paths, region));
    await cmk.ensure('/v1/regions', {
      name: region,
      keyId: regionKeyId(region),
      publicKey: await readFile(keys.publicKey, 'utf8'),
    });
    await cmk.ensure(`/v1/regions/${region}/gateways`, {
      name: GATEWAY_NAME,
      certificate: await readFile(gateway.cert, 'utf8'),
    });
    tell(`${region} enrolled`);
  }
  if ((await cmk.list('/v1/issuers')).length === 0) {
    const applications = await authority(launch.paths, 'application-ca');
    await cmk.ensure('/v1/issuers', { certificate: applications.certificatePem });
  }
  await waitUntil('the connection of every gateway to its core', GATEWAYS_DEADLINE_MS, async () => {
    const connected = await Promise.all(REGIONS.map((region) => gatewayIsConnected(launch, region)));
    tell(
      REGIONS.map(
        (region, index) => `${region} ${connected[index] ? 'connected' : 'waits for its core'}`,
      ).join(', '),
    );
    return connected.every(Boolean) ? true : undefined;
  });
  return REGIONS.join(', ');
}

/** True once the gateway's certificate has gone by job to its region, and the two have met. */
async function gatewayIsConnected(launch: Pick<Launch, 'ports'>, region: string): Promise<boolean> {
  return (await coreConnection(healthUrl(launch.ports, gatewayOf(region)))) === 'connected';
}

/** What the gateway says of its core. */
async function coreConnection(healthUrl: string): Promise<unknown> {
  try {
    const response = await fetch(healthUrl, { signal: AbortSignal.timeout(1_000) });
    const body: unknown = await response.json();
    return typeof body === 'object' && body !== null && 'core' in body ? body.core : undefined;
  } catch {
    return undefined;
  }
}

export async function onboardTenant(cmk: CmkClient, tell: Tell): Promise<string> {
  if ((await cmk.find<TenantView>(`/v1/tenants/${TENANT}`)) === undefined)
    await cmk.post('/v1/tenants', { id: TENANT });
  const tenant = await waitForRegions(
    `tenant ${TENANT}`,
    async () => await cmk.get<TenantView>(`/v1/tenants/${TENANT}`),
    tell,
  );
  const services = await cmk.list<NamedView>(`/v1/tenants/${TENANT}/services`);
  if (!services.some((service) => service.name === SERVICE)) {
    await cmk.ensure(`/v1/tenants/${TENANT}/services`, { name: SERVICE });
  }
  await waitForRegions(
    `service ${SERVICE}`,
    async () => {
      const all = await cmk.list<NamedView>(`/v1/tenants/${TENANT}/services`);
      return all.find((service) => service.name === SERVICE) ?? { regions: [] };
    },
    tell,
  );
  return `${TENANT}/${SERVICE}, policy ${tenant.policy.toUpperCase()}`;
}

/**
 * A software L1 for the tenant, and its link to every region: pending, then active. A tenant that somebody has unlinked
 * stays unlinked: starting the system again is no reason to open its keys.
 */
export async function linkL1(
  launch: Launch,
  cmk: CmkClient,
  tell: Tell,
): Promise<{ linked: boolean; shown: string }> {
  const { state } = await cmk.get<LinksView>(`/v1/tenants/${TENANT}/links`);
  if (state === 'closed' || state === 'closing') return { linked: false, shown: `${state}, and left so` };
  if (state === 'none') {
    await cmk.ensure('/v1/keystores', {
      name: KEYSTORE,
      kind: 'software',
      config: { path: launch.paths.keystore },
    });
    const keys = await cmk.list<KeyView>(`/v1/tenants/${TENANT}/keys`);
    if (!keys.some((key) => key.alias === L1_ALIAS)) {
      await cmk.post(`/v1/tenants/${TENANT}/keys`, { keystore: KEYSTORE, create: true, alias: L1_ALIAS });
    }
  }
  if (state === 'none' || state === 'failed') await cmk.post(`/v1/tenants/${TENANT}/link`, { key: L1_ALIAS });
  const { shown } = await waitForLink(cmk, TENANT, tell);
  return { linked: true, shown: `${L1_ALIAS} ${shown}` };
}

/** A certificate for the application, registered with CMK and known to every gateway's core. */
export async function registerApplication(launch: Launch, cmk: CmkClient, tell: Tell): Promise<string> {
  const known = await knownApplications(launch.paths);
  const spiffe = `${TENANT}/${APPLICATION}`;
  if (!known.some((application) => application.tenant === TENANT && application.name === APPLICATION)) {
    const directory = launch.paths.application(TENANT, APPLICATION);
    const files = await ensureApplicationCertificate(launch.paths, directory, {
      tenant: TENANT,
      name: APPLICATION,
    });
    await cmk.ensure(`/v1/tenants/${TENANT}/applications`, {
      name: APPLICATION,
      services: [SERVICE],
      certificate: await readFile(files.cert, 'utf8'),
    });
    await rememberApplication(launch.paths, {
      tenant: TENANT,
      name: APPLICATION,
      service: SERVICE,
      ...files,
    });
  }
  await waitForRegions(
    `application ${spiffe}`,
    async () => {
      const all = await cmk.list<ApplicationView>(`/v1/tenants/${TENANT}/applications`);
      return all.find((application) => application.name === APPLICATION) ?? { regions: [] };
    },
    tell,
  );
  return spiffe;
}
