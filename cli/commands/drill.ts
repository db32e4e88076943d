/** `okcm drill …`: cut off what is designated for tests, see how long until the last refusal, and how long until it is back. */
import { type Command, InvalidArgumentError } from 'commander';
import { CmkClient, waitUntil } from '../cmk/client.ts';
import { tenantPath } from '../cmk/orders.ts';
import type { DrillTargetView, DrillView } from '../cmk/views.ts';
import { contextOf, demandYes } from '../context.ts';
import { type Output, table } from '../output.ts';
import { collect } from './keys-text.ts';

const MAX_MINUTES = 240;
/** Beyond its time: regions end a drill by themselves half a minute later, and may be waited for as long again. */
const WAIT_BEYOND_MS = 120_000;

interface TargetOptions {
  readonly service?: string;
}
interface StartOptions extends TargetOptions {
  /** In seconds. */
  readonly minutes: number;
  readonly region?: readonly string[];
  readonly yes?: boolean;
  readonly wait: boolean;
}

const nameOf = (tenant: string, service: string | null | undefined): string =>
  service === null || service === undefined ? tenant : `${tenant}/${service}`;

export function registerDrillCommands(program: Command): void {
  const drill = program
    .command('drill')
    .description('cut a tenant or service that is designated for tests off for a while, and measure it');
  registerTargets(drill);
  drill
    .command('start <tenant>')
    .description('cut it off in every region; it comes back by itself, whatever happens to governance')
    .option('--service <name>', 'this service alone; without it the whole tenant')
    .requiredOption('--minutes <n>', `for how long, ${MAX_MINUTES} at most; parts of a minute count`, minutes)
    .option('--region <name>', 'only there; may be repeated', collect)
    .option('--yes', 'do it: applications are refused until the drill ends')
    .option('--no-wait', 'do not wait until it is over')
    .action(async (tenant: string, options: StartOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const { service, minutes: seconds, region: regions } = options;
      const name = nameOf(tenant, service);
      demandYes(options.yes, `a drill has ${name} refused everything for ${seconds} s`);
      const cmk = await CmkClient.ofHome(home);
      const started = await cmk.post<DrillView>(`${tenantPath(tenant)}/drills`, {
        ...(service === undefined ? {} : { service }),
        seconds,
        confirm: name,
        ...(regions === undefined ? {} : { regions }),
      });
      const view = options.wait ? await follow(cmk, output, started) : started;
      output.result(view, () => describeDrill(view));
    });
  drill
    .command('stop <tenant> <id>')
    .description('end a drill before its time')
    .action(async (tenant: string, id: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const stopped = await cmk.post<DrillView>(`${drillPath(tenant, id)}/stop`, undefined);
      const view = await follow(cmk, output, stopped);
      output.result(view, () => describeDrill(view));
    });
  drill
    .command('status <tenant> [id]')
    .description('a drill and what was measured; without an id: the tenant’s drills')
    .action(async (tenant: string, id: string | undefined, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      if (id !== undefined) {
        const view = await cmk.get<DrillView>(drillPath(tenant, id));
        output.result(view, () => describeDrill(view));
        return;
      }
      const all = await cmk.list<DrillView>(`${tenantPath(tenant)}/drills`);
      output.result(all, () =>
        table(
          ['drill', 'of', 'state', 'started', 'last refusal', 'back'],
          all.map((each) => [
            each.id,
            nameOf(tenant, each.service),
            each.state,
            each.startedAt,
            milliseconds(each.timeToLastRefusalMs),
            milliseconds(each.timeBackMs),
          ]),
        ),
      );
    });
}

function registerTargets(drill: Command): void {
  drill
    .command('designate <tenant>')
    .description('make it a target of drills; only what no application uses, and was never linked, can be')
    .option('--service <name>', 'this service alone; without it the whole tenant')
    .action(async (tenant: string, { service }: TargetOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const target = await cmk.post<DrillTargetView>(
        `${tenantPath(tenant)}/drill-targets`,
        service === undefined ? {} : { service },
      );
      output.result(target, () => `${nameOf(tenant, service)} may be cut off by drills`);
    });
  drill
    .command('withdraw <tenant>')
    .description('no drill may cut it off any more')
    .option('--service <name>', 'this service alone; without it the whole tenant')
    .action(async (tenant: string, { service }: TargetOptions, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const query = service === undefined ? '' : `?service=${encodeURIComponent(service)}`;
      const left = await cmk.delete<{ items: DrillTargetView[] }>(
        `${tenantPath(tenant)}/drill-targets${query}`,
      );
      output.result(left.items, () => `${nameOf(tenant, service)} is no target of drills`);
    });
  drill
    .command('targets <tenant>')
    .description('what may be cut off')
    .action(async (tenant: string, _options: unknown, command: Command) => {
      const { home, output } = contextOf(command);
      const cmk = await CmkClient.ofHome(home);
      const { items } = await cmk.get<{ items: DrillTargetView[] }>(`${tenantPath(tenant)}/drill-targets`);
      output.result(items, () =>
        table(
          ['target', 'designated by', 'at'],
          items.map((each) => [nameOf(tenant, each.service), each.designatedBy, each.designatedAt]),
        ),
      );
    });
}

const drillPath = (tenant: string, id: string): string =>
  `${tenantPath(tenant)}/drills/${encodeURIComponent(id)}`;

/** Until it has ended. Errors: TIMED_OUT; the regions end it all the same. */
async function follow(cmk: CmkClient, output: Output, drill: DrillView): Promise<DrillView> {
  const { tenant, id, service, restoreAt } = drill;
  let view = drill;
  await output.steps([
    {
      title: `drill of ${nameOf(tenant, service)}`,
      run: async (tell) => {
        const waitMs = Math.max(0, Date.parse(restoreAt) - Date.now()) + WAIT_BEYOND_MS;
        await waitUntil('the end of the drill', waitMs, async () => {
          view = await cmk.get<DrillView>(drillPath(tenant, id));
          tell(view.regions.map(({ region, state }) => `${region} ${state}`).join(', '));
          return view.state === 'ended' ? view : undefined;
        });
        return view.state;
      },
    },
  ]);
  return view;
}

const milliseconds = (time: number | null): string => (time === null ? '–' : `${time} ms`);

export function describeDrill(drill: DrillView): string {
  const { id, tenant, service, state, restoreAt, timeToLastRefusalMs, timeBackMs, regions } = drill;
  return [
    `drill ${id} of ${nameOf(tenant, service)}: ${state}${state === 'running' ? ` until ${restoreAt}` : ''}`,
    `time to last refusal ${milliseconds(timeToLastRefusalMs)}, time back ${milliseconds(timeBackMs)}`,
    table(
      ['region', 'state', 'last refusal', 'gateways told', 'not told', 'back', 'error'],
      regions.map((each) => [
        each.region,
        each.state,
        each.refusedBy === null ? milliseconds(each.refusedWithinMs) : `by ${each.refusedBy}`,
        each.cut?.gatewaysTold,
        each.cut === null || each.cut.untold.length === 0 ? null : each.cut.untold.join(', '),
        milliseconds(each.backWithinMs),
        each.cutError ?? each.restoreError,
      ]),
    ),
  ].join('\n');
}

/** In whole seconds. */
function minutes(value: string): number {
  const seconds = Math.round(Number(value) * 60);
  if (!/^\d{1,3}(\.\d{1,3})?$/.test(value) || seconds < 1 || seconds > MAX_MINUTES * 60)
    throw new InvalidArgumentError(`more than none, and ${MAX_MINUTES} at most.`);
  return seconds;
}
