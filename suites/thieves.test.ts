/**
 * The thefts of docs/guide/who-holds-what.md, one test for each row, played with the real goods: databases, files, what
 * crossed the broker, and the memory of processes. Each shows that the goods open nothing by themselves, and that with
 * the second thing they open exactly what that page says: a thief who can open nothing at all would prove nothing.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { KmipClient } from '../execution/kmip/index.ts';
import { SoftwareKeystore } from '../governance/keystores/software.ts';
import { withClient } from '../platform/postgres-admin.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { create, roundTrip } from './support/applications.ts';
import { type Goods, heist, type Turn } from './support/heist.ts';
import { inProcesses, MemoryProcess } from './support/memory-process.ts';
import { keysInMemory } from './support/memory-scan.ts';
import { REGION, type RegionWorld, startRegion, until } from './support/region.ts';
import { decoded } from './support/spellings.ts';
import {
  bareKeys,
  cmkDatabase,
  coreDatabase,
  type Dump,
  dumpPostgres,
  gatewayDisk,
  keyFile,
  l1Wrapped,
  only,
  type Stolen,
  without,
} from './support/stolen.ts';
import { inPlain, opened, opens } from './support/thief.ts';
import { KEY_BYTES } from './support/wrapped.ts';

/** The names of one owner's keys among all: of a tenant, or of a region itself. A manifest is no key. */
function of(owner: string, names: readonly string[]): string[] {
  return names
    .filter((name) => name.startsWith(`${owner}: `))
    .map((name) => name.slice(owner.length + 2))
    .filter((name) => name !== 'manifest');
}

function ownersIn(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.split(':')[0] ?? ''))].sort();
}

/** With a word for each L4 key in place of its UID. */
function labelled(l4: Readonly<Record<string, string>>, names: Iterable<string>): string[] {
  const labels = new Map(Object.entries(l4).map(([label, uid]) => [uid, label]));
  return [...names].map((name) => name.replace(/(?<=L4 ).*/, (uid) => labels.get(uid) ?? uid)).sort();
}

describe('who steals', () => {
  let goods: Goods;
  before(async () => {
    goods = await heist();
  });

  const dumpOf = (dumps: ReadonlyMap<Turn, Dump>, turn: Turn): Dump => {
    const dump = dumps.get(turn);
    assert.ok(dump !== undefined, turn);
    return dump;
  };
  /** Reading a dump takes a while. */
  const known = new Map<Dump, Stolen>();
  const read = (dump: Dump, as: (dump: Dump) => Stolen): Stolen => {
    const stolen = known.get(dump) ?? as(dump);
    known.set(dump, stolen);
    return stolen;
  };
  const core = (turn: Turn): Stolen => read(dumpOf(goods.eu, turn), coreDatabase);
  const coreWithoutLinks = (turn: Turn): Stolen =>
    coreDatabase(without(dumpOf(goods.eu, turn), 'keychain.links'));
  const cmk = (turn: Turn): Stolen => read(dumpOf(goods.cmk, turn), cmkDatabase);
  const opensOf = async (owner: string, ...stolen: Stolen[]): Promise<string[]> =>
    labelled(goods.l4, of(owner, await opens(...stolen)));

  async function holdsAndOpensNothing(...stolen: readonly Stolen[]): Promise<void> {
    for (const each of stolen) {
      assert.deepEqual(inPlain(each, goods.secrets), []);
      assert.deepEqual(await opens(each), []);
    }
  }

  const acmeLinked = [
    'L2 2',
    'L3 orders 1',
    'L3 orders 2',
    'L3 parcels 1',
    'L3 parcels 2',
    'L4 early',
    'L4 late',
    'L4 parcel',
    'link secret 1',
    'regional secret 1',
  ];
  const acmeClosed = [...acmeLinked, 'L3 orders 3', 'L4 later'].sort();
  const newcomers = ['L2 1', 'L3 orders 1', 'L4 newcomers', 'regional secret 0'];

  test('the search finds a secret however it is spelled, and looks for all that anything opens to', async () => {
    const key = randomBytes(KEY_BYTES);
    const base64 = key.toString('base64');
    const nested = JSON.stringify({ a: Buffer.from(JSON.stringify({ b: base64 })).toString('base64url') });
    for (const text of [
      key,
      key.toString('hex'),
      `0${key.toString('hex').toUpperCase()}`,
      base64,
      key.subarray(KEY_BYTES / 2).toString('base64url'),
      `x${base64}`,
      Buffer.concat([randomBytes(2), key]).toString('base64'),
      nested,
      Buffer.from(nested).toString('hex'),
    ]) {
      const stolen = { wrapped: [], keys: [], values: [...decoded(Buffer.from(text))] };
      assert.deepEqual(inPlain(stolen, [{ name: 'key', bytes: key }]), ['key'], text.toString('latin1'));
    }
    const { seals, us, keystore, secrets } = goods;
    assert.ok(inPlain(seals.eu, secrets).length > 0);
    assert.ok(inPlain(keystore, secrets).includes('L1'));
    const isKnown = new Set(secrets.map(({ bytes }) => bytes.toString('hex')));
    const all = await opened(
      core('linked'),
      core('an L3 compromised'),
      cmk('rotated'),
      us.linked,
      keystore,
      seals.eu,
      seals.us,
    );
    for (const [name, plain] of all)
      if (plain.length === KEY_BYTES) assert.ok(isKnown.has(plain.toString('hex')), name);
  });

  test('all databases, disks and recordings together, without a seal and without the L1', async () => {
    const { us, gateway, recording, broker } = goods;
    const atRest = [...goods.eu.keys()].flatMap((turn) => [core(turn), cmk(turn)]);
    assert.deepEqual(await opens(...atRest, us.linked, us.closed, gateway, recording, broker), []);
  });

  test('CMK’s database', async () => {
    const { keystore, recording, seals, us } = goods;
    await holdsAndOpensNothing(...[...goods.cmk.keys()].map(cmk));
    for (const region of ['eu', 'us'])
      assert.deepEqual(await opensOf(`${region}/acme`, cmk('rotated'), keystore), [
        'link secret 1',
        'link secret 2',
        'link secret 3',
      ]);
    // Each is half of a wrapping key: with all envelopes, and without the other half, no L2 opens.
    const halves = await opens(cmk('closed'), keystore);
    assert.deepEqual(await opens(cmk('closed'), keystore, core('closed'), us.closed), halves);
    const whole = await opens(cmk('closed'), keystore, core('closed'), seals.eu);
    assert.ok(whole.includes('eu/acme: L2 2'));
    // Its jobs keep what the broker carried.
    assert.deepEqual(
      await opensOf('eu/acme', cmk('linked'), core('prepared'), seals.eu),
      await opensOf('eu/acme', recording, core('prepared'), seals.eu),
    );
  });

  test('the broker’s disk, or a recording of all it ever carried', async () => {
    const { recording, broker, seals } = goods;
    await holdsAndOpensNothing(recording, broker);
    const alone = await opensOf('eu/acme', core('prepared'), seals.eu);
    assert.deepEqual(alone, [
      'HPKE key 1',
      'L2 1',
      'L3 orders 1',
      'L3 parcels 1',
      'L4 early',
      'regional secret 0',
    ]);
    const together = await opensOf('eu/acme', recording, core('prepared'), seals.eu);
    assert.deepEqual(together, [...alone, 'link secret 1'].sort());
    assert.deepEqual(await opens(recording, core('prepared')), []);
    // A LINK after an UNLINK carries the secret before it once more, and L2 still stands under that one.
    assert.deepEqual(
      await opensOf('eu/acme', recording, core('prepared again'), seals.eu),
      [...acmeClosed, 'HPKE key 2', 'link secret 2'].sort(),
    );
    // Once its epoch is open the key is gone, and after UNLINK the lease.
    for (const turn of ['linked', 'closed', 'linked again', 'rotated'] as const)
      assert.deepEqual(await opens(recording, core(turn), seals.eu), await opens(core(turn), seals.eu), turn);
    assert.deepEqual(await opensOf('eu/acme', recording, core('closed'), seals.eu), ['regional secret 1']);
  });

  test('the core’s database', async () => {
    await holdsAndOpensNothing(...[...goods.eu.keys()].map(core), goods.us.linked, goods.us.closed);
    const names = await opens(core('linked'), goods.seals.eu);
    assert.deepEqual(ownersIn(names), ['eu', 'eu/acme', 'eu/hasty', 'eu/newcomer', 'eu/rival']);
    assert.deepEqual(of('eu', names), ['IVK 1', 'MasterKey', 'unseal key']);
    assert.deepEqual(labelled(goods.l4, of('eu/acme', names)), acmeLinked);
    assert.deepEqual(labelled(goods.l4, of('eu/rival', names)), [
      'L2 2',
      'L3 orders 1',
      'L3 orders 2',
      'L4 rivals',
      'link secret 1',
      'regional secret 1',
    ]);
    // What has linked no L1 stands on the regional secret alone.
    assert.deepEqual(labelled(goods.l4, of('eu/newcomer', names)), newcomers);
  });

  test('the core’s database of a tenant that is closed', async () => {
    const { recording, broker, gateway, keystore } = goods;
    const region = [core('closed'), goods.seals.eu];
    const names = await opens(...region);
    for (const tenant of ['acme', 'rival'])
      assert.deepEqual(of(`eu/${tenant}`, names), ['regional secret 1'], tenant);
    // Nor with everything that lies outside of the region, but for the L1.
    const outside = [cmk('closed'), recording, broker, gateway];
    assert.deepEqual(await opens(...region, ...outside), names);
    assert.deepEqual(await opensOf('eu/acme', ...region, ...outside, keystore), acmeClosed);
    // One that was closed before its first link opened never had a second half.
    assert.deepEqual(of('eu/hasty', names), ['L2 1', 'L3 orders 1', 'regional secret 0']);
  });

  test('a gateway’s disk', async () => {
    const { gateway, seals } = goods;
    await holdsAndOpensNothing(gateway);
    const all = await opened(core('linked'), seals.eu);
    const l3 = (version: number) => bareKeys(all.get(`eu/acme: L3 orders ${version}`) ?? Buffer.alloc(0));
    assert.deepEqual(await opensOf('eu/acme', gateway, l3(1)), ['L4 early']);
    assert.deepEqual(await opensOf('eu/acme', gateway, l3(1), l3(2)), ['L4 early', 'L4 late']);
    assert.deepEqual(ownersIn(await opens(gateway, l3(1), l3(2))), ['eu/acme']);
  });

  test('the region’s seal, until it is changed', async () => {
    const { seals, l4 } = goods;
    assert.deepEqual(await opens(seals.eu), []);
    const names = await opens(seals.euAfterwards, core('under another seal'));
    assert.ok(labelled(l4, of('eu/acme', names)).includes('L4 last'));
    assert.deepEqual(await opens(seals.eu, core('under another seal')), []);
    assert.deepEqual(
      await opens(seals.eu, core('the L2 compromised')),
      names,
      'a copy from before still opens',
    );
    // Nothing changes the MasterKey: whoever has had seal and database needs only a later database.
    const masterKey = (await opened(seals.eu, core('linked'))).get('eu: MasterKey') ?? Buffer.alloc(0);
    assert.deepEqual(
      await opensOf('eu/acme', bareKeys(masterKey), core('under another seal')),
      labelled(l4, of('eu/acme', names)),
    );
  });

  test('the customer’s KMS credential of CMK, until it is taken away', async () => {
    const provider = new SoftwareKeystore(goods.keystorePath);
    const wrapped = l1Wrapped(dumpOf(goods.cmk, 'closed'));
    const found = new Map<string, Buffer>();
    for (const { name, reference, wrapped: secret } of wrapped)
      found.set(name, await provider.unwrap(reference, secret));
    assert.deepEqual(found, await opened(cmk('closed'), goods.keystore));
    for (const { reference } of wrapped) await provider.setState(reference, 'forbidden');
    for (const { reference, wrapped: secret } of wrapped)
      await assert.rejects(provider.unwrap(reference, secret), /refuses CMK/);
  });

  test('one region, all of it', async () => {
    const { gateway, recording, seals, us } = goods;
    const own = [core('linked'), gateway, seals.eu, recording];
    const names = await opens(...own);
    assert.ok(names.includes('eu/acme: L2 2'));
    assert.deepEqual(await opens(...own, us.linked), names);
    const others = await opens(us.linked, seals.us);
    assert.ok(others.includes('us/acme: L2 2'));
    assert.deepEqual(await opens(us.linked, seals.us, core('linked'), gateway, recording), others);
  });

  test('a backup without the rows of links', async () => {
    const names = await opens(coreWithoutLinks('linked'), goods.seals.eu);
    assert.deepEqual(of('eu/acme', names), ['regional secret 1']);
    assert.deepEqual(labelled(goods.l4, of('eu/newcomer', names)), newcomers);
  });

  test('a backup with them, and what was made under the same L2 since', async () => {
    // After UNLINK: the half that left the database, and the half that stayed.
    assert.deepEqual(await opensOf('eu/acme', core('linked'), core('closed'), goods.seals.eu), acmeClosed);
    // Another epoch has halves of its own, and the same L2.
    const since = (turn: Turn) => opensOf('eu/acme', core('linked'), coreWithoutLinks(turn), goods.seals.eu);
    assert.deepEqual(await since('rotated'), [...acmeClosed, 'regional secret 3'].sort());
    assert.deepEqual(await since('the L2 compromised'), [...acmeLinked, 'regional secret 3'].sort());
  });

  test('a backup from before the first link', async () => {
    const backup = core('before the first link');
    assert.deepEqual(
      await opensOf('eu/acme', backup, coreWithoutLinks('linked'), goods.seals.eu),
      // Neither the L2 nor an L3 that the region made afterwards, nor what stands under one.
      ['L2 1', 'L3 orders 1', 'L3 parcels 1', 'L4 early', 'regional secret 0', 'regional secret 1'],
    );
  });

  test('the disk under a database, where PostgreSQL has not written over what was deleted', async () => {
    const { deleted, us, seals } = goods;
    const databases = [core('closed'), us.closed, seals.eu, seals.us];
    const keysOfClosed = (names: readonly string[]): string[] =>
      names.filter((name) => /\/(acme|rival): L2/.test(name));
    assert.deepEqual(keysOfClosed(await opens(...databases)), []);
    assert.deepEqual(await opens(deleted), []);
    // Not each of them: one may have been written over already.
    assert.ok(keysOfClosed(await opens(deleted, ...databases)).length > 0);
  });

  test('a half from before the link was rotated', async () => {
    const { keystore, seals } = goods;
    const regionalSecretOf = async (turn: Turn): Promise<Stolen> => {
      const all = [...(await opened(core(turn), seals.eu))];
      return bareKeys(...all.filter(([name]) => /^eu\/acme: regional/.test(name)).map(([, plain]) => plain));
    };
    // The link secrets of before, and the present regional secret.
    assert.deepEqual(
      await opensOf('eu/acme', cmk('linked again'), keystore, coreWithoutLinks('rotated'), seals.eu),
      ['link secret 1', 'link secret 2', 'regional secret 3'],
    );
    // The present link secret, and the regional secrets of before.
    const present = [cmk('rotated'), keystore];
    const l2AndL3 = coreDatabase(only(dumpOf(goods.eu, 'rotated'), 'keychain.root', 'keychain.keys'));
    const before = [await regionalSecretOf('linked'), await regionalSecretOf('linked again')];
    const linkSecrets = await opensOf('eu/acme', ...present);
    assert.deepEqual(await opensOf('eu/acme', ...present, ...before, l2AndL3), linkSecrets);
    // Both of the present.
    const now = await opensOf('eu/acme', ...present, await regionalSecretOf('rotated'), l2AndL3);
    assert.ok(now.includes('L2 2') && now.includes('L3 orders 3'));
  });

  test('an L3 from before it was called compromised', async () => {
    const all = [...(await opened(core('rotated'), goods.seals.eu))];
    const l3 = all.filter(([name]) => name.startsWith('eu/acme: L3 orders')).map(([, plain]) => plain);
    assert.equal(l3.length, 3);
    const names = await opensOf('eu/acme', bareKeys(...l3), core('an L3 compromised'));
    assert.deepEqual(names, ['L4 early', 'L4 late', 'L4 later']);
  });
});

describe('who reads the memory', () => {
  const processes = { core: new MemoryProcess(), gateway: new MemoryProcess() };
  const l4: Record<string, string> = {};
  let world: RegionWorld;
  let seal: Stolen;
  let database: Stolen;
  let disk: Stolen;
  let memory: { core: Stolen; gateway: Stolen };
  /** After UNLINK. */
  let closed: { core: Stolen; gateway: Stolen; database: Stolen };

  const look = () => ({
    core: bareKeys(...keysInMemory(processes.core.pid)),
    gateway: bareKeys(...keysInMemory(processes.gateway.pid)),
  });
  /** Which of the keys that the region's database holds lie open in what was stolen. */
  const lyingIn = async (stolen: Stolen): Promise<string[]> => {
    const held = new Set(stolen.keys.map((key) => key.toString('hex')));
    const all = [...(await opened(database, seal))].filter(([, plain]) => held.has(plain.toString('hex')));
    return labelled(
      l4,
      all.map(([name]) => name.slice(REGION.length)),
    );
  };
  const opensOf = async (tenant: string, ...stolen: Stolen[]): Promise<string[]> =>
    labelled(l4, of(`${REGION}/${tenant}`, await opens(...stolen)));

  before(async () => {
    world = await startRegion(undefined, inProcesses(processes.core, processes.gateway));
    const { coreConfig, gatewayConfig } = world;
    const dump = async () => coreDatabase(await dumpPostgres(coreConfig.database.url));
    await world.provision('acme', 'orders', 'parcels');
    for (const tenant of ['rival', 'newcomer']) await world.provision(tenant, 'orders');
    const clientOf = async (tenant: string, service: string): Promise<KmipClient> =>
      world.client(await world.application(`${tenant}-${service}`, tenant, [service]));
    const clients = {
      orders: await clientOf('acme', 'orders'),
      parcels: await clientOf('acme', 'parcels'),
      rivals: await clientOf('rival', 'orders'),
      newcomers: await clientOf('newcomer', 'orders'),
    };
    l4['early'] = await create(clients.orders);
    for (const tenant of ['acme', 'rival']) await world.link(tenant, 1);
    await until('the upkeep after the first links', async () => {
      const due = 'SELECT 1 FROM keychain.link_heads WHERE due_at IS NOT NULL';
      return await withClient(coreConfig.database, async (db) => (await db.query(due)).rowCount === 0);
    });
    l4['late'] = await create(clients.orders);
    l4['parcel'] = await create(clients.parcels);
    l4['rivals'] = await create(clients.rivals);
    l4['newcomers'] = await create(clients.newcomers);
    await until('the keys are announced', () => world.gateway.status().backlog === 0);
    await world.job('UNLINK', { tenant: 'rival', epoch: 1, reason: 'a thief is about' });
    for (const client of Object.values(clients)) client.close();

    // Fresh processes, of which one service of one tenant makes use.
    await world.stopGateway();
    await world.stopCore();
    await world.startCore();
    await world.restartGateway();
    const user = world.client(world.certificate('acme-orders'));
    await roundTrip(user, l4['late']);
    user.close();
    memory = look();
    database = await dump();
    assert.ok(coreConfig.seal.kind === 'development-key-file');
    seal = keyFile(coreConfig.seal.path);
    assert.ok(gatewayConfig.store.kind === undefined);
    const copy = join(temporaryDirectory('store'), 'gateway.sqlite');
    for (const suffix of ['', '-wal'])
      copyFileSync(`${gatewayConfig.store.path}${suffix}`, `${copy}${suffix}`);
    disk = gatewayDisk(REGION, copy);

    await world.job('UNLINK', { tenant: 'acme', epoch: 1, reason: 'a thief was here' });
    await until('the gateway holds no lease', async () => {
      const health = await fetch(`${processes.gateway.ready.healthUrl}/healthz`);
      return ((await health.json()) as { leases: number }).leases === 0;
    });
    closed = { ...look(), database: await dump() };
  });
  after(() => world.close());

  test('the core’s memory', async () => {
    const inUse = ['/acme: L3 orders 1', '/acme: L3 orders 2'];
    assert.deepEqual(await lyingIn(memory.core), [...inUse, ': IVK 1', ': MasterKey']);
    assert.deepEqual(await opensOf('acme', memory.core, database), [
      'L2 2',
      'L3 orders 1',
      'L3 orders 2',
      'L3 parcels 1',
      'L3 parcels 2',
      'L4 early',
      'L4 late',
      'L4 parcel',
      'link secret 1',
      'regional secret 1',
    ]);
    assert.deepEqual(await opensOf('newcomer', memory.core, database), [
      'L2 1',
      'L3 orders 1',
      'L4 newcomers',
      'regional secret 0',
    ]);
    assert.deepEqual(await opensOf('rival', memory.core, database), ['regional secret 1']);
    // Closed: what is read from now on.
    assert.deepEqual(await lyingIn(closed.core), [': IVK 1', ': MasterKey']);
    assert.deepEqual(await opensOf('acme', closed.core, closed.database), ['regional secret 1']);
  });

  test('a gateway’s memory', async () => {
    assert.deepEqual(await lyingIn(memory.gateway), [
      '/acme: L3 orders 1',
      '/acme: L3 orders 2',
      '/acme: L4 late',
    ]);
    for (const objects of [disk, database]) {
      assert.deepEqual(await opensOf('acme', memory.gateway, objects), ['L4 early', 'L4 late']);
      assert.deepEqual(ownersIn(await opens(memory.gateway, objects)), [`${REGION}/acme`]);
    }
    assert.deepEqual(await lyingIn(closed.gateway), []);
    assert.deepEqual(await opens(closed.gateway, disk, database), []);
  });
});
