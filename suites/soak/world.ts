/** A whole installation with tenants, services and applications of its own, and a second core in one region. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CmkClient } from '../../cli/cmk/client.ts';
import { waitForLink, waitForRegions } from '../../cli/cmk/progress.ts';
import type { NamedView, TenantView } from '../../cli/cmk/views.ts';
import { homePaths } from '../../cli/home/paths.ts';
import { type CertificateFiles, issueApplicationCertificate } from '../../cli/installation/authorities.ts';
import { KEYSTORE } from '../../cli/job/names.ts';
import { Application } from '../../cli/kmip/application.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { eventually, System } from '../../testkit/system.ts';
import { Desk } from './desk.ts';
import { REGION, type SoakPlan } from './plan.ts';
import { SecondCore } from './second-core.ts';

const KNOWN_TIMEOUT_MS = 10_000;
const quietly = (): void => undefined;

export interface SoakWorld {
  readonly system: System;
  readonly cmk: CmkClient;
  readonly second: SecondCore;
  readonly desks: readonly Desk[];
  /** The certificate of a desk's application. */
  filesOf(desk: Desk): CertificateFiles;
  close(): Promise<void>;
}

export async function openWorld(plan: SoakPlan, tell: Tell): Promise<SoakWorld> {
  tell('starting two regions');
  const system = await System.start();
  const cmk = new CmkClient(system.endpoints.cmk);
  tell('starting a second core');
  const second = await SecondCore.start(system);
  const certificates = new Map<Desk, CertificateFiles>();
  tell(`onboarding ${plan.tenants} tenants with ${plan.services} services each`);
  const desks = await Promise.all(
    Array.from({ length: plan.tenants }, (_, index) =>
      onboard(system, cmk, `soak-${index + 1}`, plan, certificates),
    ),
  );
  return {
    system,
    cmk,
    second,
    desks: desks.flat(),
    filesOf: (desk) => {
      const files = certificates.get(desk);
      if (files === undefined) throw new Error(`${desk.service} of ${desk.tenant} is not of this world`);
      return files;
    },
    async close() {
      await second.stop();
      await system.interrupt();
    },
  };
}

async function onboard(
  system: System,
  cmk: CmkClient,
  tenant: string,
  plan: SoakPlan,
  certificates: Map<Desk, CertificateFiles>,
): Promise<Desk[]> {
  const path = `/v1/tenants/${tenant}`;
  await cmk.post('/v1/tenants', { id: tenant });
  await waitForRegions(tenant, () => cmk.get<TenantView>(path), quietly);
  const key = `${tenant}-l1`;
  await cmk.post(`${path}/keys`, { keystore: KEYSTORE, create: true, alias: key });
  await cmk.post(`${path}/link`, { key });
  await waitForLink(cmk, tenant, quietly);
  return await Promise.all(
    Array.from({ length: plan.services }, async (_, index) => {
      const service = `service-${index + 1}`;
      await cmk.post(`${path}/services`, { name: service });
      await waitForNamed(cmk, tenant, 'services', service);
      const files = await register(system, cmk, tenant, service);
      const connect = () => Application.open({ ...system.region(REGION).gateway, ...files });
      const desk = new Desk({ tenant, service }, plan.sample, connect);
      certificates.set(desk, files);
      await firstAnswer(desk);
      return desk;
    }),
  );
}

/** An application for the service, of the same name. */
async function register(
  system: System,
  cmk: CmkClient,
  tenant: string,
  service: string,
): Promise<CertificateFiles> {
  const directory = join(temporaryDirectory('soak'), tenant, service);
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

/** The registration reaches the gateway by a push of its own. */
async function firstAnswer(desk: Desk): Promise<void> {
  await eventually(`${desk.service} of ${desk.tenant} is served`, KNOWN_TIMEOUT_MS, async () => {
    const application = await desk.connect();
    try {
      const uid = await application.create({ active: true });
      desk.made(uid);
      return true;
    } catch {
      return false;
    } finally {
      application.close();
    }
  });
}
