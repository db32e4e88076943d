/**
 * What the memory of a core and a gateway holds, read from outside, while a tenant's link lives and after UNLINK (D3).
 * The processes tell the test every secret that they make; each is looked for in halves, in every mapping that can be
 * read. What the tests find while keys are in use proves that they would find what was left behind.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { MemoryLockStatus } from '../execution/envelope/index.ts';
import { attribute, Operation } from '../execution/kmip/index.ts';
import { inProcesses, MemoryProcess } from './support/memory-process.ts';
import { type Pattern, scanMemory } from './support/memory-scan.ts';
import { type RegionWorld, startRegion, until } from './support/region.ts';

const core = new MemoryProcess();
const gateway = new MemoryProcess();
let world: RegionWorld;

/** Which functions make a secret of this kind. */
const kinds = {
  L2: ['openL2'],
  L3: ['openL3'],
  'link secret': ['received', 'openLease'],
  'wrapping key': ['deriveWrappingKey'],
  'HPKE key of an epoch': ['prepareLink', 'openLink'],
  'key of the region': ['unseal'],
  'lease key': ['openWith', 'sealLeasedKeys'],
  'leased L3': ['openLeasedKeys'],
  'HPKE key of a gateway': ['assemble'],
  L4: ['create', 'KeyRing'],
  subkey: ['deriveSubkey'],
} as const satisfies Record<string, readonly string[]>;
type Kind = keyof typeof kinds;
/** They are the region's and the process's own, not a tenant's: in use as long as the process serves. */
const STAYING: readonly Kind[] = ['key of the region', 'HPKE key of a gateway'];

/** Every key that the process has made, the innermost kind first. Manifests and clients' data are no keys. */
function keysOf(process: MemoryProcess): Pattern[] {
  const names = Object.keys(kinds) as Kind[];
  const found = new Map<string, Pattern>();
  for (const { made, bytes } of process.secrets()) {
    if (bytes.length !== 32 || made.includes('openManifest')) continue;
    const makes = (kind: Kind) => kinds[kind].some((name) => made.includes(name));
    const name = (made.includes('deriveSubkey') ? 'subkey' : names.find(makes)) ?? made.join(' ');
    const known = found.get(bytes.toString('hex'))?.name;
    // A key is made before it is opened under its own name.
    if (known === undefined || !(known in kinds)) found.set(bytes.toString('hex'), { name, bytes });
  }
  return [...found.values()];
}

function scan(process: MemoryProcess): Map<string, number> {
  const { findings, scannedBytes } = scanMemory(process.pid, keysOf(process));
  assert.ok(scannedBytes > 50_000_000, 'a whole process was read');
  const found = new Map<string, number>();
  for (const { name } of findings) found.set(name, (found.get(name) ?? 0) + 1);
  return found;
}

async function healthOf({ ready }: MemoryProcess): Promise<{ memory: MemoryLockStatus; leases?: number }> {
  const answer = await (await fetch(`${ready.healthUrl}/healthz`)).json();
  return answer as { memory: MemoryLockStatus; leases?: number };
}

async function useKeys(tenant: string): Promise<void> {
  await world.provision(tenant, 'orders');
  await world.link(tenant, 1);
  const client = world.client(await world.application(`app-of-${tenant}`, tenant, ['orders']));
  const { uniqueIdentifier } = await client.request(Operation.Create, {
    objectType: 2,
    templateAttribute: {
      attribute: [
        attribute('Cryptographic Algorithm', 3),
        attribute('Cryptographic Length', 256),
        attribute('Cryptographic Usage Mask', 12),
      ],
    },
  });
  await client.request(Operation.Activate, { uniqueIdentifier });
  for (let i = 0; i < 10; i++) {
    // GCM
    const cryptographicParameters = { blockCipherMode: 9 };
    const data = randomBytes(48);
    const sealed = await client.request(Operation.Encrypt, {
      uniqueIdentifier,
      data,
      cryptographicParameters,
    });
    const opened = await client.request(Operation.Decrypt, {
      uniqueIdentifier,
      data: sealed.data,
      cryptographicParameters,
      ivCounterNonce: sealed.ivCounterNonce,
      authenticatedEncryptionTag: sealed.authenticatedEncryptionTag,
    });
    assert.deepEqual(Buffer.from(opened.data ?? []), data);
    const wrapped = await client.request(Operation.Encrypt, { uniqueIdentifier: 'l3:orders', data });
    await client.request(Operation.Decrypt, { uniqueIdentifier: 'l3:orders', data: wrapped.data });
  }
  client.close();
}

describe('the memory of core and gateway', () => {
  before(async () => {
    world = await startRegion(undefined, inProcesses(core, gateway));
    await useKeys('acme');
  });
  after(() => world.close());

  for (const [kind, functionName] of [
    ['link secret', 'tenantWrappingKey'],
    ['wrapping key', 'openL2'],
    ['L2', 'sealL3'],
  ] as const) {
    test(`the ${kind} is there while ${functionName} uses it`, async () => {
      const service = `for-${functionName.toLowerCase()}`;
      const provision = () => world.job('SERVICE_PROVISION', { tenant: 'acme', service });
      const found = await core.whileHeldIn(functionName, provision, () => scan(core));
      assert.ok((found.get(kind) ?? 0) >= 2, JSON.stringify([...found]));
    });
  }

  test('both say in their health what the kernel has locked', async () => {
    for (const process of [core, gateway]) {
      const { state, wantedBytes, lockedBytes } = (await healthOf(process)).memory;
      assert.equal(state, 'locked');
      assert.ok(wantedBytes > 0 && lockedBytes !== undefined && lockedBytes >= wantedBytes);
    }
  });

  test('while nobody opens anything, the keys in use are there once each, and no other', async () => {
    // After a first link the region replaces the L3 by itself: until that is done, something is being opened.
    await until(
      'the region is done with its own work',
      () => {
        const found = scan(core);
        return found.size === 2 && found.get('L3') === 4;
      },
      10_000,
    );
    // The gateway follows a rotation in the background: it holds the new version a moment later.
    await until('the gateway has followed', () => scan(gateway).get('leased L3') === 4, 20_000);
    const inCore = scan(core);
    assert.deepEqual([...inCore.keys()].sort(), ['L3', 'key of the region']);
    // One service is held open: its key from before the first link and the one from after it, in two halves each.
    assert.equal(inCore.get('L3'), 4);
    const inGateway = scan(gateway);
    assert.deepEqual([...inGateway.keys()].sort(), ['HPKE key of a gateway', 'L4', 'leased L3', 'subkey']);
    assert.equal(inGateway.get('leased L3'), 4);
    assert.equal(inGateway.get('HPKE key of a gateway'), 2);
  });

  test('after UNLINK neither holds a key of the tenant, nor anything that opens one', async () => {
    await world.job('UNLINK', { tenant: 'acme', epoch: 1, reason: 'the memory test' });
    await until('the gateway has dropped its lease', async () => (await healthOf(gateway)).leases === 0);
    const kindsMade = new Set([...keysOf(core), ...keysOf(gateway)].map(({ name }) => name));
    for (const kind of Object.keys(kinds)) assert.ok(kindsMade.has(kind), `no ${kind} was ever looked for`);
    const left = [...scan(core), ...scan(gateway)].filter(([name]) => !STAYING.includes(name as Kind));
    assert.deepEqual(left, []);
  });
});
