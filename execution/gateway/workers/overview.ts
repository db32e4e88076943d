/** What a gateway of several processes says of itself as one: the sum of its workers, or the worst of them. */
import { memoryLockStatus } from '../../envelope/index.ts';
import type { GatewayStatus, WorkerStatus } from '../status.ts';

export interface OverviewOptions {
  readonly region: string;
  readonly name: string;
  readonly workers: readonly WorkerStatus[];
  /** Of those that answered. */
  readonly answers: readonly GatewayStatus[];
  readonly connections: number;
}

type Certificates = GatewayStatus['certificates'];
const unknown = { subject: '', notAfter: new Date(0).toISOString() };

/** Of those that differ for a moment, because files have changed, what ends first. */
function oldest(all: readonly Certificates[]): Certificates {
  const first = <T extends { readonly notAfter: string }>(some: readonly T[]): T | undefined =>
    some.toSorted((a, b) => a.notAfter.localeCompare(b.notAfter))[0];
  const [until = null] = all.flatMap(({ revocationListUntil }) => revocationListUntil ?? []).toSorted();
  return {
    server: first(all.map(({ server }) => server)) ?? unknown,
    core: first(all.map(({ core }) => core)) ?? unknown,
    revocationListUntil: until,
  };
}

export function overviewOf({ region, name, workers, answers, connections }: OverviewOptions): GatewayStatus {
  const serving = workers.filter((worker) => worker.serving).length;
  const isComplete = serving === workers.length && answers.length === workers.length;
  const all = (holds: (status: GatewayStatus) => boolean): boolean =>
    answers.length > 0 && answers.every((status) => holds(status));
  const largest = (of: (status: GatewayStatus) => number): number => Math.max(0, ...answers.map(of));
  const [some] = answers.toSorted((a, b) => b.leases.length - a.leases.length);
  // Key memory that one of them could not lock is news; else they say the same.
  const memory = (answers.find((status) => status.memory.problem !== undefined) ?? some)?.memory;
  return {
    ok: serving > 0,
    status: isComplete && all(({ status }) => status === 'ok') ? 'ok' : 'degraded',
    region,
    name,
    core: all(({ core }) => core === 'connected') ? 'connected' : 'unreachable',
    head: largest(({ head }) => head),
    appliedHead: answers.length === 0 ? 0 : Math.min(...answers.map(({ appliedHead }) => appliedHead)),
    leases: some?.leases ?? [],
    backlog: largest(({ backlog }) => backlog),
    store: some?.store ?? { kind: 'sqlite', durable: true, up: false },
    auditBacklog: largest(({ auditBacklog }) => auditBacklog),
    connections,
    hotPath: some?.hotPath ?? 'on',
    certificates: oldest(answers.map(({ certificates }) => certificates)),
    cipher: all(({ cipher }) => cipher === 'native') ? 'native' : 'node',
    memory: memory ?? memoryLockStatus(),
    workers: {
      configured: workers.length,
      serving,
      restarts: workers.reduce((sum, { restarts }) => sum + restarts, 0),
      each: workers,
    },
  };
}
