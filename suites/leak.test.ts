/**
 * The search for leaked keys: L4 keys whose bytes are known (Get gives them to their owner), and the link secrets' own
 * L1 keys, must stand nowhere: no log, no database file, no dump, no file of the home, in no usual spelling.
 */
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { before, describe, test } from 'node:test';
import { System } from '../testkit/system.ts';
import { governanceDatabase, regionDatabase } from './support/databases.ts';
import { leavesOf } from './support/spellings.ts';
import { dumpPostgres } from './support/stolen.ts';

/** Where keys lie by declaration: the development seal and the software keystore, which are outside stores here. */
const DECLARED = [/DEVELOPMENT-SEAL\.json$/, /software-keystore\.json$/];

/** File times are coarser than the clock. */
const CLOCK_GRAIN_MS = 1_000;

interface Needle {
  readonly what: string;
  readonly bytes: Buffer;
}

/** A key as it might be written: raw, hexadecimal, and base64 at each of the three alignments. */
function spellings(what: string, key: Buffer): Needle[] {
  const aligned = [0, 1, 2].flatMap((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift), key]);
    // The first and last characters hold bits of neighbours: only the inner ones are the key's own.
    const inner = padded
      .toString('base64')
      .replaceAll('=', '')
      .slice(shift === 0 ? 0 : 4, -4);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const hex = key.toString('hex');
  return [
    { what: `${what}, raw`, bytes: key },
    { what: `${what}, hex`, bytes: Buffer.from(hex) },
    { what: `${what}, HEX`, bytes: Buffer.from(hex.toUpperCase()) },
    ...aligned.map((text) => ({ what: `${what}, base64`, bytes: Buffer.from(text) })),
  ];
}

/** Every file that has changed since `sinceMs`; the others are older than the keys. */
async function* filesBelow(
  directory: string,
  sinceMs: number,
  seen = new Set<string>(),
): AsyncGenerator<string> {
  const real = await realpath(directory);
  if (seen.has(real)) return;
  seen.add(real);
  for (const entry of await readdir(real)) {
    const path = join(real, entry);
    const info = await stat(path).catch(() => undefined);
    if (info?.isDirectory() === true) yield* filesBelow(path, sinceMs, seen);
    else if (info?.isFile() === true && info.mtimeMs >= sinceMs) yield path;
  }
}

/** The needles in a file, whatever its size. */
async function search(path: string, needles: readonly Needle[]): Promise<string[]> {
  const overlap = Math.max(...needles.map(({ bytes }) => bytes.length));
  const found = new Set<string>();
  let tail = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    const window = Buffer.concat([tail, Buffer.from(chunk)]);
    for (const { what, bytes } of needles) if (window.includes(bytes)) found.add(what);
    tail = window.subarray(-overlap);
  }
  return [...found];
}

describe('leaks', () => {
  let system: System;
  const keys: Buffer[] = [];
  let needles: Needle[] = [];
  /** A little before the first of the keys was made. */
  let sinceMs = 0;

  before(async () => {
    system = await System.shared();
    for (const region of system.regions) {
      const application = await system.application(region);
      const uid = await application.create({ name: `leak-${region}`, active: true });
      const successor = await application.reKey(uid);
      for (const key of [uid, successor]) {
        const { material } = await application.get(key);
        keys.push(Buffer.from(material));
        await application.encrypt(key, Buffer.from(material));
        await application.encrypt('l3:payments', Buffer.from(material));
      }
      await assert.rejects(
        application.decrypt(uid, {
          data: keys[0] ?? Buffer.alloc(32),
          iv: Buffer.alloc(12),
          tag: Buffer.alloc(16),
        }),
      );
      application.close();
    }
    const keystore = JSON.parse(
      await readFile(join(system.home, 'cmk', 'software-keystore.json'), 'utf8'),
    ) as {
      keys: Record<string, { material: string; createdAt: string }>;
    };
    const births = Object.values(keystore.keys).map(({ createdAt }) => Date.parse(createdAt));
    sinceMs = Math.min(...births) - CLOCK_GRAIN_MS;
    needles = [
      ...keys.flatMap((key, index) => spellings(`L4 key ${index}`, key)),
      ...Object.values(keystore.keys).flatMap(({ material }) =>
        spellings('L1 key', Buffer.from(material, 'base64')),
      ),
    ];
  });

  test('the search finds what is there', async () => {
    assert.equal(keys.length, 4);
    const found = await search(join(system.home, 'cmk', 'software-keystore.json'), needles);
    assert.deepEqual(found, ['L1 key, base64']);
  });

  test('no table of any database holds a key', async () => {
    const read = new Set<string>();
    const { home, regions } = system;
    const urls = [
      await governanceDatabase(home),
      ...(await Promise.all(regions.map((region) => regionDatabase(home, region)))),
    ];
    for (const url of urls) {
      for (const [table, rows] of await dumpPostgres(url)) {
        if (rows.length > 0) read.add(table);
        for (const leaf of rows.flatMap((row) => [...leavesOf(row)]))
          for (const { what, bytes } of needles)
            assert.ok(!leaf.includes(bytes), `${what} in table ${table}`);
      }
    }
    // Tables of tenants among them, of which row-level security shows nothing to their owner.
    for (const table of ['public.links', 'keychain.tenants', 'keychain.keys', 'core.objects'])
      assert.ok(read.has(table), `no row of ${table} was read`);
  });

  test('no file holds a key: logs, databases, journals, configuration', async (t) => {
    let count = 0;
    const found: string[] = [];
    for (const top of [system.home, ...system.endpoints.data]) {
      for await (const path of filesBelow(top, sinceMs)) {
        if (DECLARED.some((pattern) => pattern.test(path))) continue;
        count++;
        for (const what of await search(path, needles))
          found.push(`${what} in ${relative(system.home, path)}`);
      }
    }
    t.diagnostic(`${count} files searched`);
    assert.ok(count > 100, `only ${count} files were read`);
    assert.ok(sinceMs > 0);
    assert.deepEqual(found, []);
  });
});
