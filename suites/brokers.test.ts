/** The main job over a broker that the user runs: NATS and RabbitMQ in place of the embedded one. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';
import { startNats } from '../testkit/nats.ts';
import { startRabbit } from '../testkit/rabbitmq.ts';
import { okcm } from '../testkit/system.ts';

describe('brokers', () => {
  /** One installation, which moves from one broker to the other: nothing that matters lies in a broker. */
  const home = join(temporaryDirectory('brokers'), 'home');

  test('the main job over NATS', async () => {
    const nats = await startNats();
    try {
      const run = await okcm('up', '--once', '--ports', 'auto', '--home', home, '--broker', nats.url);
      assert.equal(run.code, 0, run.stdout + run.stderr);
      assert.match(run.stdout, /the broker is yours/);
      assert.match(run.stdout, /every operation worked/);
    } finally {
      await nats.stop();
    }
  });

  test('and then over RabbitMQ, its address in a private file', async () => {
    const rabbit = await startRabbit();
    const directory = temporaryDirectory('over-rabbit');
    const address = join(directory, 'broker-url');
    await writeFile(address, rabbit.url, { mode: 0o600 });
    try {
      const run = await okcm('up', '--once', '--ports', 'auto', '--home', home, '--broker', `@${address}`);
      assert.equal(run.code, 0, run.stdout + run.stderr);
      assert.match(run.stdout, /every operation worked/);
    } finally {
      await rabbit.stop();
    }
  });

  test('an address that is none is refused at once', async () => {
    const run = await okcm(
      'up',
      '--once',
      '--home',
      temporaryDirectory('no-broker'),
      '--broker',
      'kafka://x',
    );
    assert.equal(run.code, 2);
    assert.match(run.stderr, /nats:\/\/HOST:PORT or amqp:/);
  });
});
