/** What the primary counts itself; everything else is the sum of its workers. */
import { Counter, createRegistry, Gauge, type Registry } from '../../../platform/metrics.ts';

export interface PrimaryMetrics {
  readonly registry: Registry;
  died(): void;
  refusedConnection(): void;
}

export function createPrimaryMetrics(
  region: string,
  levels: () => { readonly configured: number; readonly serving: number },
): PrimaryMetrics {
  const registry = createRegistry({ labels: { component: 'gateway', region } });
  const registers = [registry];
  const died = new Counter({
    name: 'okcm_gateway_workers_died_total',
    help: 'Worker processes that have died and were started again',
    registers,
  });
  // The same series as the workers', which count those that they refuse for a reason of theirs.
  const connections = new Counter({
    name: 'okcm_gateway_connections_total',
    help: 'Connections of applications, by outcome',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['accepted', 'refused']) connections.inc({ outcome }, 0);
  new Gauge({
    name: 'okcm_gateway_workers',
    help: 'Worker processes, as configured and serving',
    labelNames: ['state'],
    registers,
    collect() {
      const { configured, serving } = levels();
      this.set({ state: 'configured' }, configured);
      this.set({ state: 'serving' }, serving);
    },
  });
  return {
    registry,
    died: () => died.inc(),
    refusedConnection: () => connections.inc({ outcome: 'refused' }),
  };
}
