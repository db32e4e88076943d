/**
 * Planes that are apart, from their first start to the reckoning: attempts to reach one from the other; everything that governance
 * can ask for; the broker away for as long as one likes, under traffic and with orders waiting; and what crossed the broker.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobView } from '../../cli/cmk/views.ts';
import { gatewayOf, LOOPBACK, REGIONS } from '../../cli/installation/names.ts';
import { portOf } from '../../cli/installation/ports.ts';
import { Application } from '../../cli/kmip/application.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { type OnboardedService, onboardTenant } from '../../testkit/onboarding.ts';
import { eventually } from '../../testkit/system.ts';
import { allDone, jobsIn } from '../support/jobs.ts';
import { type CaptureReport, failuresIn, judgeCapture, type RegionGoods, takeGoods } from './captured.ts';
import { fullRun } from './full-run.ts';
import { type Apart, hostOf, startApart } from './installation.ts';
import { type ApartPlan, GOVERNANCE } from './plan.ts';
import { type PhaseResult, Traffic } from './traffic.ts';
import { astray, type Try, tryEverything } from './tries.ts';

/** Goes through everything, and its application works all the while. */
const TENANT = 'acme';
/** Is unlinked while the broker is away. */
const LEAVING = 'rival';
const SECOND_MS = 1_000;
const SERVED_TIMEOUT_MS = 20_000;
/** What was sent last waits up to a minute to be sent again. */
const CONVERGED_TIMEOUT_MS = 180_000;
/** Traffic before the broker goes, and after everything has come back. */
const CALM_MS = 1_000;
const TELL_EVERY_MS = 1_000;

export interface ApartReport {
  readonly plan: ApartPlan;
  readonly tries: readonly Try[];
  /** What the broker's host forwards from line to line: `0` is nothing. */
  readonly forwarding: string;
  readonly traffic: readonly PhaseResult[];
  readonly wrongPlaintexts: number;
  /** Orders that were taken while the broker was away, and how many of their jobs were then seen to wait. */
  readonly ordered: number;
  readonly waited: number;
  /** From the return of the broker until all of them were done. */
  readonly convergedMs: number;
  readonly capture: CaptureReport;
}

export async function apart(plan: ApartPlan, tell: Tell): Promise<ApartReport> {
  const world = await startApart(plan, tell);
  try {
    return await story(world, plan, tell);
  } finally {
    await world.close();
  }
}

async function story(world: Apart, plan: ApartPlan, tell: Tell): Promise<ApartReport> {
  tell('trying to reach one plane from another');
  const tries = await tryEverything(world);
  const forwarding = plan.fence === 'namespaces' ? await world.broker.call('forwarding', null) : '0';

  tell(`onboarding ${TENANT} and ${LEAVING}`);
  const { services, prepared } = await onboardHeld(world, TENANT);
  const [leaving] = await onboardTenant(world, world.cmk, LEAVING, 1);
  const [service] = services;
  if (service === undefined || leaving === undefined) throw new Error('a tenant has no service');
  await fullRun(
    { home: world.home, cmk: world.cmk, tenant: TENANT, service: service.service, key: `${TENANT}-l1` },
    tell,
  );

  const traffic = new Traffic(plan.paceMs);
  const sample = await materialOf(world, service);
  for (const region of REGIONS)
    for (let seat = 0; seat < plan.seats; seat++) await traffic.seat(accessTo(world, region, service));
  const outage = await brokerAway(world, plan, { traffic, leaving }, tell);
  await traffic.stop();

  tell('searching what crossed the broker');
  const planted = { name: 'planted', bytes: randomBytes(32) };
  const { brokerAddress: host } = lineOf(world);
  const text = `${JSON.stringify({ planted: planted.bytes.toString('base64url') })}\r\n`;
  await hostOf(world, GOVERNANCE).call('say', { host, port: world.brokerPort, text });
  const capture = await judgeCapture(world, prepared, sample, planted);
  const { results, wrongPlaintexts } = traffic;
  return { plan, tries, forwarding, traffic: results, wrongPlaintexts, ...outage, capture };
}

/** Onboards a tenant, and takes what each region holds while it waits for the LINK that is made for it. */
async function onboardHeld(
  world: Apart,
  tenant: string,
): Promise<{ services: readonly OnboardedService[]; prepared: RegionGoods }> {
  const holding = world.broker.call('hold', { kind: 'LINK', tenant, planes: REGIONS.length });
  const taking = async (): Promise<RegionGoods> => {
    await holding;
    try {
      return await takeGoods(world);
    } finally {
      await world.broker.call('release', null);
    }
  };
  const [services, prepared] = await Promise.all([onboardTenant(world, world.cmk, tenant, 1), taking()]);
  return { services, prepared };
}

/** What happens while the broker is away, and until everything is as it was ordered. */
async function brokerAway(
  world: Apart,
  { awaySeconds }: ApartPlan,
  { traffic, leaving }: { readonly traffic: Traffic; readonly leaving: OnboardedService },
  tell: Tell,
): Promise<Pick<ApartReport, 'ordered' | 'waited' | 'convergedMs'>> {
  await delay(CALM_MS);
  const guests = await Promise.all(
    REGIONS.map((region) => Application.open(accessTo(world, region, leaving))),
  );
  try {
    for (const guest of guests) await servedSoon(guest);
    tell('taking the broker away');
    traffic.phase = 'broker away';
    await world.broker.call('down', null);
    const awayAt = performance.now();
    const jobs = await orderMeanwhile(world);
    while (performance.now() - awayAt < awaySeconds * SECOND_MS) {
      tell(
        `the broker is away: ${jobs.length} jobs wait, ${traffic.served} operations served, ${Math.round((performance.now() - awayAt) / SECOND_MS)} s`,
      );
      await delay(Math.min(TELL_EVERY_MS, awaySeconds * SECOND_MS));
    }
    const states = await Promise.all(jobs.map((id) => world.cmk.get<JobView>(`/v1/jobs/${id}`)));
    const waited = states.filter(({ state }) => state === 'pending').length;
    // Nobody has told the regions: what was closed by governance is served still.
    for (const guest of guests) await guest.create({ active: true });
    traffic.phase = 'broker back';
    await world.broker.call('up', null);
    const backAt = performance.now();
    tell('the broker is back');
    await allDone(world.cmk, jobs, CONVERGED_TIMEOUT_MS);
    const convergedMs = performance.now() - backAt;
    for (const guest of guests)
      await eventually(`${leaving.tenant} is refused`, SERVED_TIMEOUT_MS, () => isRefused(guest));
    await delay(CALM_MS);
    return { ordered: jobs.length, waited, convergedMs };
  } finally {
    for (const guest of guests) guest.close();
  }
}

/** One order of each sort: something new, something changed, something taken away. */
async function orderMeanwhile({ cmk }: Apart): Promise<readonly string[]> {
  const path = `/v1/tenants/${TENANT}`;
  const answers = [
    await cmk.post('/v1/tenants', { id: 'newcomer' }),
    await cmk.post(`${path}/services`, { name: 'meanwhile' }),
    await cmk.post(`${path}/rotations`, { service: 'service-1' }),
    await cmk.post(`${path}/rotations`, {}),
    await cmk.post(`/v1/tenants/${LEAVING}/unlink`, { reason: 'it leaves' }),
  ];
  return answers.flatMap(jobsIn);
}

const lineOf = ({ lines }: Apart) => {
  const line = lines.find(({ plane }) => plane === GOVERNANCE);
  if (line === undefined) throw new Error('governance has no line to the broker');
  return line;
};

const accessTo = ({ ports }: Apart, region: string, { files }: OnboardedService) => ({
  host: LOOPBACK,
  port: portOf(ports, gatewayOf(region)),
  ...files,
});

/** L4 keys of the service, one in each region, in plain: to be searched for. */
async function materialOf(world: Apart, service: OnboardedService) {
  const found: { name: string; bytes: Buffer }[] = [];
  for (const region of REGIONS) {
    const application = await Application.open(accessTo(world, region, service));
    try {
      const uid = await servedSoon(application);
      found.push({ name: `L4 in ${region}`, bytes: Buffer.from((await application.get(uid)).material) });
    } finally {
      application.close();
    }
  }
  return found;
}

/** A new key, as soon as the gateway has heard of the application and its link. */
async function servedSoon(application: Application): Promise<string> {
  let uid = '';
  await eventually('the application is served', SERVED_TIMEOUT_MS, async () => {
    uid = await application.create({ active: true }).catch(() => '');
    return uid !== '';
  });
  return uid;
}

function isRefused(application: Application): Promise<boolean> {
  return application.create({ active: true }).then(
    () => false,
    () => true,
  );
}

/** Every reason why this has failed. */
export function failuresOf(report: ApartReport): string[] {
  const { tries, forwarding, traffic, wrongPlaintexts, ordered, waited, capture } = report;
  const failures = astray(tries);
  if (forwarding !== '0') failures.push('the broker’s host forwards from plane to plane');
  for (const { phase, served, refused } of traffic) {
    if (served === 0) failures.push(`${phase}: nothing was served`);
    for (const [reason, count] of refused) failures.push(`${phase}: ${count} refused: ${reason}`);
  }
  if (wrongPlaintexts > 0) failures.push(`${wrongPlaintexts} wrong plaintexts`);
  if (ordered === 0 || waited < ordered) failures.push(`${waited} of ${ordered} jobs waited for the broker`);
  return [...failures, ...failuresIn(capture)];
}
