/** An installation over a broker of the user, for suites that follow each other in one process: it ends with that. */
import { startNats, type TestNats } from '../../testkit/nats.ts';
import { System } from '../../testkit/system.ts';

export interface OverNats {
  readonly system: System;
  readonly broker: TestNats;
}

let shared: Promise<OverNats> | undefined;

export function sharedOverNats(): Promise<OverNats> {
  shared ??= start();
  return shared;
}

async function start(): Promise<OverNats> {
  const broker = await startNats();
  return { broker, system: await System.start('--broker', broker.url) };
}
