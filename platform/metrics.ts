// Metrics: one prom-client registry for each process, with labels that every series carries.
import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** How finely the event loop's delay is measured: Node wakes that often for it, busy or not. */
const LOOP_PRECISION_MS = 100;

export interface RegistryOptions {
  /** Labels on every series, such as component and region. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Node's own metrics (event loop, heap, file descriptors); on unless false. */
  readonly processMetrics?: boolean;
}

/** The values of a registry at one moment, as plain data that another process can be sent. */
export type MetricSet = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The metrics of several processes as those of one, each metric by its own aggregator: most are sums. */
export async function aggregated(sets: readonly MetricSet[]): Promise<string> {
  return await AggregatorRegistry.aggregate([...sets]).metrics();
}

/** What of these sets only ever grows, as one: what processes that have ended leave behind. */
export async function totalsOf(sets: readonly MetricSet[]): Promise<MetricSet> {
  const growing = sets.map((set) => set.filter(({ type }) => types.has(String(type))));
  return await AggregatorRegistry.aggregate(growing).getMetricsAsJSON();
}

/** Counters and histograms, as prom-client names them in a set. */
const types: ReadonlySet<string> = new Set(['counter', 'histogram']);

/**
 * A fresh registry. Pass it to every metric (`registers: [registry]`) and set each labelled metric to 0 at start: an
 * alert on a series that does not exist yet never fires.
 */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const registry = new Registry();
  if (options.labels !== undefined) registry.setDefaultLabels({ ...options.labels });
  if (options.processMetrics !== false)
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_PRECISION_MS });
  return registry;
}
