// Versions, suites, key exchange and tickets, each over a real handshake.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { type TestPki, testPki } from '../testkit/pki.ts';
import { Group, tapTls } from '../testkit/tls-wire.ts';
import type { KeyAndCertificate } from './pki.ts';
import { clientParameters, freshTicketKeys, serverContext, type TlsServerSettings } from './tls-context.ts';

let pki: TestPki;
let own: KeyAndCertificate;
let client: KeyAndCertificate;
const servers: Server[] = [];

before(async () => {
  pki = await testPki();
  [own, client] = await Promise.all([pki.server(), pki.client('billing')]);
});
after(() => {
  for (const server of servers) server.close();
});

async function serve(settings: Partial<TlsServerSettings> = {}): Promise<number> {
  const context = serverContext({
    cert: own.certificatePem,
    key: own.privateKeyPem,
    trusted: [pki.ca.certificatePem],
    tickets: { scope: 'test' },
    ...settings,
  });
  const server = createServer({ ...context, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on('error', () => undefined);
    socket.end(socket.isSessionReused() ? 'resumed' : 'fresh');
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

interface Spoken {
  readonly said: string;
  readonly cipher: string;
  readonly session: Buffer | undefined;
}

async function speak(port: number, options: ConnectionOptions = {}): Promise<Spoken> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: pki.ca.certificatePem,
    cert: client.certificatePem,
    key: client.privateKeyPem,
    ...options,
  });
  let session: Buffer | undefined;
  let said = '';
  socket.on('session', (fresh) => {
    session = fresh;
  });
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await once(socket, 'secureConnect');
  const cipher = socket.getCipher().standardName;
  await once(socket, 'close');
  return { said, cipher, session };
}

test('TLS 1.3 with whoever can; in 1.2 nothing but ephemeral key exchange and authenticated ciphers', async () => {
  const port = await serve();
  assert.equal((await speak(port)).cipher, 'TLS_AES_256_GCM_SHA384');
  const old = { maxVersion: 'TLSv1.2' } as const;
  assert.match((await speak(port, old)).cipher, /^TLS_ECDHE_ECDSA_WITH_AES_256_GCM/);
  for (const ciphers of ['ECDHE-ECDSA-AES256-SHA384', 'ECDHE-ECDSA-AES128-SHA', 'AES256-GCM-SHA384'])
    await assert.rejects(speak(port, { ...old, ciphers }), { code: /ALERT_HANDSHAKE_FAILURE/ }, ciphers);
  await assert.rejects(speak(await serve({ minVersion: 'TLSv1.3' }), old), { code: /PROTOCOL_VERSION/ });
});

test('the key exchange is a post-quantum hybrid with whoever can, also where the client guessed otherwise', async () => {
  const tap = await tapTls(await serve());
  const agreed = async (options: ConnectionOptions): Promise<number | undefined> => {
    await speak(tap.port, options);
    return tap.agreedGroup();
  };
  assert.equal(await agreed({}), Group.X25519MLKEM768, 'a client that leaves it to the runtime');
  assert.equal(await agreed(clientParameters()), Group.X25519MLKEM768, 'a client of ours');
  assert.equal(await agreed({ ecdhCurve: 'X25519:X25519MLKEM768' }), Group.X25519MLKEM768);
  assert.equal(await agreed({ ecdhCurve: 'SecP256r1MLKEM768' }), Group.SecP256r1MLKEM768);
  assert.equal(await agreed({ ecdhCurve: 'X25519' }), Group.X25519, 'one that cannot');
  await tap.close();
});

test('a server of hybrids alone refuses others; a classic one agrees on a curve', async () => {
  const strict = await tapTls(await serve({ keyExchange: 'hybrid-only' }));
  await speak(strict.port);
  assert.equal(strict.agreedGroup(), Group.X25519MLKEM768);
  await assert.rejects(speak(strict.port, { ecdhCurve: 'X25519' }), { code: /ALERT_HANDSHAKE_FAILURE/ });
  await assert.rejects(speak(strict.port, { maxVersion: 'TLSv1.2' }), { code: /PROTOCOL_VERSION/ });
  await strict.close();
  const classic = await tapTls(await serve({ keyExchange: 'classic' }));
  await speak(classic.port);
  assert.equal(classic.agreedGroup(), Group.X25519);
  await classic.close();
});

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`sessions are resumed where keys, scope and trust are the same, and nowhere else (${maxVersion})`, async () => {
    const keys = freshTicketKeys();
    const tickets = { scope: 'kmip', keys };
    const first = await speak(await serve({ tickets }), { maxVersion });
    assert.ok(first.session);
    const resumed = async (settings: Partial<TlsServerSettings>): Promise<string> =>
      (await speak(await serve(settings), { maxVersion, session: first.session })).said;
    assert.equal(await resumed({ tickets }), 'resumed', 'by another server with the same keys');
    const another = await testPki('another authority');
    for (const [what, settings] of Object.entries({
      keys: { tickets: { ...tickets, keys: freshTicketKeys() } },
      scope: { tickets: { ...tickets, scope: 'https' } },
      epoch: { tickets: { ...tickets, epoch: 'a newer list' } },
      trust: { tickets, trusted: [pki.ca.certificatePem, another.ca.certificatePem] },
    }))
      assert.equal(await resumed(settings), 'fresh', `other ${what}`);
  });
}
