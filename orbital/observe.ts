/**
 * Orbital's metrics. Every series is set to 0 as soon as its region is known, so that an alert never waits for the first event
 * and never misses it. A region that a message merely claims gets no series (D14).
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { MAX_MEASURED_REGIONS } from './limits.ts';
import { type Lane, lanes, rejectionCodes } from './messages.ts';
import type { Transport } from './transport.ts';

export const taskOutcomes = ['done', 'failed', 'deadline'] as const;
export type TaskOutcome = (typeof taskOutcomes)[number];
/** Sent again, since no answer came; executed again, since the region could not do it yet. */
const retryCauses = ['resend', 'failure'] as const;

/** How far a region is behind in one lane. */
export interface Level {
  readonly region: string;
  readonly lane: Lane;
  readonly live: number;
  readonly stalled: number;
  /** Age of the oldest live task in seconds; 0: there is none. */
  readonly oldestS: number;
}

export interface ManagerMetrics {
  sent(lane: Lane, region: string, isResend: boolean): void;
  publishFailed(lane: Lane, region: string): void;
  /** The region has failed at a task and is asked once more. */
  retried(region: string): void;
  ended(lane: Lane, region: string, outcome: TaskOutcome, lagMs: number): void;
  /** `claims`: the region that the message names, true or not. */
  rejected(code: string, claims: string | undefined): void;
  /** Of every region and lane that is known. */
  levels(levels: readonly Level[]): void;
}

type Healthy = Pick<Transport, 'healthy'>;

/** Names of regions as labels, bounded. */
class Regions {
  readonly #known = new Set<string>();
  readonly #introduce: (region: string) => void;

  constructor(introduce: (region: string) => void) {
    this.#introduce = introduce;
  }

  /** The label of a region that was asked something, and so is there. */
  of(region: string): string {
    if (this.#known.has(region)) return region;
    const label = this.#known.size < MAX_MEASURED_REGIONS ? region : 'other';
    if (!this.#known.has(label)) {
      this.#known.add(label);
      this.#introduce(label);
    }
    return label;
  }

  /** All labels so far. */
  labels(): Iterable<string> {
    return this.#known;
  }

  /** The same of one that somebody merely names. */
  ofClaimed(region: string | undefined): string {
    return region !== undefined && this.#known.has(region) ? region : 'unknown';
  }
}

/** Metrics of one manager in the given registry; without a registry they are counted nowhere. */
export function managerMetrics(registry: Registry | undefined, transport: Healthy): ManagerMetrics {
  const registers = registry === undefined ? [] : [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `okcm_orbital_${name}_total`, help, labelNames: [...labelNames], registers });
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `okcm_orbital_${name}`, help, labelNames: ['region', 'lane'], registers });
  const place = ['region', 'lane'] as const;
  const sent = counter('tasks_sent', 'Task messages handed to the broker, resends included', place);
  const failures = counter('publish_failures', 'Task messages that the broker did not take', place);
  const retries = counter('task_retries', 'Tasks that were sent or executed once more, by cause', [
    'region',
    'cause',
  ]);
  const ended = counter('tasks_ended', 'Tasks that reached an end', [...place, 'outcome']);
  const rejected = counter('messages_rejected', 'Received messages that were refused, by reason', [
    'code',
    'region',
  ]);
  const lag = new Histogram({
    name: 'okcm_orbital_task_lag_seconds',
    help: 'From the creation of a task to its end',
    labelNames: ['lane'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3600],
    registers,
  });
  const live = gauge('live_tasks', 'Tasks that have not ended');
  const stalled = gauge('stalled_tasks', 'Tasks that have not ended a minute after they were created');
  const oldest = gauge('oldest_live_task_seconds', 'Age of the oldest task that has not ended: the lag');
  brokerGauge(registers, transport);

  const introduceRejections = (region: string): void => {
    for (const code of Object.keys(rejectionCodes)) rejected.inc({ code, region }, 0);
  };
  const regions = new Regions((region) => {
    introduceRejections(region);
    for (const cause of retryCauses) retries.inc({ region, cause }, 0);
    for (const lane of lanes) {
      for (const each of [sent, failures]) each.inc({ region, lane }, 0);
      for (const each of [live, stalled, oldest]) each.set({ region, lane }, 0);
      for (const outcome of taskOutcomes) ended.inc({ region, lane, outcome }, 0);
    }
  });
  introduceRejections('unknown');
  for (const lane of lanes) lag.zero({ lane });

  return {
    sent(lane, target, isResend) {
      const region = regions.of(target);
      sent.inc({ region, lane });
      if (isResend) retries.inc({ region, cause: 'resend' });
    },
    publishFailed: (lane, target) => failures.inc({ region: regions.of(target), lane }),
    retried: (target) => retries.inc({ region: regions.of(target), cause: 'failure' }),
    ended(lane, target, outcome, lagMs) {
      ended.inc({ region: regions.of(target), lane, outcome });
      lag.observe({ lane }, lagMs / 1000);
    },
    rejected: (code, claims) => rejected.inc({ code, region: regions.ofClaimed(claims) }),
    levels(levels) {
      for (const region of regions.labels())
        for (const lane of lanes) for (const each of [live, stalled, oldest]) each.set({ region, lane }, 0);
      for (const { region: target, lane, ...level } of levels) {
        const region = regions.of(target);
        live.inc({ region, lane }, level.live);
        stalled.inc({ region, lane }, level.stalled);
        if (level.oldestS > 0) oldest.set({ region, lane }, level.oldestS);
      }
    },
  };
}

export interface OperatorMetrics {
  handled(phase: 'processing' | 'done' | 'failed', lane: Lane): void;
  rejected(code: string, channel: string): void;
}

/** Metrics of one operator; its registry says which region it is of. */
export function operatorMetrics(registry: Registry | undefined, transport: Healthy): OperatorMetrics {
  const registers = registry === undefined ? [] : [registry];
  const handled = new Counter({
    name: 'okcm_orbital_executions_total',
    help: 'Task executions in this region by what came of them',
    labelNames: ['phase', 'lane'],
    registers,
  });
  const rejected = new Counter({
    name: 'okcm_orbital_messages_rejected_total',
    help: 'Received messages that were refused, by reason',
    labelNames: ['code', 'lane'],
    registers,
  });
  brokerGauge(registers, transport);
  for (const lane of lanes) {
    for (const phase of ['processing', 'done', 'failed']) handled.inc({ phase, lane }, 0);
    for (const code of Object.keys(rejectionCodes)) rejected.inc({ code, lane }, 0);
  }
  return {
    handled: (phase, lane) => handled.inc({ phase, lane }),
    rejected: (code, channel) => rejected.inc({ code, lane: laneOfChannel(channel) }),
  };
}

const laneOfChannel = (channel: string): Lane => (channel.endsWith('.urgent') ? 'urgent' : 'normal');

function brokerGauge(registers: Registry[], transport: Healthy): void {
  new Gauge({
    name: 'okcm_orbital_broker_up',
    help: '1 while this process is connected to the broker',
    registers,
    collect() {
      this.set(transport.healthy() ? 1 : 0);
    },
  });
}
