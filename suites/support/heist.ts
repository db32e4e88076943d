/**
 * A story of two planes (planes.ts), and what thieves carry away at its turns. Of the tenants, `acme` goes through
 * everything, `rival` is linked and closed, `newcomer` is never linked, and `hasty` is closed before its link opens.
 */
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRegionId } from '../../contracts/index.ts';
import { keysIn } from '../../execution/core/store/tables.ts';
import { SecretBytes } from '../../execution/envelope/index.ts';
import {
  createDevelopmentSeal,
  DEVELOPMENT_SEAL_KIND,
  readSealedUnsealKey,
  replaceSeal,
} from '../../execution/keychain/index.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import type { Pattern } from './memory-scan.ts';
import { type PlaneRegion, startPlanes } from './planes.ts';
import {
  carvedLeases,
  cmkDatabase,
  coreDatabase,
  type Dump,
  dumpPostgres,
  everyValue,
  gatewayDisk,
  keyFile,
  recordedFrames,
  type Stolen,
} from './stolen.ts';
import { opened } from './thief.ts';
import { KEY_BYTES } from './wrapped.ts';

/** In the order of the story. While prepared: after LINK_PREPARE, and before the LINK came. */
const turns = [
  'before the first link',
  'prepared',
  'linked',
  'closed',
  'prepared again',
  'linked again',
  'rotated',
  'an L3 compromised',
  'the L2 compromised',
  'under another seal',
] as const;
export type Turn = (typeof turns)[number];

export interface Goods {
  /** Every secret that any part of it ever made. */
  readonly secrets: readonly Pattern[];
  /** L4 keys, by a word for each. */
  readonly l4: Readonly<Record<string, string>>;
  /** The database of region `eu`, and CMK's. */
  readonly eu: ReadonlyMap<Turn, Dump>;
  readonly cmk: ReadonlyMap<Turn, Dump>;
  /** The other region's database, while linked and when closed. */
  readonly us: { readonly linked: Stolen; readonly closed: Stolen };
  /** Deleted leases from the disk under both, when closed. */
  readonly deleted: Stolen;
  readonly recording: Stolen;
  readonly broker: Stolen;
  /** Of the gateway in `eu`, while linked. */
  readonly gateway: Stolen;
  readonly seals: { readonly eu: Stolen; readonly us: Stolen; readonly euAfterwards: Stolen };
  readonly keystore: Stolen;
  /** A copy of the keystore, for whoever has CMK's credential. */
  readonly keystorePath: string;
}

export async function heist(): Promise<Goods> {
  const told = tellSecrets();
  const planes = await startPlanes();
  try {
    const { world } = planes;
    const [eu, cmk] = [new Map<Turn, Dump>(), new Map<Turn, Dump>()];
    const haul = async (turn: Turn): Promise<void> => {
      eu.set(turn, await dumpPostgres(planes.eu.databaseUrl));
      cmk.set(turn, await dumpPostgres(planes.cmkUrl));
    };
    const whilePrepared = (turn: Turn, act: () => Promise<void>): Promise<void> => {
      const take = async (): Promise<void> => {
        if (!eu.has(turn)) await haul(turn);
      };
      return planes.recording.beforeTask('LINK', 'eu', take, act);
    };
    const l4: Record<string, string> = {};
    const onlyOrders = { service: 'orders', regions: ['eu'] };

    await planes.onboard('acme', 'orders', 'parcels');
    for (const tenant of ['rival', 'newcomer', 'hasty']) await planes.onboard(tenant, 'orders');
    l4['early'] = await planes.createKey('acme', 'orders', 1);
    l4['newcomers'] = await planes.createKey('newcomer', 'orders', 1);
    await haul('before the first link');

    await whilePrepared('prepared', () => planes.link('acme'));
    await planes.link('rival');
    l4['late'] = await planes.createKey('acme', 'orders', 2);
    l4['parcel'] = await planes.createKey('acme', 'parcels', 2);
    l4['rivals'] = await planes.createKey('rival', 'orders', 2);
    await haul('linked');
    const usLinked = coreDatabase(await dumpPostgres(planes.us.databaseUrl));
    const gateway = gatewayDisk('eu', planes.copyGatewayStore());

    await world.must(202, 'POST', '/v1/tenants/acme/rotations', onlyOrders);
    l4['later'] = await planes.createKey('acme', 'orders', 3);
    await planes.closeBeforeOpen('hasty');
    for (const tenant of ['acme', 'rival']) await planes.unlink(tenant);
    await haul('closed');
    const usClosed = await dumpPostgres(planes.us.databaseUrl);
    const closed = [usClosed, ...[eu.get('closed')].filter((dump) => dump !== undefined)];
    // Nor does a VACUUM write over what was deleted.
    for (const statement of ['CHECKPOINT', 'VACUUM keychain.links', 'CHECKPOINT'])
      await withClient({ url: planes.eu.databaseUrl }, (client) => client.query(statement));
    const deleted = carvedLeases(planes.dataDirectory, closed);

    await whilePrepared('prepared again', () => planes.link('acme'));
    await haul('linked again');
    await planes.rotateLink('acme');
    await haul('rotated');

    const compromise = (which: object) =>
      world.must(202, 'POST', '/v1/tenants/acme/compromises', { ...which, reason: 'a thief had it' });
    await compromise(onlyOrders);
    l4['after'] = await planes.createKey('acme', 'orders', 4);
    await haul('an L3 compromised');
    await compromise({ regions: ['eu'] });
    l4['last'] = await planes.createKey('acme', 'orders', 5);
    await planes.settled('acme');
    await haul('the L2 compromised');

    const seals = {
      eu: keyFile(planes.eu.sealPath),
      us: keyFile(planes.us.sealPath),
      euAfterwards: keyFile(await changeSeal(planes.eu)),
    };
    await haul('under another seal');

    const keystorePath = join(temporaryDirectory('keystore'), 'keystore.json');
    copyFileSync(world.keystorePath, keystorePath);
    const keystore = keyFile(keystorePath);
    const recording = recordedFrames(planes.recording.frames);
    const broker = everyValue(await dumpPostgres(planes.brokerUrl));
    assert.deepEqual([...eu.keys()], turns);

    // What a region need never have heard of.
    const linkSecrets = await opened(cmkDatabase(await dumpPostgres(planes.cmkUrl)), keystore);
    const secrets = [
      ...told.secrets,
      ...[...linkSecrets].map(([name, bytes]) => ({ name, bytes })),
      ...keystore.keys.map((bytes) => ({ name: 'L1', bytes })),
    ];
    const us = { linked: usLinked, closed: coreDatabase(usClosed) };
    return { secrets, l4, eu, cmk, us, deleted, recording, broker, gateway, seals, keystore, keystorePath };
  } finally {
    told.stop();
    await planes.close();
  }
}

/** Every secret as long as a key that this process makes until `stop`, named after what made it. */
function tellSecrets(): { readonly secrets: Pattern[]; stop(): void } {
  const secrets: Pattern[] = [];
  const { fill } = SecretBytes;
  SecretBytes.fill = (sizeBytes, write) => {
    const secret = fill.call(SecretBytes, sizeBytes, write);
    if (sizeBytes === KEY_BYTES) {
      const made = [...(new Error('here').stack ?? '').matchAll(/at (?:async )?([\w.#$]+) \(/g)];
      const name = made.map(([, by]) => by).join(' < ');
      secrets.push({ name, bytes: secret.use((bytes) => Buffer.from(bytes)) });
    }
    return secret;
  };
  const stop = (): void => {
    SecretBytes.fill = fill;
  };
  return { secrets, stop };
}

/** As `okcm region migrate-seal` does. Returns where the new seal lies. */
async function changeSeal({ core, sealPath }: PlaneRegion): Promise<string> {
  const path = join(temporaryDirectory('seal'), 'seal.json');
  const before = await createDevelopmentSeal(sealPath);
  const after = await createDevelopmentSeal(path, { create: true });
  const binding = { cluster: 'test', region: parseRegionId('eu') };
  const db = keysIn(core.db);
  const sealed = await readSealedUnsealKey(db, binding);
  using unsealKey = await before.openUnsealKey(sealed, binding);
  using fresh = SecretBytes.random(KEY_BYTES);
  const blob = await after.sealUnsealKey(fresh, binding);
  const change = {
    before: sealed,
    unsealKey,
    after: { kind: DEVELOPMENT_SEAL_KIND, blob, unsealKey: fresh },
  };
  await db.transaction().execute((tx) => replaceSeal(tx, binding, change));
  return path;
}
