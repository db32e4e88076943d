import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TlsOptions } from 'node:tls';
import { type TestPki, testPki } from '../../../testkit/pki.ts';
import {
  encodeRequest,
  KmipClient,
  type KmipClientOptions,
  KmipError,
  Operation,
  operationSchemas,
  ResultReason,
} from '../index.ts';
import { encryptAndDecrypt } from './client.ts';
import { operationsIn, translate } from './encodings.ts';
import { greetTwice } from './own-operation.ts';
import { serveHttps, serveTls } from './server.ts';

let pki: TestPki;
const servers: Server[] = [];
const doors: { name: string; options: KmipClientOptions }[] = [];

before(async () => {
  pki = await testPki();
  const own = await pki.client('app');
  const pair = await pki.server();
  const tls: TlsOptions = {
    key: pair.privateKeyPem,
    cert: pair.certificatePem,
    ca: pki.ca.certificatePem,
    requestCert: true,
  };
  for (const [server, encodings] of [
    [serveTls(tls), [undefined]],
    [serveHttps(tls), ['ttlv', 'xml', 'json']],
  ] as const) {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    for (const https of encodings) {
      const options = {
        host: 'localhost',
        port: (server.address() as AddressInfo).port,
        cert: own.certificatePem,
        key: own.privateKeyPem,
        ca: pki.ca.certificatePem,
        https,
      };
      doors.push({ name: https ?? 'TLS', options });
    }
  }
});
after(() => {
  for (const server of servers) server.close();
});

describe('the examples', () => {
  it('encrypt and decrypt through the server among them, through each of its doors', async () => {
    assert.equal(doors.length, 4);
    for (const { name, options } of doors) {
      assert.equal(await encryptAndDecrypt(options, `by ${name}: é`), `by ${name}: é`);
    }
  });

  it('have an operation of their own', async () => {
    for (const [index, { options }] of doors.entries()) {
      const kmip = new KmipClient(options);
      assert.equal(await greetTwice(kmip), 2 * index + 2);
      await assert.rejects(
        kmip.request(Operation.Locate, {}),
        (error) => error instanceof KmipError && error.resultReason === ResultReason.OperationNotSupported,
      );
      kmip.close();
    }
  });

  it('translate a message between all encodings', () => {
    const payload = operationSchemas[Operation.Activate].request.write({ uniqueIdentifier: 'u' });
    const ttlv = encodeRequest({
      header: { protocolVersion: { major: 1, minor: 4 }, batchCount: 1 },
      items: [{ operation: Operation.Activate, payload }],
    });
    const { xml, json } = translate(ttlv);
    for (const form of [ttlv, xml, json]) {
      assert.deepEqual(translate(form), { ttlv, xml, json });
      assert.deepEqual(operationsIn(form), [Operation.Activate]);
    }
  });

  it('are what the README shows', () => {
    const lines = (text: string): string => text.replace(/^[ \t]+/gm, '').trim();
    const sources = readdirSync(import.meta.dirname)
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => lines(readFileSync(join(import.meta.dirname, name), 'utf8')));
    const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => lines(block ?? ''));
    assert.ok(blocks.length >= 5);
    for (const block of blocks)
      assert.ok(
        sources.some((source) => source.includes(block)),
        block,
      );
  });
});
