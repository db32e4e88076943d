// A region takes over governance's next key and its own by jobs, and a key that was retired counts for nothing, whoever says so.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { publicPemOf, type Signer } from '../../../orbital/index.ts';
import { createLogger } from '../../../platform/log.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { TestRegion } from '../testing/region.ts';
import { changeTrust } from './by-hand.ts';

const quiet = createLogger({ name: 'test', level: 'silent' });
const signer = (keyId: string): Signer => ({ keyId, privateKey: generateKeyPairSync('ed25519').privateKey });
const named = ({ keyId, privateKey }: Signer) => ({ keyId, publicKey: publicPemOf(privateKey) });
const [second, third] = [signer('cmk-2'), signer('cmk-3')];

let region: TestRegion;
let first: Signer;

before(async () => {
  region = await TestRegion.create((await testDatabase()).url, temporaryDirectory('signing'));
  await region.start();
  first = region.governance;
});
after(() => region?.stop());

/** Whether a job that this key has signed is done; a refused message is answered by nobody. */
async function counts(key: Signer): Promise<boolean> {
  region.governance = key;
  const metric = await rejected();
  const done = region.job('GOVERNANCE_KEYS', { keys: await trustedNow() }).then(() => true);
  const refused = (async () => {
    for (;;) {
      if ((await rejected()) > metric) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  done.catch(() => undefined);
  return await Promise.race([done, refused]);
}

async function rejected(): Promise<number> {
  const text = await (await fetch(new URL('/metrics', region.core.healthUrl))).text();
  return Number(/okcm_orbital_messages_rejected_total\{code="UNKNOWN_KEY"[^}]*\} (\d+)/.exec(text)?.[1]);
}

async function trustedNow() {
  const known = await changeTrust(region.config, quiet, {});
  return known
    .filter(({ state }) => state === 'trusted')
    .map(({ keyId, publicKey }) => ({ keyId, publicKey }));
}

test('announce, overlap, retire: the next key is taken over, and the old one is worth nothing afterwards', async () => {
  const both = [named(first), named(second)];
  const overlap = await region.job('GOVERNANCE_KEYS', { keys: both });
  assert.deepEqual(overlap.trusted.toSorted(), ['cmk', 'cmk-2']);
  assert.ok(await counts(first), 'what is in the broker still counts');
  assert.ok(await counts(second));
  region.governance = second;
  await region.job('GOVERNANCE_KEYS', { keys: [named(second)] });
  assert.equal(await counts(first), false, 'a stolen old key');
  assert.ok(await counts(second));
});

test('it stays so when the core starts again, though its configuration still names the old key', async () => {
  await region.stop();
  await region.start();
  assert.equal(await counts(first), false);
  assert.ok(await counts(second));
});

test('a set without the key that has signed it, or with one that was retired, changes nothing', async () => {
  region.governance = second;
  await assert.rejects(region.job('GOVERNANCE_KEYS', { keys: [named(third)] }), /SIGNER_MISSING/);
  const withOld = [named(second), named(first)];
  await assert.rejects(region.job('GOVERNANCE_KEYS', { keys: withOld }), /SIGNING_KEY_REFUSED/);
  assert.deepEqual(
    (await trustedNow()).map(({ keyId }) => keyId),
    ['cmk-2'],
  );
});

test('a person in the region can do the same where no message gets through', async () => {
  assert.equal(await counts(third), false);
  await changeTrust(region.config, quiet, { trust: named(third) });
  assert.ok(await counts(third));
  await changeTrust(region.config, quiet, { retire: 'cmk-2' });
  assert.equal(await counts(second), false);
  await assert.rejects(changeTrust(region.config, quiet, { trust: named(second) }), {
    code: 'CORE_KEYS_REFUSED',
  });
});

test('the region makes a key of its own, and signs by it once it is told to', async () => {
  region.governance = third;
  const made = await region.job('REGION_KEY_MAKE', { keyId: 'region-2' });
  assert.deepEqual(await region.job('REGION_KEY_MAKE', { keyId: 'region-2' }), made, 'asked twice: the same');
  await assert.rejects(region.job('REGION_KEY_USE', { keyId: 'region-9' }), /SIGNING_KEY_UNKNOWN/);
  region.furtherKeys.push({ keyId: 'region-2', publicKey: createPublicKey(made.publicKey) });
  await region.job('REGION_KEY_USE', { keyId: 'region-2' });
  const signed = async () => region.lastReportKey === 'region-2';
  for (const end = Date.now() + 10_000; !(await signed()); ) {
    assert.ok(Date.now() < end, 'no report came that the new key has signed');
    await region.job('GOVERNANCE_KEYS', { keys: await trustedNow() });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await region.stop();
  await region.start();
  await region.job('GOVERNANCE_KEYS', { keys: await trustedNow() });
  assert.equal(region.lastStatusKey, 'region-2', 'also after a start with the configuration of before');
});

test('the trail tells of each', async () => {
  const events = await region.core.db
    .selectFrom('core.audit_events')
    .select('event')
    .distinct()
    .where('event', 'like', '%KEY%')
    .execute();
  assert.deepEqual(events.map(({ event }) => event).toSorted(), [
    'GOVERNANCE_KEYS_TRUSTED',
    'SIGNING_KEY_MADE',
    'SIGNING_KEY_USED',
  ]);
});
