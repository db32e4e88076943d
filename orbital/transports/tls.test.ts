// TLS to the brokers: with the right certificates everything flows and nothing can be read on the way; with wrong ones,
// and where somebody in between says that there is no TLS, not a byte of a password leaves.
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { issue, type KeyAndCertificate } from '../../platform/pki.ts';
import { freePort } from '../../platform/ports.ts';
import { startNats, type TestNats } from '../../testkit/nats.ts';
import { pemFiles, type TestPki, testPki } from '../../testkit/pki.ts';
import { startRabbit } from '../../testkit/rabbitmq.ts';
import { connectTransport } from '../connect.ts';
import { eventually } from '../testing/eventually.ts';
import { statusChannel, type Transport, type TransportOptions, taskChannel } from '../transport.ts';

const USER = 'governance-user';
const PASSWORD = 'a-password-that-must-not-leave';
const PAYLOAD = 'a-payload-that-nobody-reads-on-the-way';
const CREDENTIALS = { user: USER, password: PASSWORD };
const GOVERNANCE = { plane: 'governance' } as const;
const CHANNEL = taskChannel('north', 'urgent');

let pki: TestPki;
let stranger: TestPki;
before(async () => {
  pki = await testPki();
  stranger = await testPki('another authority');
});
const trusting = (ca: KeyAndCertificate): NonNullable<TransportOptions['tls']> => ({ ca: ca.certificatePem });
async function withCertificate(): Promise<NonNullable<TransportOptions['tls']>> {
  const { certificatePem, privateKeyPem } = await pki.client('governance');
  return { ...trusting(pki.ca), cert: certificatePem, key: privateKeyPem };
}

const closing: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

/** A server of ours on loopback; `taken` is all that clients have sent to it. */
async function listening(
  onConnection: (socket: Socket, taken: Buffer[]) => void,
  make: (onSocket: (socket: Socket) => void) => ReturnType<typeof createServer> = createServer,
) {
  const taken: Buffer[] = [];
  const server = make((socket) => {
    socket.on('error', () => {});
    onConnection(socket, taken);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return {
    port: (server.address() as AddressInfo).port,
    text: () => Buffer.concat(taken).toString('latin1'),
  };
}

/** Between a client and its broker: passes everything on, and keeps it. */
const listeningIn = (targetPort: number) =>
  listening((client, taken) => {
    const server = connect(targetPort, '127.0.0.1');
    server.on('error', () => client.destroy());
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const)
      from.on('data', (chunk: Buffer) => {
        taken.push(chunk);
        to.write(chunk);
      });
  });

/** Never becomes healthy; answers why. */
async function refused(url: string, tls?: TransportOptions['tls']): Promise<string> {
  const troubles: string[] = [];
  let transport: Transport | undefined;
  try {
    transport = await connectTransport(url, GOVERNANCE, {
      credentials: CREDENTIALS,
      ...(tls === undefined ? {} : { tls }),
      onTrouble: (error) => troubles.push(String((error as Error).cause ?? error)),
    });
    await eventually('it says why', () => troubles.length > 0);
    assert.equal(transport.healthy(), false);
    await assert.rejects(transport.publish(CHANNEL, Buffer.from(PAYLOAD)), { code: 'BROKER_UNAVAILABLE' });
  } finally {
    await transport?.close();
  }
  return troubles.join();
}

/** Goes there and back over TLS; what was said on the wire is searched for what is secret. */
async function flows(url: (port: number) => string, port: number): Promise<void> {
  const wire = await listeningIn(port);
  const transport = await connectTransport(url(wire.port), GOVERNANCE, {
    credentials: CREDENTIALS,
    tls: await withCertificate(),
  });
  const got: string[] = [];
  const subscription = await transport.consume(statusChannel(), async (message) => {
    got.push(Buffer.from(message).toString());
  });
  await eventually('it is healthy', () => transport.healthy());
  await transport.publish(CHANNEL, Buffer.from(PAYLOAD));
  await transport.publish(statusChannel(), Buffer.from(PAYLOAD));
  await eventually('it comes back', () => got.includes(PAYLOAD));
  await subscription.close();
  await transport.close();
  assert.ok(wire.text().length > 1_000, 'nothing was heard on the wire');
  for (const secret of [PASSWORD, PAYLOAD, Buffer.from(PASSWORD).toString('base64')])
    assert.ok(!wire.text().includes(secret), 'it can be read on the wire');
}

describe('TLS to NATS', () => {
  const servers: TestNats[] = [];
  after(async () => {
    for (const server of servers) await server.stop();
  });

  async function natsWith(certificate: KeyAndCertificate, verify = false): Promise<TestNats> {
    const files = await pemFiles(certificate, pki.ca);
    const server = await startNats({
      users: [{ user: USER, password: PASSWORD }],
      config: {
        tls: { cert_file: files.certFile, key_file: files.keyFile, ca_file: files.caFile, verify },
      },
    });
    servers.push(server);
    return server;
  }

  test('everything flows with certificates on both sides, and nothing without the client’s', async () => {
    const { port } = await natsWith(await pki.server(), true);
    await flows((through) => `tls://localhost:${through}`, port);
    await flows((through) => `nats://127.0.0.1:${through}`, port);
    await refused(`tls://localhost:${port}`, trusting(pki.ca));
  });

  test('a server of another authority, or of another name, is refused', async () => {
    const { port } = await natsWith(await pki.server());
    assert.match(await refused(`tls://localhost:${port}`, trusting(stranger.ca)), /certificate/);
    const elsewhere = await natsWith(
      await issue({
        ca: pki.ca,
        commonName: 'elsewhere',
        dnsNames: ['elsewhere.example'],
        usages: ['server'],
        days: 1,
      }),
    );
    assert.match(await refused(`tls://localhost:${elsewhere.port}`, trusting(pki.ca)), /altnames|Hostname/);
  });

  test('a server that is addressed by number must have that number in its certificate', async () => {
    const names = { ca: pki.ca, commonName: 'server', usages: ['server'] as const, days: 1 };
    const named = await natsWith(await issue({ ...names, dnsNames: ['localhost'] }));
    assert.match(await refused(`tls://127.0.0.1:${named.port}`, trusting(pki.ca)), /altnames|Hostname|IP/);
    const numbered = await natsWith(await issue({ ...names, ipAddresses: ['127.0.0.1'] }));
    const transport = await connectTransport(`tls://127.0.0.1:${numbered.port}`, GOVERNANCE, {
      credentials: CREDENTIALS,
      tls: trusting(pki.ca),
    });
    await eventually('it is healthy', () => transport.healthy());
    await transport.close();
  });

  test('whoever says in between that there is no TLS gets no password', async () => {
    const info = { server_id: 'x', version: '2.9.0', proto: 1, max_payload: 1_048_576, headers: true };
    const liar = await listening((socket, taken) => {
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on('data', (chunk: Buffer) => {
        taken.push(chunk);
        if (chunk.includes('PING')) socket.write('PONG\r\n');
      });
    });
    await refused(`tls://127.0.0.1:${liar.port}`);
    await refused(`nats://127.0.0.1:${liar.port}`, trusting(pki.ca));
    assert.ok(!liar.text().includes(PASSWORD), 'it has the password');
    // The same liar is believed where nobody asked for TLS: the test can see a password.
    const plain = await connectTransport(`nats://127.0.0.1:${liar.port}`, GOVERNANCE, { credentials: CREDENTIALS });
    await eventually('it has the password', () => liar.text().includes(PASSWORD));
    await plain.close();
  });
});

describe('TLS to RabbitMQ', () => {
  test('everything flows with certificates on both sides, and nothing without the client’s', async () => {
    const files = await pemFiles(await pki.server(), pki.ca);
    const port = await freePort();
    const server = await startRabbit({
      users: [{ user: USER, password: PASSWORD, configure: '.*', write: '.*', read: '.*' }],
      config: [
        `listeners.ssl.1 = 127.0.0.1:${port}`,
        `ssl_options.cacertfile = ${files.caFile}`,
        `ssl_options.certfile = ${files.certFile}`,
        `ssl_options.keyfile = ${files.keyFile}`,
        'ssl_options.verify = verify_peer',
        'ssl_options.fail_if_no_peer_cert = true',
      ],
    });
    closing.push(() => server.stop());
    await flows((through) => `amqps://localhost:${through}`, port);
    await flows((through) => `amqps://127.0.0.1:${through}`, port);
    await refused(`amqps://localhost:${port}`, trusting(pki.ca));
  });

  test('a server of another authority, or of another name, is refused before it has heard anything', async () => {
    const impostor = async (certificate: KeyAndCertificate) =>
      listening(
        (socket, taken) => socket.on('data', (chunk: Buffer) => taken.push(chunk)),
        (onSocket) =>
          createTlsServer({ key: certificate.privateKeyPem, cert: certificate.certificatePem }, onSocket).on(
            'tlsClientError',
            () => {},
          ),
      );
    const unknown = await impostor(await stranger.server());
    assert.match(await refused(`amqps://localhost:${unknown.port}`, trusting(pki.ca)), /certificate/);
    const elsewhere = await impostor(
      await issue({ ca: pki.ca, commonName: 'elsewhere', dnsNames: ['elsewhere.example'], usages: ['server'], days: 1 }),
    );
    assert.match(await refused(`amqps://127.0.0.1:${elsewhere.port}`, trusting(pki.ca)), /altnames|IP/);
    for (const { text } of [unknown, elsewhere]) assert.ok(!text().includes(PASSWORD), 'it has the password');
  });

  test('to a server without TLS nothing is said that could be understood', async () => {
    const plain = await listening((socket, taken) => {
      socket.on('data', (chunk: Buffer) => {
        taken.push(chunk);
        socket.end('AMQP\0\0\x09\x01');
      });
    });
    await refused(`amqps://127.0.0.1:${plain.port}`);
    await refused(`amqp://127.0.0.1:${plain.port}`, trusting(pki.ca));
    assert.equal(plain.text().charCodeAt(0), 0x16, 'a TLS greeting');
    assert.ok(!plain.text().includes(PASSWORD) && !plain.text().includes('AMQP'), 'it has heard more');
  });
});
