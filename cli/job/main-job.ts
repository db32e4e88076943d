/** The main job, step by step: from nothing to keys served in two regions, shown while it happens. */
import { CliError } from '../errors.ts';
import { knownApplications } from '../home/applications.ts';
import { healthUrl } from '../installation/components.ts';
import { gatewayOf, LOOPBACK, REGIONS } from '../installation/names.ts';
import { portOf } from '../installation/ports.ts';
import { Application } from '../kmip/application.ts';
import { GatewayWitness } from '../kmip/witness.ts';
import { colors, type Output, table } from '../output.ts';
import { enrolRegions, linkL1, onboardTenant, registerApplication } from './enrol.ts';
import { readKeepsakes, writeKeepsakes } from './keepsakes.ts';
import type { Launch } from './launch.ts';
import { APPLICATION, TENANT } from './names.ts';
import { runTour, type TourResult } from './tour.ts';

const UNLINKED = `\n${TENANT} is unlinked, so its keys cannot be used. Link it again: okcm link ${TENANT}`;

export interface MainJobReport {
  /** False where the tenant was unlinked by somebody: everything is up, and its keys stay closed. */
  readonly linked: boolean;
  /** For `--json`. */
  readonly data: unknown;
  readonly text: string;
}

/** Errors: whatever a step could not do; everything that was started is the caller's to stop. */
export async function runMainJob(launch: Launch, output: Output, startedAt: number): Promise<MainJobReport> {
  const cmk = launch.cmk();
  const tours = new Map<string, TourResult>();
  let readyMs = 0;
  let linked = true;
  await output.steps([
    {
      title: 'PostgreSQL servers',
      run: async () => {
        launch.preparePlanes();
        await launch.startDatabases();
        const { brokerUrl } = launch.installation.stored;
        return brokerUrl === undefined
          ? 'CMK, two regions, embedded broker'
          : 'CMK, two regions; the broker is yours';
      },
    },
    {
      title: 'CMK, two cores, two gateways',
      run: async (tell) => {
        await launch.startPlanes(tell);
        await launch.openControl();
        return 'MasterKeys under a DEVELOPMENT SEAL (a key file)';
      },
    },
    { title: 'Regions enrolled, gateways connected', run: (tell) => enrolRegions(launch, cmk, tell) },
    { title: 'Tenant and service', run: (tell) => onboardTenant(cmk, tell) },
    {
      title: 'L1 key linked to every region',
      run: async (tell) => {
        const link = await linkL1(launch, cmk, tell);
        linked = link.linked;
        return link.shown;
      },
    },
    {
      title: 'Application certificate',
      run: async (tell) => {
        const registered = await registerApplication(launch, cmk, tell);
        readyMs = Math.round(performance.now() - startedAt);
        return registered;
      },
    },
    ...REGIONS.map((region) => ({
      title: `KMIP 1.4 as ${TENANT}/${APPLICATION} in ${region}`,
      run: async (tell: (text: string) => void): Promise<string> => {
        if (!linked) return 'left out: the tenant is unlinked';
        const tour = await tourOf(launch, region, output.live ? tell : () => undefined);
        tours.set(region, tour);
        return `${tour.rows.length} operations`;
      },
    })),
  ]);
  await writeKeepsakes(
    launch.paths,
    Object.fromEntries([...tours].map(([region, tour]) => [region, tour.keepsake])),
  );
  // Only now: whoever waits for `ready` may take components away at once.
  await launch.markReady();
  const tookMs = Math.round(performance.now() - startedAt);
  return {
    data: {
      ready: true,
      linked,
      readyMs,
      tookMs,
      endpoints: launch.paths.endpoints,
      regions: Object.fromEntries([...tours].map(([region, tour]) => [region, tour.rows])),
    },
    linked,
    text: linked ? describe(tours, readyMs, tookMs) : UNLINKED,
  };
}

async function tourOf(launch: Launch, region: string, tell: (text: string) => void): Promise<TourResult> {
  const files = (await knownApplications(launch.paths)).find(
    (known) => known.tenant === TENANT && known.name === APPLICATION,
  );
  if (files === undefined) throw new CliError('MAIN_JOB_FAILED', 'the application has no certificate');
  const gateway = gatewayOf(region);
  const application = await Application.open({
    host: LOOPBACK,
    port: portOf(launch.ports, gateway),
    ...files,
  });
  try {
    return await runTour({
      application,
      witness: new GatewayWitness(healthUrl(launch.ports, gateway)),
      keepsake: (await readKeepsakes(launch.paths))[region],
      tell,
    });
  } finally {
    application.close();
  }
}

function describe(tours: ReadonlyMap<string, TourResult>, readyMs: number, tookMs: number): string {
  const [first, ...others] = [...tours];
  if (first === undefined) return '';
  const [region, { rows }] = first;
  const lines = [
    '',
    colors.bold(`What ${TENANT}/${APPLICATION} did in ${region}`),
    table(
      ['operation', 'ran in', 'ms', 'outcome'],
      rows.map((row) => [row.operation, row.place, row.tookMs.toFixed(1), row.outcome]),
    ),
  ];
  for (const [other, tour] of others) {
    const inGateway = tour.rows.filter((row) => row.place === 'gateway').length;
    const totalMs = tour.rows.reduce((sum, row) => sum + row.tookMs, 0);
    lines.push(
      '',
      `The same in ${other}: ${tour.rows.length} operations, ${inGateway} in the gateway, ` +
        `${tour.rows.length - inGateway} in the core, ${totalMs.toFixed(1)} ms in all.`,
    );
  }
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  lines.push('', `Up after ${seconds(readyMs)}; every operation worked, ${seconds(tookMs)} in all.`);
  return lines.join('\n');
}
