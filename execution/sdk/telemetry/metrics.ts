/** What the client counts, as numbers and as Prometheus text. It registers nothing anywhere. */
import { MAX_MEASURED_OPERATIONS } from '../limits.ts';
import { Histogram, type HistogramSnapshot } from './histogram.ts';

export interface LaneLevels {
  readonly waiting: number;
  readonly gateways: readonly {
    readonly name: string;
    readonly isWell: boolean;
    readonly connections: number;
    readonly inFlight: number;
  }[];
}

/** Read when somebody looks. */
export interface Levels {
  readonly lanes: Readonly<Record<string, LaneLevels>>;
  readonly handshakes: { readonly all: number; readonly resumed: number };
  readonly retriesLeft: number;
}

export interface MetricsSnapshot extends Levels {
  /** From call to outcome, retries and waiting included; by operation as KMIP names it, and `Batch` for several. */
  readonly latency: Readonly<Record<string, HistogramSnapshot>>;
  /** Calls that failed, by error code. */
  readonly failures: Readonly<Record<string, number>>;
  readonly retries: number;
}

export class Metrics {
  readonly #latency = new Map<string, Histogram>();
  readonly #failures = new Map<string, number>();
  readonly #levels: () => Levels;
  #retries = 0;

  constructor(levels: () => Levels) {
    this.#levels = levels;
  }

  /** @internal */
  done(operation: string, durationMs: number, failure: string | undefined): void {
    this.#histogram(operation).record(durationMs);
    if (failure !== undefined) this.#failures.set(failure, (this.#failures.get(failure) ?? 0) + 1);
  }

  /** @internal */
  retried(): void {
    this.#retries++;
  }

  snapshot(): MetricsSnapshot {
    return {
      latency: Object.fromEntries([...this.#latency].map(([name, one]) => [name, one.snapshot()])),
      failures: Object.fromEntries(this.#failures),
      retries: this.#retries,
      ...this.#levels(),
    };
  }

  /** In Prometheus' text format, durations in seconds as is the custom there. Join it to what your program exposes. */
  prometheus(): string {
    const { latency, failures, retries, lanes, handshakes } = this.snapshot();
    const lines: string[] = [];
    const family = (name: string, type: string, help: string): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    };
    const duration = 'okcm_client_operation_duration_seconds';
    family(duration, 'histogram', 'From the call to its outcome, retries and waiting included');
    for (const [operation, { count, sumMs, buckets }] of Object.entries(latency)) {
      for (const { leMs, count: upTo } of buckets)
        lines.push(`${duration}_bucket{operation="${operation}",le="${seconds(leMs)}"} ${upTo}`);
      lines.push(
        `${duration}_bucket{operation="${operation}",le="+Inf"} ${count}`,
        `${duration}_sum{operation="${operation}"} ${seconds(sumMs)}`,
        `${duration}_count{operation="${operation}"} ${count}`,
      );
    }
    family('okcm_client_failures_total', 'counter', 'Calls that failed, by error code');
    for (const [code, count] of Object.entries(failures))
      lines.push(`okcm_client_failures_total{code="${code}"} ${count}`);
    family('okcm_client_retries_total', 'counter', 'Attempts after the first');
    lines.push(`okcm_client_retries_total ${retries}`);
    family('okcm_client_handshakes_total', 'counter', 'TLS handshakes, by whether they resumed a session');
    lines.push(
      `okcm_client_handshakes_total{resumed="true"} ${handshakes.resumed}`,
      `okcm_client_handshakes_total{resumed="false"} ${handshakes.all - handshakes.resumed}`,
    );
    family('okcm_client_waiting', 'gauge', 'Requests that wait for a place on a connection');
    for (const [lane, { waiting }] of Object.entries(lanes))
      lines.push(`okcm_client_waiting{lane="${lane}"} ${waiting}`);
    const gauges = [
      ['okcm_client_gateway_up', 'Whether the gateway is asked in this lane', 'isWell'],
      ['okcm_client_connections', 'Open connections', 'connections'],
      ['okcm_client_in_flight', 'Requests that wait for their answers', 'inFlight'],
    ] as const;
    for (const [name, help, field] of gauges) {
      family(name, 'gauge', help);
      for (const [lane, { gateways }] of Object.entries(lanes)) {
        for (const gateway of gateways)
          lines.push(`${name}{lane="${lane}",gateway="${gateway.name}"} ${Number(gateway[field])}`);
      }
    }
    return `${lines.join('\n')}\n`;
  }

  #histogram(operation: string): Histogram {
    const known = this.#latency.get(operation);
    if (known !== undefined) return known;
    if (this.#latency.size >= MAX_MEASURED_OPERATIONS && operation !== 'other')
      return this.#histogram('other');
    const fresh = new Histogram();
    this.#latency.set(operation, fresh);
    return fresh;
  }
}

/** Without the noise of binary fractions: 0.00025, not 0.00025000000000000001. */
function seconds(ms: number): string {
  return String(Number((ms / 1000).toPrecision(12)));
}
