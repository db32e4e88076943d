/** `okcm status`: what runs, what is sealed, how far the regions are, from CMK's overview and every health address. */
import type { Command } from 'commander';
import { CmkClient } from '../cmk/client.ts';
import { describeProgress } from '../cmk/progress.ts';
import type { LinksView } from '../cmk/views.ts';
import { contextOf } from '../context.ts';
import { describeError } from '../errors.ts';
import { type Endpoints, readEndpoints } from '../home/endpoints.ts';
import { type Cell, colors, table } from '../output.ts';
import { describeTrouble, type KeyTroubleView } from './key-text.ts';

const HEALTH_TIMEOUT_MS = 2_000;

/** GET /v1/status, as far as it is shown. */
interface Overview {
  readonly broker: { readonly healthy: boolean };
  readonly regions: readonly {
    readonly name: string;
    readonly stale: boolean;
    readonly reportedAt: string | null;
    readonly pendingTasks: number;
    readonly lagMs: number;
  }[];
  readonly tenants: number;
  readonly links: { readonly tenants: readonly (LinksView & { readonly tenant: string })[] };
  readonly jobs: { readonly pending: number; readonly failed: number; readonly oldestPendingMs: number };
  /** L1 keys that cannot be used, or of which nothing clear is heard. */
  readonly keys: readonly KeyTroubleView[];
}

/** What a component may say of itself; which fields there are depends on the component. */
interface HealthBody {
  readonly status?: unknown;
  readonly seal?: unknown;
  readonly core?: unknown;
  readonly head?: unknown;
  readonly appliedHead?: unknown;
  readonly leases?: unknown;
  readonly backlog?: unknown;
  readonly cipher?: unknown;
  readonly workers?: unknown;
  readonly hotPath?: unknown;
}

interface ComponentStatus {
  readonly name: string;
  readonly pid: number | null;
  readonly state: string;
  /** Null for what has no health address; `reachable` false for what does not answer there. */
  readonly health: { readonly reachable: boolean; readonly body: HealthBody } | null;
}

export function registerStatusCommand(program: Command): void {
  program
    .command('status')
    .description('planes, regions, seals, leases, lag')
    .action(async (_options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const { endpoints } = await readEndpoints(home);
      const cmk = await CmkClient.ofHome(home);
      const [overview, components] = await Promise.all([
        cmk.get<Overview>('/v1/status').catch((error: unknown) => ({ error: describeError(error).message })),
        Promise.all(endpoints.processes.map(componentStatus)),
      ]);
      output.result({ components, cmk: overview }, () => describe(endpoints, components, overview));
    });
}

async function componentStatus(component: Endpoints['processes'][number]): Promise<ComponentStatus> {
  const { name, pid, state, health } = component;
  return { name, pid, state, health: health === null ? null : await readHealth(health) };
}

async function readHealth(url: string): Promise<NonNullable<ComponentStatus['health']>> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
    const body: unknown = await response.json();
    return { reachable: true, body: typeof body === 'object' && body !== null ? { ...body } : {} };
  } catch {
    return { reachable: false, body: {} };
  }
}

function describe(
  endpoints: Endpoints,
  components: readonly ComponentStatus[],
  overview: Overview | { readonly error: string },
): string {
  const bodyOf = (name: string): HealthBody =>
    components.find((item) => item.name === name)?.health?.body ?? {};
  const reported = 'error' in overview ? [] : overview.regions;
  return [
    colors.bold('Components'),
    table(
      ['component', 'state', 'pid', 'says'],
      components.map(({ name, state, pid, health }) => [
        name,
        state === 'up' && health?.reachable === false ? 'up, but silent' : state,
        pid,
        text(health?.body.status),
      ]),
    ),
    '',
    colors.bold('Regions'),
    table(
      ['region', 'seal', 'last report', 'tasks pending'],
      endpoints.regions.map(({ name }) => {
        const report = reported.find((region) => region.name === name);
        return [
          name,
          text(bodyOf(`${name}/core`).seal),
          report === undefined ? null : `${age(report.reportedAt)}${report.stale ? ', stale' : ''}`,
          report?.pendingTasks,
        ];
      }),
    ),
    '',
    colors.bold('Gateways'),
    table(
      ['region', 'address', 'workers', 'its core', 'leases', 'behind by', 'backlog', 'AES-GCM', 'hot path'],
      endpoints.regions.map(({ name, gateway }) => {
        const edge = bodyOf(`${name}/gateway`);
        return [
          name,
          `${gateway.host}:${gateway.port}`,
          workersOf(edge.workers),
          text(edge.core),
          typeof edge.leases === 'number' ? edge.leases : null,
          difference(edge.head, edge.appliedHead),
          text(edge.backlog),
          text(edge.cipher),
          text(edge.hotPath),
        ];
      }),
    ),
    ...endpoints.regions
      .filter(({ name }) => bodyOf(`${name}/gateway`).cipher === 'node')
      .map(({ name }) => `  ${name}: the gateway encrypts without its addon, slowly; npm run build:native`),
    '',
    colors.bold('Governance'),
    ...('error' in overview ? [`  ${overview.error}`] : governance(overview)),
  ].join('\n');
}

function governance({ broker, jobs, tenants, links, keys }: Overview): string[] {
  return [
    `  broker   ${broker.healthy ? 'connected' : 'away'}`,
    `  jobs     ${jobs.pending} pending, ${jobs.failed} failed`,
    `  tenants  ${tenants}`,
    ...links.tenants.map(
      ({ tenant, state, regions }) => `  link     ${tenant} ${state}: ${describeProgress(regions)}`,
    ),
    ...keys.flatMap((key) =>
      describeTrouble(key).map((line, at) => `${at === 0 ? '  L1 key   ' : '           '}${line}`),
    ),
  ];
}

/** A gateway of one process says nothing of workers. */
function workersOf(workers: unknown): Cell {
  if (typeof workers !== 'object' || workers === null) return 1;
  const { serving, configured } = workers as { serving?: unknown; configured?: unknown };
  return serving === configured ? text(serving) : `${text(serving)} of ${text(configured)}`;
}

function text(value: unknown): Cell {
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

function difference(head: unknown, applied: unknown): Cell {
  return typeof head === 'number' && typeof applied === 'number' ? head - applied : null;
}

function age(instant: string | null): string {
  if (instant === null) return 'none yet';
  return `${Math.max(0, Math.round((Date.now() - Date.parse(instant)) / 1000))} s ago`;
}
