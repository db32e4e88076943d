import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect, createServer, type Server } from 'node:tls';
import { type TestPki, testPki } from '../../../testkit/pki.ts';
import { freshTicketKeys, type TicketKeys, useTicketKeys } from './tickets.ts';

let pki: TestPki;
let servers: readonly [Server, Server];

before(async () => {
  pki = await testPki();
  const { certificatePem: cert, privateKeyPem: key } = await pki.server();
  const make = (): Server => createServer({ cert, key }, (socket) => socket.end('hello'));
  servers = [make(), make()];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
});
after(() => {
  for (const server of servers) server.close();
});

function use(keys: TicketKeys): void {
  for (const server of servers) useTicketKeys(server, keys);
}

/** One connection; returns whether it has resumed the session, and the last session that the server gave. */
async function visit(
  server: Server,
  version: 'TLSv1.2' | 'TLSv1.3',
  session?: Buffer,
): Promise<{ reused: boolean; session: Buffer }> {
  const socket = connect({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    servername: 'localhost',
    ca: pki.ca.certificatePem,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  });
  let given: Buffer | undefined = session;
  socket.on('session', (fresh: Buffer) => {
    given = fresh;
  });
  await once(socket, 'secureConnect');
  const reused = socket.isSessionReused();
  // Of a ticket that renews another, TLS 1.2 makes no event.
  if (version === 'TLSv1.2') given = socket.getSession();
  socket.resume();
  await once(socket, 'close');
  assert.ok(given !== undefined, 'the server gave no session');
  return { reused, session: given };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  describe(`session tickets over ${version}`, () => {
    it('of one process are taken by another', async () => {
      use(freshTicketKeys());
      const first = await visit(servers[0], version);
      assert.equal(first.reused, false);
      assert.equal((await visit(servers[1], version, first.session)).reused, true);
    });

    it('are taken under the key before, and no longer', async () => {
      let keys = freshTicketKeys();
      use(keys);
      const { session } = await visit(servers[0], version);
      keys = freshTicketKeys(keys);
      use(keys);
      const second = await visit(servers[1], version, session);
      assert.equal(second.reused, true);
      keys = freshTicketKeys(keys);
      use(keys);
      assert.equal((await visit(servers[0], version, session)).reused, false);
      // What was given instead, under the key that was new then, is still good.
      assert.equal((await visit(servers[0], version, second.session)).reused, true);
    });

    it('survive another certificate', async () => {
      const keys = freshTicketKeys();
      use(keys);
      const { session } = await visit(servers[0], version);
      const { certificatePem: cert, privateKeyPem: key } = await pki.server();
      servers[0].setSecureContext({ cert, key });
      useTicketKeys(servers[0], keys);
      assert.equal((await visit(servers[0], version, session)).reused, true);
    });
  });
}
