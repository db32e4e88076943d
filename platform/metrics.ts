// Metrics: one prom-client registry for each process, with labels that every series carries.
import { collectDefaultMetrics, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface RegistryOptions {
  /** Labels on every series, such as component and region. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Node's own metrics (event loop, heap, file descriptors); on unless false. */
  readonly processMetrics?: boolean;
}

/**
 * A fresh registry. Pass it to every metric (`registers: [registry]`) and set each labelled metric to 0 at start: an
 * alert on a series that does not exist yet never fires.
 */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const registry = new Registry();
  if (options.labels !== undefined) registry.setDefaultLabels({ ...options.labels });
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  return registry;
}
