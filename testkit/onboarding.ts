/** Tenants of one's own in a whole installation: linked to a key, with services, and an application for each of those. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CmkClient } from '../cli/cmk/client.ts';
import { waitForLink, waitForRegions } from '../cli/cmk/progress.ts';
import type { NamedView, TenantView } from '../cli/cmk/views.ts';
import { homePaths } from '../cli/home/paths.ts';
import { type CertificateFiles, issueApplicationCertificate } from '../cli/installation/authorities.ts';
import { KEYSTORE } from '../cli/job/names.ts';
import { temporaryDirectory } from './directories.ts';
import type { System } from './system.ts';

const quietly = (): void => undefined;

export interface OnboardedService {
  readonly tenant: string;
  readonly service: string;
  /** The certificate of its application, which has the service's name. */
  readonly files: CertificateFiles;
}

/** Resolves when both regions know everything; a gateway may hear of the applications a moment later. */
export async function onboardTenant(
  system: Pick<System, 'home'>,
  cmk: CmkClient,
  tenant: string,
  services: number,
): Promise<OnboardedService[]> {
  const path = `/v1/tenants/${tenant}`;
  await cmk.post('/v1/tenants', { id: tenant });
  await waitForRegions(tenant, () => cmk.get<TenantView>(path), quietly);
  const key = `${tenant}-l1`;
  await cmk.post(`${path}/keys`, { keystore: KEYSTORE, create: true, alias: key });
  await cmk.post(`${path}/link`, { key });
  await waitForLink(cmk, tenant, quietly);
  return await Promise.all(
    Array.from({ length: services }, async (_, index) => {
      const service = `service-${index + 1}`;
      await cmk.post(`${path}/services`, { name: service });
      await waitForNamed(cmk, tenant, 'services', service);
      return { tenant, service, files: await register(system, cmk, tenant, service) };
    }),
  );
}

/** An application for the service, of the same name. */
async function register(
  system: Pick<System, 'home'>,
  cmk: CmkClient,
  tenant: string,
  service: string,
): Promise<CertificateFiles> {
  const directory = join(temporaryDirectory('onboarded'), tenant, service);
  const files = await issueApplicationCertificate(homePaths(system.home), directory, {
    tenant,
    name: service,
  });
  await cmk.post(`/v1/tenants/${tenant}/applications`, {
    name: service,
    services: [service],
    certificate: await readFile(files.cert, 'utf8'),
  });
  await waitForNamed(cmk, tenant, 'applications', service);
  return files;
}

async function waitForNamed(
  cmk: CmkClient,
  tenant: string,
  kind: 'services' | 'applications',
  name: string,
): Promise<void> {
  await waitForRegions(name, () => cmk.named<NamedView>(tenant, kind, name), quietly);
}
