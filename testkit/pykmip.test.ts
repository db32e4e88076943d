// The runner itself: a script that works, and one that fails. Against a bare TLS server, since this folder knows no
// KMIP: opening the connection is all that PyKMIP does by itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { checkPeer } from '../platform/tls-identity.ts';
import { pemFiles, testPki } from './pki.ts';
import { runPyKmip } from './pykmip.ts';

test('PyKMIP connects with its certificate and hands values back; an exception fails the run', async () => {
  const pki = await testPki();
  const own = await pki.server();
  const client = await pki.client('python', ['spiffe://test/python']);
  const seen: unknown[] = [];
  const server = createServer({
    cert: own.certificatePem,
    key: own.privateKeyPem,
    ca: pki.ca.certificatePem,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => {});
    const check = checkPeer(socket);
    seen.push(check.ok ? check.uris[0] : check.code);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const files = await pemFiles(client, pki.ca);
  const target = { host: '127.0.0.1', port: address.port, ...files };
  try {
    const values = await runPyKmip({
      ...target,
      script: `emit(enums.Operation.CREATE.value)\nemit({'a': [1, None]})`,
    });
    assert.deepEqual(values, [1, { a: [1, null] }]);
    assert.deepEqual(seen, ['spiffe://test/python']);
    await assert.rejects(
      runPyKmip({ ...target, script: `raise ValueError('as planned')` }),
      /exit code 1[\s\S]*as planned/,
    );
  } finally {
    server.close();
  }
});
