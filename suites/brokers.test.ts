/** The main job over a broker that the user runs: NATS and RabbitMQ in place of the embedded one, over TLS. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../platform/ports.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { startNats } from '../testkit/nats.ts';
import { type PemFiles, pemFiles, testPki } from '../testkit/pki.ts';
import { startRabbit } from '../testkit/rabbitmq.ts';
import { okcm } from '../testkit/system.ts';

describe('brokers', () => {
  /** One installation, which moves from one broker to the other: nothing that matters lies in a broker. */
  const home = join(temporaryDirectory('brokers'), 'home');
  /** The brokers' certificate, of an authority that every process is told to trust beside the system's own. */
  let files: PemFiles;
  before(async () => {
    const pki = await testPki();
    files = await pemFiles(await pki.server(), pki.ca);
    process.env['NODE_EXTRA_CA_CERTS'] = files.caFile;
  });
  after(() => {
    delete process.env['NODE_EXTRA_CA_CERTS'];
  });

  test('the main job over NATS', async () => {
    const nats = await startNats({ config: { tls: { cert_file: files.certFile, key_file: files.keyFile } } });
    const address = `tls://localhost:${nats.port}`;
    try {
      const run = await okcm('up', '--once', '--ports', 'auto', '--home', home, '--broker', address);
      assert.equal(run.code, 0, run.stdout + run.stderr);
      assert.match(run.stdout, /the broker is yours/);
      assert.match(run.stdout, /every operation worked/);
    } finally {
      await nats.stop();
    }
  });

  test('and then over RabbitMQ, its address in a private file', async () => {
    const port = await freePort();
    const rabbit = await startRabbit({
      config: [
        `listeners.ssl.1 = 127.0.0.1:${port}`,
        `ssl_options.cacertfile = ${files.caFile}`,
        `ssl_options.certfile = ${files.certFile}`,
        `ssl_options.keyfile = ${files.keyFile}`,
      ],
    });
    const directory = temporaryDirectory('over-rabbit');
    const address = join(directory, 'broker-url');
    await writeFile(address, `amqps://test:test@localhost:${port}/`, { mode: 0o600 });
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
