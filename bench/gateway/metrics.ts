/** What a gateway says of itself on its port for probes: its health, and its metrics as Prometheus reads them. */
import { setTimeout as sleep } from 'node:timers/promises';

/** A series' value by its name and labels, as they stand in the exposition. */
export type Metrics = ReadonlyMap<string, number>;

/** The answers that were counted as refused or failed since some earlier scrape. */
export const REFUSALS = 'okcm_gateway_refusals_total';
/** Every look costs the gateway some of the time that is being measured: soon at first, then seldom. */
const FIRST_LOOK_MS = 100;
const LOOK_EVERY_MS = 500;

export async function scrape(healthUrl: string): Promise<Metrics> {
  const answer = await fetch(new URL('/metrics', healthUrl));
  if (!answer.ok) throw new Error(`no metrics: ${answer.status}`);
  return parseMetrics(await answer.text());
}

export function parseMetrics(exposition: string): Metrics {
  const series = exposition.split('\n').flatMap((line): [string, number][] => {
    const space = line.lastIndexOf(' ');
    return line === '' || line.startsWith('#') ? [] : [[line.slice(0, space), Number(line.slice(space + 1))]];
  });
  return new Map(series);
}

/** The sum over the series of that name whose labels hold all of these (as `key="value"`). */
export function sumOf(metrics: Metrics, name: string, ...labels: readonly string[]): number {
  let sum = 0;
  for (const [series, value] of metrics) {
    const bare = series.split('{')[0];
    if (bare === name && labels.every((label) => series.includes(label))) sum += value;
  }
  return sum;
}

/** How many of a histogram's observations lie at or below each of its limits, and how many there are, between two scrapes. */
export function observedBetween(before: Metrics, after: Metrics, name: string) {
  const grown = (metric: string, ...labels: string[]): number =>
    sumOf(after, metric, ...labels) - sumOf(before, metric, ...labels);
  const limits = new Set<string>();
  for (const series of after.keys()) {
    if (series.split('{')[0] !== `${name}_bucket`) continue;
    const limit = /[{,]le="([^"]+)"/.exec(series)?.[1];
    if (limit !== undefined) limits.add(limit);
  }
  const count = grown(`${name}_count`);
  return {
    count,
    within: (limit: number) => withinOf([...limits], limit, (le) => grown(`${name}_bucket`, le)),
  };
}

function withinOf(limits: readonly string[], limit: number, grown: (le: string) => number): number {
  const found = limits.find((le) => Number(le) === limit);
  return found === undefined ? Number.NaN : grown(`le="${found}"`);
}

/** Keys and audit events that a gateway has still to hand to its core. */
export async function unsettled(healthUrl: string): Promise<number> {
  const status = (await (await fetch(healthUrl)).json()) as { backlog: number; auditBacklog: number };
  return status.backlog + status.auditBacklog;
}

/** Until it has handed over all of them, or time is up. Returns how many are left. */
export async function settle(healthUrl: string, withinMs: number): Promise<number> {
  const giveUpAt = performance.now() + withinMs;
  await sleep(FIRST_LOOK_MS);
  for (;;) {
    const left = await unsettled(healthUrl);
    if (left === 0 || performance.now() > giveUpAt) return left;
    await sleep(LOOK_EVERY_MS);
  }
}
