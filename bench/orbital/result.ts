/** What the bench of Orbital has measured, and how its parts are called. Loads nothing. */
import type { DepthRun, DepthsResult } from './depths.ts';
import type { FanOutResult } from './fan-out.ts';
import type { BrokerKind } from './names.ts';
import type { OvertakingResult } from './overtaking.ts';
import type { TenantsResult } from './tenants.ts';
import type { ResidentMemory } from './usage.ts';

export { type BrokerKind, brokerKinds, brokerNames } from './names.ts';

export interface PlaneMemory {
  readonly manager: ResidentMemory;
  readonly regions: readonly ResidentMemory[];
}
export interface TransportResult {
  readonly transport: BrokerKind;
  readonly tenants?: TenantsResult;
  readonly depths?: DepthsResult;
  readonly overtaking?: OvertakingResult;
  readonly memory?: PlaneMemory;
}
export interface OrbitalResult {
  readonly transports: readonly TransportResult[];
  readonly fanOut?: FanOutResult;
}

export const costNames: Readonly<Record<keyof DepthRun, string>> = {
  wall: 'time',
  managerCpu: 'processor: manager',
  databaseCpu: 'processor: its PostgreSQL',
};

export function fanOutText(result: FanOutResult): string {
  const { targets, endedAtKill, total, afterRestart, resent, appliedOnce } = result;
  const seconds = (value: number): string => (value / 1_000).toFixed(1);
  const count = (value: number): string => value.toLocaleString('en-US');
  return `One job for ${count(targets)} regions: its manager was killed when ${count(endedAtKill)} had answered. All had ${seconds(afterRestart)} s after the
start of the next one's process, ${seconds(total)} s after the job was committed. ${count(resent)} tasks were sent again; ${count(appliedOnce)} regions have applied
theirs once.`;
}
