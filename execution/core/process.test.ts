// The core as a process, and two cores of one region.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseRegionId, parseServiceName, parseTenantId } from '../../contracts/index.ts';
import { sealLinkSecret } from '../../contracts/sealing.ts';
import { writePrivate } from '../../platform/config-file.ts';
import { createLogger } from '../../platform/log.ts';
import { startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import { startSoftHsm } from '../../testkit/softhsm.ts';
import { generateKeyPair } from '../envelope/index.ts';
import { MeshOperation } from '../mesh/index.ts';
import { initialiseRegion } from './init.ts';
import { acme, leasedKey, populate } from './testing/keys.ts';
import { type TestIdentity, TestRegion } from './testing/region.ts';

const main = join(import.meta.dirname, 'main.ts');
const HOUR_MS = 3_600_000;

function run(...args: string[]) {
  return startChild({ name: 'core', command: process.execPath, args: [main, ...args] });
}

describe('a region of several processes', () => {
  let region: TestRegion;
  let directory: string;
  before(async () => {
    directory = temporaryDirectory('core');
    region = await TestRegion.create((await testDatabase()).url, directory);
    await region.start();
  });
  after(() => region.stop());

  test('a closure at one core is a closure at the other', async () => {
    const tenant = parseTenantId('acme');
    const service = parseServiceName('billing');
    await region.job('TENANT_PROVISION', { tenant: 'acme' });
    await region.job('SERVICE_PROVISION', { tenant: 'acme', service: 'billing' });
    const identity = await region.gateway();
    const second = await region.startAnother('core-2');
    const gateway = region.connect(identity, second.port);
    const pushes = region.connect(identity, second.port);
    const { head } = await gateway.ask(MeshOperation.Sync, { after: 0 });
    await pushes.subscribe(head);
    const { publicKey: recipientPublicKey } = await generateKeyPair();
    const lease = (appliedHead: number) =>
      gateway.ask(MeshOperation.Lease, {
        tenant,
        service,
        recipientPublicKey,
        appliedHead,
        held: [],
        wanted: [],
      });
    assert.equal((await lease(head)).outcome, 'granted');
    await region.job('UNLINK', { tenant: 'acme', epoch: 1, reason: 'test' });
    const { number, push } = await pushes.nextPush();
    assert.equal(push.kind, 'tenant.closed');
    // Behind: the gateway has not said that it applied the closure.
    assert.deepEqual(await lease(head), { outcome: 'behind', head: number });
    const refused = await lease(number);
    // At the latest when the other core looks at the link again.
    assert.ok(refused.outcome === 'refused' || refused.outcome === 'granted');
    await new Promise((resolve) => setTimeout(resolve, 600));
    const later = await lease(number);
    assert.equal(later.outcome === 'refused' && later.reason, 'LINK_CLOSED');
  });

  test('the process initialises once, says when it is ready, and stops when told', async () => {
    const config = {
      ...region.config,
      instance: 'core-3',
      log: { level: 'info' },
      broker: { url: 'nats://127.0.0.1:1' },
    };
    const path = join(directory, 'core-3.json');
    await writePrivate(path, JSON.stringify(config));
    const init = await run('init', '--config', path);
    await init.waitForLine(/it was initialised before/);
    await init.expectCleanExit();
    const core = await run('--config', path);
    await core.waitForLine(/"msg":"ready"/);
    assert.equal((await core.stop('SIGTERM')).code, 0);
  });

  test('a core that may not lock its memory serves, and warns with what to set', async () => {
    const path = join(directory, 'core-4.json');
    const config = { ...region.config, instance: 'core-4', broker: { url: 'nats://127.0.0.1:1' } };
    await writePrivate(path, JSON.stringify({ ...config, log: { level: 'info' } }));
    const limited = ['sh', '-c', 'ulimit -l 0; exec "$@"', 'sh', process.execPath, main, '--config', path];
    // Root may lock past any limit, so it gives that right up first (util-linux).
    const [command = '', ...args] =
      process.getuid?.() === 0
        ? ['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock', ...limited]
        : limited;
    const core = await startChild({ name: 'core', command, args });
    await core.waitForLine(/"msg":"ready"/);
    const line = await core.waitForLine(/bytes of key memory are locked/);
    assert.match(line, /"level":"warn".*LimitMEMLOCK=\d+/);
    assert.equal((await core.stop('SIGTERM')).code, 0);
  });

  test('a wrong configuration is named, and nothing starts', async () => {
    const path = join(directory, 'wrong.json');
    await writePrivate(path, JSON.stringify({ ...region.config, region: 'NOT A REGION' }));
    const core = await run('--config', path);
    await core.waitForLine(/region/);
    assert.equal((await core.exited).code, 1);
  });
});

describe('a region whose seal is a token', () => {
  const GIVE_UP_MS = 20_000;
  const ASK_AGAIN_MS = 20;

  /** The L3 as a gateway gets it, asked for until somebody answers. */
  async function leased(region: TestRegion, identity: TestIdentity, port: number): Promise<Buffer> {
    const giveUpAt = performance.now() + GIVE_UP_MS;
    for (;;) {
      const gateway = region.connect(identity, port);
      try {
        const { key } = await leasedKey(region, gateway);
        return key.use((bytes) => Buffer.from(bytes));
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        await delay(ASK_AGAIN_MS);
      } finally {
        gateway.close();
      }
    }
  }

  async function link(region: TestRegion): Promise<void> {
    const { publicKey } = await region.job('LINK_PREPARE', { tenant: acme, epoch: 1 });
    const job = randomUUID();
    const nowMs = Date.now();
    await region.job(
      'LINK',
      {
        tenant: acme,
        epoch: 1,
        provedAt: new Date(nowMs).toISOString(),
        expiresAt: new Date(nowMs + HOUR_MS).toISOString(),
        secret: await sealLinkSecret(Buffer.from(publicKey, 'base64url'), randomBytes(32), {
          tenant: acme,
          region: parseRegionId(region.config.region),
          epoch: 1,
          purpose: 'fresh',
          job,
        }),
      },
      job,
    );
  }

  test('killed and started again, it serves a linked tenant by itself, and nobody is asked', async (t) => {
    const { module, tokenLabel, pinFile } = await startSoftHsm();
    const directory = temporaryDirectory('core');
    const quiet = createLogger({ name: 'test', level: 'silent' });
    const region = await TestRegion.create((await testDatabase()).url, directory, (config) => {
      config.seal = { kind: 'pkcs11', module, tokenLabel, keyLabel: 'unseal', pinFile };
      return initialiseRegion(config, quiet);
    });
    await region.start();
    const { gatewayIdentity } = await populate(region);
    await link(region);
    const { port, keychain } = region.core;
    // The first link has every key replaced: from then on the L3 stays the same.
    while ((await keychain.tenantsWithWork(1)).length > 0) await delay(ASK_AGAIN_MS);
    await region.stop();

    const path = join(directory, 'core.json');
    const kmip = { ...region.config.kmip, port };
    const config = { ...region.config, kmip, broker: { url: 'nats://127.0.0.1:1' }, log: { level: 'info' } };
    await writePrivate(path, JSON.stringify(config));
    const first = await run('--config', path);
    const l3 = await leased(region, gatewayIdentity, port);
    await first.kill();

    const startedAt = performance.now();
    const second = await run('--config', path);
    const again = await leased(region, gatewayIdentity, port);
    const tookMs = performance.now() - startedAt;
    t.diagnostic(`the L3 was leased ${Math.round(tookMs)} ms after the start`);
    assert.deepEqual(again, l3);
    assert.equal((await second.stop('SIGTERM')).code, 0);
  });
});
