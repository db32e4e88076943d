/** A whole installation with tenants, services and applications of its own, and a second core in one region. */
import { CmkClient } from '../../cli/cmk/client.ts';
import type { CertificateFiles } from '../../cli/installation/authorities.ts';
import { Application } from '../../cli/kmip/application.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { onboardTenant } from '../../testkit/onboarding.ts';
import { eventually, System } from '../../testkit/system.ts';
import { Desk } from './desk.ts';
import { REGION, type SoakPlan } from './plan.ts';
import { SecondCore } from './second-core.ts';

const KNOWN_TIMEOUT_MS = 10_000;

export interface SoakWorld {
  readonly system: System;
  readonly cmk: CmkClient;
  readonly second: SecondCore;
  readonly desks: readonly Desk[];
  /** The certificate of a desk's application. */
  filesOf(desk: Desk): CertificateFiles;
  close(): Promise<void>;
}

/** @param given a running installation, which runs on afterwards; one of its own when left out. */
export async function openWorld(plan: SoakPlan, tell: Tell, given?: System): Promise<SoakWorld> {
  tell('starting two regions');
  const system = given ?? (await System.start());
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
      if (given === undefined) await system.interrupt();
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
  const onboarded = await onboardTenant(system, cmk, tenant, plan.services);
  return await Promise.all(
    onboarded.map(async ({ service, files }) => {
      const connect = () => Application.open({ ...system.region(REGION).gateway, ...files });
      const desk = new Desk({ tenant, service }, plan.sample, connect);
      certificates.set(desk, files);
      await firstAnswer(desk);
      return desk;
    }),
  );
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
