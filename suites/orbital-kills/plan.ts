/** What a storm of kills is like. */
import { startNats, type TestNats } from '../../testkit/nats.ts';
import { startRabbit, type TestRabbit } from '../../testkit/rabbitmq.ts';

export const victims = ['cmk', 'core', 'broker', 'database'] as const;
export type Victim = (typeof victims)[number];

/** The embedded one is a component of the installation; the others are the storm's own. */
export const brokers = ['embedded', 'nats', 'rabbitmq'] as const;
export type BrokerName = (typeof brokers)[number];
export type OuterBroker = Pick<TestNats & TestRabbit, 'url' | 'kill' | 'start' | 'stop'>;

export interface KillPlan {
  /** At least so many are made over REST. */
  readonly jobs: number;
  readonly kills: number;
  readonly broker: BrokerName;
  /** A second one in each region: both take jobs from the same queues. */
  readonly secondCores: boolean;
  /** Hands that order changes, each one after the other: of keys, of applications and of links. */
  readonly hands: { readonly keys: number; readonly applications: number; readonly links: number };
  /** The longest pause between a kill that is due and the kill, in milliseconds; the shortest is none. */
  readonly pauseMs: number;
  /** What is killed first; the rest is left to chance. */
  readonly first?: readonly Victim[];
}

/** Undefined: the embedded one. */
export async function startOuterBroker(name: BrokerName): Promise<OuterBroker | undefined> {
  if (name === 'nats') return await startNats();
  if (name === 'rabbitmq') return await startRabbit();
  return undefined;
}
