/**
 * What a thief carries away, as he would read it with this repository in hand: which bytes are wrapped, and in what
 * context; which are keys; and every value, decoded as often as it was encoded, to be searched.
 */
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { withClient } from '../../platform/postgres-admin.ts';
import { type ReaderContext, readHeader } from '../../testkit/envelope-reader.ts';
import { decoded, keysAmong, leavesOf } from './spellings.ts';
import {
  carvedEnvelopes,
  contextOf,
  countEnvelopes,
  inEnvelope,
  l4sIn,
  sealedIn,
  underHalves,
  underL1,
  type Wrapped,
} from './wrapped.ts';

/** Versions of a regional secret, and revisions of a key: more than the tests make. */
const MAX_REVISION = 4;

export interface Stolen {
  readonly wrapped: readonly Wrapped[];
  /** What is a key by its place, so that it is worth more tries than any other value. */
  readonly keys: readonly Buffer[];
  /** Every value, as it lies there and decoded. */
  readonly values: readonly Buffer[];
}

type Row = Readonly<Record<string, unknown>>;
export type Dump = ReadonlyMap<string, readonly Row[]>;

/** Every row of every table, as `pg_dump` writes them, in one transaction. The login must be a superuser's. */
export async function dumpPostgres(url: string): Promise<Dump> {
  return await withClient({ url }, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%s.%s', n.nspname, c.relname) AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
         AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const dump = new Map<string, readonly Row[]>();
    for (const { name } of tables) dump.set(name, (await client.query<Row>(`SELECT * FROM ${name}`)).rows);
    return dump;
  });
}

export function without(dump: Dump, ...tables: readonly string[]): Dump {
  return new Map([...dump].filter(([table]) => !tables.includes(table)));
}

export function only(dump: Dump, ...tables: readonly string[]): Dump {
  return new Map([...dump].filter(([table]) => tables.includes(table)));
}

/** A region's database. Throws when it holds an envelope that nobody would try to open. */
export function coreDatabase(dump: Dump): Stolen {
  const root = one(dump, 'keychain.root');
  const [cluster, region] = [String(root['cluster']), String(root['region'])];
  const wrapped: Wrapped[] = [];
  const add = (owner: string, name: string, envelope: unknown, ...contexts: ReaderContext[]): void => {
    if (Buffer.isBuffer(envelope)) wrapped.push(inEnvelope(`${owner}: ${name}`, envelope, contexts));
  };
  const ofRegion = (level: string, version = 1) => contextOf(region, { level, objectId: cluster, version });
  add(region, 'unseal key', root['sealed_unseal_key'], ofRegion('unseal-key'));
  add(region, 'MasterKey', root['wrapped_master_key'], ofRegion('master-key'));
  for (const { version, wrapped: ivk } of rowsOf(dump, 'keychain.ivks'))
    add(region, `IVK ${version}`, ivk, ofRegion('ivk', Number(version)));
  const ofTenant = (tenant: string, level: string, version: number, revision = 1) =>
    contextOf(region, { tenant, level, objectId: tenant, version, revision });
  for (const row of rowsOf(dump, 'keychain.links')) {
    const [tenant, epoch] = [String(row['tenant']), Number(row['epoch'])];
    const owner = `${region}/${tenant}`;
    add(owner, `HPKE key ${epoch}`, row['private_key'], ofTenant(tenant, 'link-private-key', epoch));
    const lease = ofTenant(tenant, 'link-secret', epoch, timeOf(row['expires_at']));
    add(owner, `link secret ${epoch}`, row['secret'], lease);
  }
  for (const row of rowsOf(dump, 'keychain.tenants')) {
    const tenant = String(row['tenant']);
    const owner = `${region}/${tenant}`;
    const versions = revisions.map((version) => ofTenant(tenant, 'regional-secret', version));
    add(owner, `regional secret ${epochOf(dump, tenant)}`, row['regional_secret'], ...versions);
    const manifest = ofTenant(tenant, 'manifest', Number(row['manifest_counter']));
    add(owner, 'manifest', row['manifest'], manifest);
  }
  for (const row of rowsOf(dump, 'keychain.keys')) wrapped.push(l2OrL3(region, row));
  for (const { body, uid } of rowsOf(dump, 'core.objects')) wrapped.push(...l4sIn(region, body, uid));
  for (const { body, subject } of rowsOf(dump, 'core.pushes'))
    wrapped.push(...l4sIn(region, body, String(subject).replace(/^object:/, '')));
  const count = leavesOfAll(dump).reduce((sum, leaf) => sum + countEnvelopes(leaf), 0);
  if (count !== wrapped.length) throw new Error(`${count} envelopes, of which ${wrapped.length} are known`);
  return { wrapped, keys: [], values: valuesOf(dump) };
}

/** CMK's database: link secrets under their L1, and in its jobs sealed to the regions. */
export function cmkDatabase(dump: Dump): Stolen {
  const wrapped = [
    ...l1Wrapped(dump).map(({ name, reference, wrapped: secret }) => underL1(name, reference, secret)),
    ...rowsOf(dump, 'public.orbital_tasks').flatMap((row) =>
      sealedIn(String(row['job_id']), String(row['target']), row['payload']),
    ),
  ];
  return { wrapped, keys: [], values: valuesOf(dump) };
}

/** Link secrets as CMK keeps them, with what their keystore calls the key. */
export function l1Wrapped(dump: Dump): { name: string; reference: string; wrapped: string }[] {
  const references = new Map(
    rowsOf(dump, 'public.l1_keys').map((row) => [`${row['tenant']}/${row['alias']}`, row['reference']]),
  );
  return rowsOf(dump, 'public.links').flatMap((row) => {
    const { tenant, region, epoch, key_alias, wrapped_secret: wrapped } = row;
    if (typeof wrapped !== 'string') return [];
    const reference = String(references.get(`${tenant}/${key_alias}`));
    return [{ name: `${region}/${tenant}: link secret ${epoch}`, reference, wrapped }];
  });
}

/** Frames as they crossed the broker. */
export function recordedFrames(frames: readonly Uint8Array[]): Stolen {
  const wrapped = frames.flatMap((frame) => {
    const body = bodyOfFrame(frame);
    return sealedIn(String(body['jobId']), String(body['target']), body['payload']);
  });
  return { wrapped, keys: [], values: frames.flatMap((frame) => [...decoded(Buffer.from(frame))]) };
}

export function bodyOfFrame(frame: Uint8Array): Row {
  const { body } = JSON.parse(Buffer.from(frame).toString()) as { body: string };
  return JSON.parse(Buffer.from(body, 'base64url').toString()) as Row;
}

/** A gateway's store, of which `path` is a copy, with its write-ahead log beside it. */
export function gatewayDisk(region: string, path: string): Stolen {
  // What was deleted from the tables may lie in the files.
  const files = [path, `${path}-wal`].map((file) => readFileSync(file));
  const db = new DatabaseSync(path);
  try {
    const tables = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`).all();
    const dump = new Map(
      tables.map(({ name }) => [String(name), db.prepare(`SELECT * FROM ${name}`).all().map(withBuffers)]),
    );
    const wrapped = rowsOf(dump, 'objects').flatMap(({ body, uid }) => l4sIn(region, body, uid));
    return { wrapped, keys: [], values: [...files, ...valuesOf(dump)] };
  } finally {
    db.close();
  }
}

/** Of a database in which nothing is wrapped for a thief to open. */
export function everyValue(dump: Dump): Stolen {
  return { wrapped: [], keys: [], values: valuesOf(dump) };
}

/**
 * Leases that PostgreSQL has deleted and whose bytes still lie in its files, to be opened in the context of the closed
 * epochs that the databases tell of.
 */
export function carvedLeases(dataDirectory: string, dumps: readonly Dump[]): Stolen {
  const files = readdirSync(realpathSync(dataDirectory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  const found = files.flatMap((bytes) => [...carvedEnvelopes(bytes)]);
  const envelopes = [...new Map(found.map((each) => [each.toString('latin1'), each])).values()];
  const wrapped = dumps.flatMap((dump) => {
    const region = String(one(dump, 'keychain.root')['region']);
    return rowsOf(dump, 'keychain.links').flatMap((row) => {
      const [tenant, version] = [String(row['tenant']), Number(row['epoch'])];
      const revision = timeOf(row['expires_at']);
      const context = contextOf(region, {
        tenant,
        level: 'link-secret',
        objectId: tenant,
        version,
        revision,
      });
      const name = `${region}/${tenant}: link secret ${version}`;
      return envelopes.map((each) => inEnvelope(name, each, [context], 'key'));
    });
  });
  return { wrapped, keys: [], values: [] };
}

/** A file of keys, such as a seal or a keystore: JSON with values of 32 bytes in it. */
export function keyFile(path: string): Stolen {
  const values = [...decoded(readFileSync(path))];
  return { wrapped: [], keys: keysAmong(values), values };
}

/** Keys that lie open before the thief, such as those in memory. */
export function bareKeys(...keys: readonly Buffer[]): Stolen {
  return { wrapped: [], keys, values: keys };
}

const revisions = Array.from({ length: MAX_REVISION }, (_, i) => i + 1);

function l2OrL3(region: string, row: Row): Wrapped {
  const { wrapped } = row;
  if (!Buffer.isBuffer(wrapped)) throw new Error('a key without its envelope');
  const [tenant, service, version] = [String(row['tenant']), String(row['service']), Number(row['version'])];
  const level = service === '' ? 'L2' : 'L3';
  const of = { tenant, service, level, objectId: service || tenant, version };
  const contexts = revisions.map((revision) => contextOf(region, { ...of, revision }));
  return level === 'L2'
    ? underHalves(`${region}/${tenant}: L2 ${version}`, wrapped, contexts)
    : inEnvelope(`${region}/${tenant}: L3 ${service} ${version}`, wrapped, contexts);
}

/** Under which epoch a tenant's L2 stands; each has a regional secret of its own. */
function epochOf(dump: Dump, tenant: string): number {
  const l2 = rowsOf(dump, 'keychain.keys').find((row) => row['tenant'] === tenant && row['service'] === '');
  const wrapped = l2?.['wrapped'];
  return Buffer.isBuffer(wrapped) ? readHeader(wrapped).parentVersion : 0;
}

function leavesOfAll(dump: Dump): Buffer[] {
  return [...dump.values()].flat().flatMap((row) => [...leavesOf(row)]);
}

function valuesOf(dump: Dump): Buffer[] {
  return leavesOfAll(dump).flatMap((leaf) => [...decoded(leaf)]);
}

function rowsOf(dump: Dump, table: string): readonly Row[] {
  return dump.get(table) ?? [];
}

function one(dump: Dump, table: string): Row {
  const [row] = rowsOf(dump, table);
  if (row === undefined) throw new Error(`no row in ${table}`);
  return row;
}

/** SQLite gives plain byte arrays. */
function withBuffers(row: object): Row {
  const entries = Object.entries(row).map(([name, value]: [string, unknown]) => [
    name,
    value instanceof Uint8Array ? Buffer.from(value) : value,
  ]);
  return Object.fromEntries(entries) as Row;
}

function timeOf(value: unknown): number {
  return value instanceof Date ? value.getTime() : 0;
}
