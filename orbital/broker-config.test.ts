// The files that a configuration names for TLS to the broker: read, or refused by name before anything is connected.
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';
import { type PemFiles, pemFiles, testPki } from '../testkit/pki.ts';
import { brokerTls } from './broker-config.ts';

const url = 'tls://localhost:4222';
let files: PemFiles;
before(async () => {
  const pki = await testPki();
  files = await pemFiles(await pki.client('cmk'), pki.ca);
});

test('nothing where nothing is said, authorities alone, or all three', async () => {
  assert.deepEqual(await brokerTls({ url }), {});
  const { tls: trusting } = await brokerTls({ url, tls: { ca: files.caFile } });
  assert.match(trusting?.ca ?? '', /BEGIN CERTIFICATE/);
  assert.equal(trusting?.key, undefined);
  const client = { cert: files.certFile, key: files.keyFile };
  const { tls: both } = await brokerTls({ url, tls: { ca: files.caFile, client } });
  assert.match(both?.cert ?? '', /BEGIN CERTIFICATE/);
  assert.match(both?.key ?? '', /PRIVATE KEY/);
});

test('a file that is not there, holds something else, or a key that others may read, is refused by its name', async () => {
  const directory = temporaryDirectory('broker-tls');
  const [nowhere, empty, open] = ['nowhere', 'empty', 'open'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(empty, 'nothing');
  await writeFile(open, 'a key');
  await chmod(open, 0o644);
  for (const ca of [nowhere, empty])
    await assert.rejects(brokerTls({ url, tls: { ca } }), {
      code: 'BROKER_TLS_FILES',
      message: new RegExp(ca),
    });
  await assert.rejects(
    brokerTls({ url, tls: { ca: files.caFile, client: { cert: files.certFile, key: open } } }),
    { code: 'CONFIG_TOO_OPEN' },
  );
});
