/** A region's trail, checked over the admin listener of a real core with what an operator has: a file, a key, a checkpoint. */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { REGION_CHAIN } from '../../contracts/index.ts';
import { TestRegion } from '../../execution/core/testing/region.ts';
import type { Checkpoint } from '../../platform/chain-checkpoints.ts';
import { writePrivate } from '../../platform/config-file.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { type TestDatabase, testDatabase } from '../../testkit/postgres.ts';
import { AdminClient } from '../region/admin-client.ts';
import { checkFile, checkRegionTrail } from './check.ts';
import { ExportFile } from './export-file.ts';
import { regionParts } from './sources.ts';
import { readKeys, Trust } from './trust.ts';

const directory = temporaryDirectory('cli-region-audit');
const at = (name: string): string => join(directory, name);

let database: TestDatabase;
let region: TestRegion;
let core: AdminClient;
let kept: Checkpoint;
let trust: Trust;

before(async () => {
  database = await testDatabase();
  region = await TestRegion.create(database.url, temporaryDirectory('cli-region'));
  const operator = await region.identity('operator');
  region.config.admin = {
    host: '127.0.0.1',
    port: 0,
    operators: [{ name: 'olivia', fingerprint: operator.fingerprint }],
  };
  await region.start();
  for (const tenant of ['acme', 'rival']) await region.job('TENANT_PROVISION', { tenant });
  await writePrivate(at('key.pem'), operator.privateKeyPem);
  await writeFile(at('cert.pem'), operator.certificatePem);
  await writeFile(at('ca.pem'), region.ca.certificatePem);
  const url = `https://127.0.0.1:${region.core.adminPort ?? 0}`;
  const file = { url, cert: 'cert.pem', key: 'key.pem', ca: 'ca.pem', servername: 'localhost' };
  await writePrivate(at('operator.json'), JSON.stringify(file));
  core = await AdminClient.ofFile(at('operator.json'));
  const key = createPublicKey(await readFile(region.config.orbital.signingKey));
  await writeFile(at('region.pem'), key.export({ type: 'spki', format: 'pem' }));
  const { checkpoint } = await core.get<{ checkpoint: Checkpoint }>('/audit/checkpoint');
  kept = checkpoint;
  trust = new Trust(await readKeys([at('region.pem')]), [kept]);
});
after(() => region.stop());

test('it is whole, held against what the region signs now and what was kept', async () => {
  const checked = await checkRegionTrail(core, REGION_CHAIN, trust);
  assert.deepEqual([checked.ok, checked.kept, checked.checkpoints], [true, 1, 2]);
  assert.ok(checked.events >= kept.sequence);
});

test('it is exported into a file, and checked from there', async () => {
  const file = await ExportFile.open(at('trail.jsonl'), REGION_CHAIN, 'jsonl');
  for await (const part of regionParts(core)) await file.append(part);
  await file.close();
  assert.equal((await checkFile(at('trail.jsonl'), trust)).ok, true);
  const whole = await readFile(at('trail.jsonl'), 'utf8');
  await writeFile(at('changed.jsonl'), whole.replace('TENANT_PROVISIONED', 'TENANT_PROVISIONEX'));
  const { faults } = await checkFile(at('changed.jsonl'), trust);
  assert.deepEqual(
    faults.map(({ kind }) => kind),
    ['CHANGED'],
  );
});

test('cut off at the end, head and all, it is found by what was kept', async () => {
  await withClient({ url: database.url }, async (client) => {
    await client.query('ALTER TABLE core.audit_events DISABLE TRIGGER keep_audit');
    await client.query('DELETE FROM core.audit_events WHERE seq >= $1', [kept.sequence]);
    await client.query(
      'UPDATE core.audit_head SET seq = $1, hash = (SELECT hash FROM core.audit_events WHERE seq = $1)',
      [kept.sequence - 1],
    );
  });
  const { faults } = await checkRegionTrail(core, REGION_CHAIN, trust);
  assert.deepEqual(
    faults.map(({ description }) => description),
    [`event ${kept.sequence} was cut off at the end`],
  );
});
