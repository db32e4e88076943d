/** Orbital's metrics, pre-initialised to 0 so that an alert never waits for the first event. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { lanes, rejectionCodes } from './messages.ts';

export type TaskOutcome = 'done' | 'failed' | 'deadline';

export interface ManagerMetrics {
  sent(lane: string): void;
  publishFailed(lane: string): void;
  ended(lane: string, outcome: TaskOutcome, lagMs: number): void;
  rejected(code: string): void;
  oldestLiveTask(lane: string, ageMs: number): void;
}

/** Metrics of one manager in the given registry; without a registry they are counted nowhere. */
export function managerMetrics(registry: Registry | undefined): ManagerMetrics {
  const registers = registry === undefined ? [] : [registry];
  const sent = new Counter({
    name: 'okcm_orbital_tasks_sent_total',
    help: 'Task messages handed to the broker, resends included',
    labelNames: ['lane'],
    registers,
  });
  const failures = new Counter({
    name: 'okcm_orbital_publish_failures_total',
    help: 'Task messages that the broker did not take',
    labelNames: ['lane'],
    registers,
  });
  const ended = new Counter({
    name: 'okcm_orbital_tasks_ended_total',
    help: 'Tasks that reached an end',
    labelNames: ['lane', 'outcome'],
    registers,
  });
  const lag = new Histogram({
    name: 'okcm_orbital_task_lag_seconds',
    help: 'From the creation of a task to its end',
    labelNames: ['lane'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3600],
    registers,
  });
  const oldest = new Gauge({
    name: 'okcm_orbital_oldest_live_task_seconds',
    help: 'Age of the oldest task that has not ended: alert on it to see stalled tasks',
    labelNames: ['lane'],
    registers,
  });
  const rejected = rejectionCounter(registers);
  for (const lane of lanes) {
    sent.inc({ lane }, 0);
    failures.inc({ lane }, 0);
    oldest.set({ lane }, 0);
    lag.zero({ lane });
    for (const outcome of ['done', 'failed', 'deadline']) ended.inc({ lane, outcome }, 0);
  }
  return {
    sent: (lane) => sent.inc({ lane }),
    publishFailed: (lane) => failures.inc({ lane }),
    ended: (lane, outcome, lagMs) => {
      ended.inc({ lane, outcome });
      lag.observe({ lane }, lagMs / 1000);
    },
    rejected: (code) => rejected.inc({ code }),
    oldestLiveTask: (lane, ageMs) => oldest.set({ lane }, ageMs / 1000),
  };
}

export interface OperatorMetrics {
  handled(phase: 'processing' | 'done' | 'failed'): void;
  rejected(code: string): void;
}

export function operatorMetrics(registry: Registry | undefined): OperatorMetrics {
  const registers = registry === undefined ? [] : [registry];
  const handled = new Counter({
    name: 'okcm_orbital_executions_total',
    help: 'Task executions in this region by what came of them',
    labelNames: ['phase'],
    registers,
  });
  const rejected = rejectionCounter(registers);
  for (const phase of ['processing', 'done', 'failed']) handled.inc({ phase }, 0);
  return { handled: (phase) => handled.inc({ phase }), rejected: (code) => rejected.inc({ code }) };
}

function rejectionCounter(registers: Registry[]): Counter<'code'> {
  const counter = new Counter({
    name: 'okcm_orbital_messages_rejected_total',
    help: 'Received messages that were thrown away, by reason',
    labelNames: ['code'],
    registers,
  });
  for (const code of Object.keys(rejectionCodes)) counter.inc({ code }, 0);
  return counter;
}
