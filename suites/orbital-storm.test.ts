/** The storm of Orbital in its short form; `npm run orbital-storm` sends 10,000 jobs over each broker. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TransportName, transports } from './orbital-storm/brokers.ts';
import { failuresOf, HOSTILITY, orbitalStorm } from './orbital-storm/storm.ts';

const TIMEOUT_MS = 240_000;
const JOBS = 60;
/** Always the same, so that what fails here has a chance to fail again. */
const SEED = 30_303;
/** RabbitMQ takes seconds of both processors to start: that it comes back is for its contract, and for the long form. */
const RESTARTS: Readonly<Record<TransportName, number>> = { nats: 1, rabbitmq: 0, embedded: 1 };

for (const transport of transports)
  test(`over ${transport}, whatever it does to frames, each job ends once, in order, and is applied once`, {
    timeout: TIMEOUT_MS,
  }, async (t) => {
    const report = await orbitalStorm(
      {
        transport,
        jobs: JOBS,
        seed: SEED,
        entities: 20,
        living: 60,
        managers: 2,
        cores: 2,
        restarts: RESTARTS[transport],
        hostility: HOSTILITY,
      },
      () => undefined,
    );
    const frames = Object.values(report.befell).reduce((sum, times) => sum + times, 0);
    t.diagnostic(
      `${report.tasks} tasks sent ${report.attempts} times, ${frames} frames met a fate, ${Math.round(report.tookMs)} ms`,
    );
    assert.deepEqual(failuresOf(report), []);
    assert.ok(frames > 0 && report.networkFaults.size > 0, 'the broker and the networks were fair');
  });
