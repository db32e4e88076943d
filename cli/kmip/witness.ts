/**
 * Says where an operation ran, by asking the gateway: its metrics count every batch item by operation and by where it
 * was executed, and an operation that ran between two readings has moved exactly one of those counters.
 */
export type Place = 'gateway' | 'core';

const COUNTER = 'okcm_gateway_operations_total';
const LINE = new RegExp(`^${COUNTER}\\{([^}]*)\\} ([0-9.e+]+)`, 'gm');

export class GatewayWitness {
  readonly #url: string;
  constructor(healthUrl: string) {
    this.#url = healthUrl.replace(/\/healthz$/, '/metrics');
  }

  /** Runs `work` and says where its one operation was executed; undefined when the gateway cannot tell. */
  async watch<T>(work: () => Promise<T>): Promise<{ result: T; place: Place | undefined; tookMs: number }> {
    const before = await this.#read();
    const startedAt = performance.now();
    const result = await work();
    const tookMs = performance.now() - startedAt;
    const after = await this.#read();
    const moved = (route: string): number => (after.get(route) ?? 0) - (before.get(route) ?? 0);
    const local = moved('local');
    const core = moved('core');
    const place = local === 1 && core === 0 ? 'gateway' : local === 0 && core === 1 ? 'core' : undefined;
    return { result, place, tookMs };
  }

  async #read(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const response = await fetch(this.#url, { signal: AbortSignal.timeout(2_000) });
    const text = await response.text();
    for (const [, labels = '', value = '0'] of text.matchAll(LINE)) {
      const route = /route="([^"]*)"/.exec(labels)?.[1];
      if (route !== undefined) counts.set(route, (counts.get(route) ?? 0) + Number(value));
    }
    return counts;
  }
}
