/** Waiting for the regions: governance answers at once, and what it was asked becomes true region by region. */
import { CliError } from '../errors.ts';
import type { Output } from '../output.ts';
import { type CmkClient, waitUntil } from './client.ts';
import type { LinksView, RegionJob, RegionProgress } from './views.ts';

export const WAIT_MS = 60_000;

export const describeProgress = (regions: readonly RegionProgress[]): string =>
  regions.map(({ region, state, error }) => `${region} ${state}${error ? ` (${error})` : ''}`).join(', ');

/** Until every region says `active`. Errors: JOB_FAILED, TIMED_OUT. */
export async function waitForRegions<T extends { readonly regions: readonly RegionProgress[] }>(
  what: string,
  look: () => Promise<T>,
  tell: (text: string) => void,
): Promise<T> {
  return await waitUntil(`${what} in every region`, WAIT_MS, async () => {
    const view = await look();
    tell(`${what}: ${describeProgress(view.regions)}`);
    const failed = view.regions.filter((region) => region.state === 'failed');
    if (failed.length > 0) throw new CliError('JOB_FAILED', `${what} failed: ${describeProgress(failed)}`);
    return view.regions.length > 0 && view.regions.every((region) => region.state === 'active')
      ? view
      : undefined;
  });
}

/** For commands: waits and shows it, or (with `--no-wait`) looks once. */
export async function follow<T extends { readonly regions: readonly RegionProgress[] }>(
  output: Output,
  wait: boolean,
  what: string,
  look: () => Promise<T>,
): Promise<T> {
  if (!wait) return await look();
  let view: T | undefined;
  await output.steps([
    {
      title: what,
      run: async (tell) => {
        view = await waitForRegions(what, look, tell);
        return 'active';
      },
    },
  ]);
  return view ?? (await look());
}

/** Until `look` finds nothing any more: every region has done it. Errors: TIMED_OUT, naming the regions that have not. */
export async function followRemoval<T extends { readonly regions: readonly RegionProgress[] }>(
  output: Output,
  wait: boolean,
  what: string,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  let left = await look();
  if (!wait || left === undefined) return left;
  await output.steps([
    {
      title: what,
      run: async (tell) => {
        try {
          await waitUntil(what, WAIT_MS, async () => {
            left = await look();
            if (left === undefined) return true;
            tell(`${what}: ${describeProgress(left.regions)}`);
            return undefined;
          });
        } catch (error) {
          if (!(error instanceof CliError) || error.code !== 'TIMED_OUT' || left === undefined) throw error;
          throw new CliError('TIMED_OUT', `${error.message}: ${describeProgress(left.regions)}`, {
            hint: 'the regions go on with it; `okcm app list` shows how far they are',
          });
        }
        return 'done';
      },
    },
  ]);
  return left;
}

export interface LinkOutcome {
  readonly links: LinksView;
  /** The states that were seen on the way: `pending → active`. */
  readonly shown: string;
}

const settled = { link: 'active', unlink: 'closed' } as const;

/**
 * Until the tenant's link is active (or, for an unlink, closed) in every region. In the regions that were `asked`, a
 * rotation that failed counts, although the older epoch lives on. Errors: JOB_FAILED, TIMED_OUT.
 */
export async function waitForLink(
  cmk: CmkClient,
  tenant: string,
  tell: (text: string) => void,
  towards: keyof typeof settled = 'link',
  asked: readonly string[] = [],
): Promise<LinkOutcome> {
  const seen: string[] = [];
  const links = await waitUntil(`the ${towards} of ${tenant} in every region`, WAIT_MS, async () => {
    const view = await cmk.get<LinksView>(`/v1/tenants/${tenant}/links`);
    if (seen.at(-1) !== view.state) seen.push(view.state);
    const waiting = view.regions.map(
      ({ region, state, rotation, waitsFor = rotation?.waitsFor }) =>
        `${region} ${state}${waitsFor ? ` (waits for ${waitsFor})` : ''}`,
    );
    tell(`${view.state}: ${waiting.join(', ')}`);
    if (view.state === 'failed') {
      throw new CliError('JOB_FAILED', `the link of ${tenant} failed: ${describeProgress(view.regions)}`);
    }
    if (view.state !== settled[towards]) return undefined;
    const failed = view.regions.flatMap(({ region, rotation }) =>
      rotation && asked.includes(region) ? [{ region, ...rotation }] : [],
    );
    if (failed.length > 0)
      throw new CliError(
        'JOB_FAILED',
        `the link of ${tenant} goes on as it was, for the new one failed: ${describeProgress(failed)}`,
      );
    return view;
  });
  return { links, shown: seen.join(' → ') };
}

/** For commands: shows how the link gets to where it shall be, or (with `--no-wait`) looks once. */
export async function followLink(
  cmk: CmkClient,
  output: Output,
  options: {
    readonly tenant: string;
    readonly asked: readonly RegionJob[];
    readonly wait: boolean;
    readonly towards: keyof typeof settled;
    readonly title: string;
  },
): Promise<void> {
  const { tenant, towards } = options;
  const regions = options.asked.map(({ region }) => region);
  if (options.wait) {
    await output.steps([
      {
        title: options.title,
        run: async (tell) => (await waitForLink(cmk, tenant, tell, towards, regions)).shown,
      },
    ]);
  }
  const links = await cmk.get<LinksView>(`/v1/tenants/${encodeURIComponent(tenant)}/links`);
  output.result(links, () => `${tenant}: ${links.state}; ${describeProgress(links.regions)}`);
}
