import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { parseApplicationName, parseKeyFingerprint } from '../../../contracts/index.ts';
import { ConnectionQuota } from '../../../platform/connection-quota.ts';
import type { KeyAndCertificate } from '../../../platform/pki.ts';
import { ServerIdentity } from '../../../platform/server-identity.ts';
import { keyFingerprint } from '../../../platform/tls-identity.ts';
import { pemFiles, type TestPki, testPki } from '../../../testkit/pki.ts';
import { Audit } from '../audit.ts';
import { freshStore, REGION, SERVICE, silent, TENANT } from '../fixture.test.ts';
import { Identities } from '../identities.ts';
import { HANDSHAKE_TIMEOUT_MS } from '../limits.ts';
import { createMetrics } from '../metrics.ts';
import type { RequestHandler } from '../requests/handler.ts';
import { type Door, httpsDoor, kmipDoor } from './doors.ts';
import { Listener } from './listener.ts';

const doors = { kmip: kmipDoor, https: httpsDoor } satisfies Record<Door['name'], () => Door>;

const store = freshStore();
const listeners = new Map<string, { listener: Listener; port: number }>();
const sockets: Socket[] = [];
let asked = 0;
let pki: TestPki;
let member: KeyAndCertificate;

before(async () => {
  pki = await testPki();
  const { certFile, keyFile, caFile } = await pemFiles(await pki.server(), pki.ca);
  const config = { cert: certFile, key: keyFile, ca: caFile };
  const tls = await ServerIdentity.open({ config, logger: silent });
  member = await pki.client('member');
  const identities = new Identities(store.registry);
  identities.put({
    fingerprint: parseKeyFingerprint(keyFingerprint(member.certificatePem)),
    tenant: TENANT,
    application: parseApplicationName('member'),
    services: [SERVICE],
    operations: null,
  });
  const handler = {
    plainAnswers: () => undefined,
    handle: () => {
      asked += 1;
      return new Uint8Array(8);
    },
  };
  for (const [name, door] of Object.entries(doors)) {
    const listener = new Listener({
      host: '127.0.0.1',
      port: 0,
      door: door(),
      tls,
      quota: new ConnectionQuota(16),
      identities,
      handler: handler as unknown as RequestHandler,
      audit: new Audit(store, silent),
      metrics: createMetrics(REGION, () => {
        throw new Error('nobody scrapes');
      }),
      logger: silent,
    });
    listeners.set(name, { listener, port: await listener.listen() });
  }
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  for (const { listener } of listeners.values()) await listener.close();
  store.close();
});

const portOf = (door: string): number => listeners.get(door)?.port ?? 0;

function dial(
  door: string,
  { certificatePem, privateKeyPem }: KeyAndCertificate,
  maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
): TLSSocket {
  const socket = connect({
    host: 'localhost',
    port: portOf(door),
    ca: pki.ca.certificatePem,
    cert: certificatePem,
    key: privateKeyPem,
    maxVersion,
  });
  sockets.push(socket);
  return socket;
}

/** The codes of the errors that a socket sees until it is closed. */
async function errorsOf(socket: Socket): Promise<readonly unknown[]> {
  const codes: unknown[] = [];
  socket.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return codes;
}

const POST =
  'POST /kmip HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>';

for (const door of Object.keys(doors)) {
  describe(`the ${door} door`, () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`resets a connection that it refuses, which no client takes for an answer (${version})`, async () => {
        const before = asked;
        const stranger = await pki.client('stranger');
        for (let attempt = 0; attempt < 20; attempt++) {
          const socket = dial(door, stranger, version);
          const chunks: Buffer[] = [];
          socket.on('data', (chunk: Buffer) => chunks.push(chunk));
          socket.once('secureConnect', () => socket.write(POST));
          const [error, another] = await errorsOf(socket);
          // The latter where it was still writing.
          assert.ok(error === 'ECONNRESET' || error === 'EPIPE', `attempt ${attempt}: ${error}`);
          assert.equal(another, undefined);
          assert.equal(Buffer.concat(chunks).toString(), '', 'nothing is said to a stranger');
        }
        assert.equal(asked, before);
        assert.equal(listeners.get(door)?.listener.openConnections, 0);
      });
    }

    it('serves whom it lets in', async () => {
      const socket = dial(door, member);
      await once(socket, 'secureConnect');
      socket.write(door === 'https' ? POST : 'GET /');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      if (door === 'https') await once(socket, 'data');
      else await once(socket, 'end');
      assert.match(Buffer.concat(chunks).toString(), door === 'https' ? /^HTTP\/1.1 200/ : /^$/);
      socket.destroy();
    });

    it('gives back the place of a peer that never ends its handshake', async () => {
      const silentPeer = connectTcp({ host: '127.0.0.1', port: portOf(door) });
      const gone = connectTcp({ host: '127.0.0.1', port: portOf(door), allowHalfOpen: true });
      sockets.push(silentPeer, gone);
      gone.once('connect', () => gone.end());
      const started = performance.now();
      const late = new Promise((_, reject) => {
        setTimeout(() => reject(new Error('still open')), HANDSHAKE_TIMEOUT_MS + 3_000).unref();
      });
      await Promise.race([Promise.all([silentPeer, gone].map(errorsOf)), late]);
      assert.ok(performance.now() - started < HANDSHAKE_TIMEOUT_MS + 3_000);
    });
  });
}
