// TLS to the brokers: with the right certificates everything flows and nothing can be read on the way; with wrong ones,
// and where somebody in between says that there is no TLS, not a byte of a password leaves.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { issue, type KeyAndCertificate } from '../../platform/pki.ts';
import { startNats, type TestNats } from '../../testkit/nats.ts';
import { pemFiles, type TestPki, testPki } from '../../testkit/pki.ts';
import { connectTransport } from '../connect.ts';
import { eventually } from '../testing/eventually.ts';
import { CREDENTIALS, flows, GOVERNANCE, listening, refused, type Tls } from './tls.contract.ts';

const PASSWORD = CREDENTIALS.password;

let pki: TestPki;
let stranger: TestPki;
before(async () => {
  pki = await testPki();
  stranger = await testPki('another authority');
});
const trusting = (ca: KeyAndCertificate): Tls => ({ ca: ca.certificatePem });
async function withCertificate(): Promise<Tls> {
  const { certificatePem, privateKeyPem } = await pki.client('governance');
  return { ...trusting(pki.ca), cert: certificatePem, key: privateKeyPem };
}

describe('TLS to NATS', () => {
  const servers: TestNats[] = [];
  after(async () => {
    for (const server of servers) await server.stop();
  });

  async function natsWith(certificate: KeyAndCertificate, verify = false): Promise<TestNats> {
    const files = await pemFiles(certificate, pki.ca);
    const server = await startNats({
      users: [CREDENTIALS],
      config: {
        tls: { cert_file: files.certFile, key_file: files.keyFile, ca_file: files.caFile, verify },
      },
    });
    servers.push(server);
    return server;
  }

  test('everything flows with certificates on both sides, and nothing without the client’s', async () => {
    const { port } = await natsWith(await pki.server(), true);
    await flows((through) => `tls://localhost:${through}`, port, await withCertificate());
    await flows((through) => `nats://127.0.0.1:${through}`, port, await withCertificate());
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
    const plain = await connectTransport(`nats://127.0.0.1:${liar.port}`, GOVERNANCE, {
      credentials: CREDENTIALS,
    });
    await eventually('it has the password', () => liar.text().includes(PASSWORD));
    await plain.close();
  });
});

describe('TLS to RabbitMQ', () => {
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
      await issue({
        ca: pki.ca,
        commonName: 'elsewhere',
        dnsNames: ['elsewhere.example'],
        usages: ['server'],
        days: 1,
      }),
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
