// Hosts of CMK that do not share a directory of keys: a file is believed by its key, and a known name gets no second file.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { KeyDirectory } from '../../orbital/index.ts';
import { createLogger } from '../../platform/log.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testWorld } from '../../testkit/governance.ts';
import type { TestRegion } from '../test-region.ts';
import { until, type World } from '../test-world.ts';

interface Line {
  readonly msg: string;
  readonly keyId?: string;
  readonly file?: string;
}
const [here, elsewhere] = [temporaryDirectory('keys-here'), temporaryDirectory('keys-elsewhere')];
const errors: Line[] = [];
const destination = { write: (line: string) => void errors.push(JSON.parse(line)) };

let world: World;
let north: TestRegion;
before(async () => {
  world = await testWorld({
    regions: ['north'],
    deps: { logger: createLogger({ name: 'cmk', level: 'error', destination }) },
    configure: (config) => ({ ...config, orbital: { ...config.orbital, keyDirectory: here } }),
  });
  const [region] = world.regions;
  assert.ok(region);
  north = region;
});
after(() => world?.close());

/** The same CMK on another host. */
async function moveTo(keyDirectory: string): Promise<void> {
  world.config.orbital.keyDirectory = keyDirectory;
  await world.restart();
}
const announce = (keyId: string) => world.must(202, 'POST', '/v1/signing-keys', { keyId });
const stateOf = async (wanted: string): Promise<string> => {
  const { items } = await world.must(200, 'GET', '/v1/signing-keys');
  return items.find(({ keyId }: { keyId: string }) => keyId === wanted)?.state;
};

test('a key that is announced once more on another host gets no second file there, nor does one that may not be announced', async () => {
  north.interfere = (kind) =>
    kind === 'GOVERNANCE_KEYS'
      ? { failed: { code: 'UNAVAILABLE', message: 'not yet', retryable: true } }
      : undefined;
  const first = await announce('cmk-2');
  await moveTo(elsewhere);
  assert.deepEqual((await announce('cmk-2')).publicKey, first.publicKey);
  await announce('cmk-3');
  await announce('cmk-4');
  const tooMany = await world.call('POST', '/v1/signing-keys', { keyId: 'cmk-5' });
  assert.equal(tooMany.body.code, 'SIGNING_KEY_STATE');
  assert.deepEqual(readdirSync(elsewhere).toSorted(), ['cmk-3.key.pem', 'cmk-4.key.pem']);
  for (const keyId of ['cmk-3', 'cmk-4']) await world.must(202, 'POST', `/v1/signing-keys/${keyId}/retire`);
});

test('a host whose file of that name holds another key goes on with the old one and says so, until the right file is there', async () => {
  const directory = new KeyDirectory(elsewhere);
  await directory.ensure('cmk-2');
  const file = directory.fileOf('cmk-2');
  north.interfere = undefined;
  await until('governance goes over', async () => (await stateOf('cmk-2')) === 'active');
  const told = await until('the log says so', async () => errors.find(({ keyId }) => keyId === 'cmk-2'));
  assert.equal(told.file, file);
  assert.match(told.msg, /another key/);
  await world.onboard('by-the-old-key');
  // In one step: a host that looks in between would miss the file, and tell of that as well.
  const right = new KeyDirectory(here).fileOf('cmk-2');
  await copyFile(right, `${right}.copy`);
  await rename(`${right}.copy`, file);
  await world.must(202, 'POST', '/v1/signing-keys/cmk/retire', { stolen: true });
  await until('the old key counts for nothing', async () =>
    north.knownKeys.some(({ keyId, state }) => keyId === 'cmk' && state === 'retired'),
  );
  await world.onboard('by-the-new-key');
  assert.equal(errors.filter(({ keyId }) => keyId === 'cmk-2').length, 1, 'told once');
});
