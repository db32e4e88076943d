/** What the keychain's tests share: a region on a real PostgreSQL, and a governance plane that links it. Holds no test. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Kysely } from 'kysely';
import {
  parseRegionId,
  parseServiceName,
  parseTenantId,
  type Sealed,
  type TenantId,
} from '../../contracts/index.ts';
import { sealLinkSecret } from '../../contracts/sealing.ts';
import { createDatabase, createPool } from '../../platform/postgres.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testDatabase } from '../../testkit/postgres.ts';
import {
  createDevelopmentSeal,
  createKeychain,
  initialiseRegion,
  type Keychain,
  KeychainError,
  type KeychainErrorCode,
  type KeychainOptions,
  type KeychainTables,
  type KeyEvent,
  migrateKeychain,
  type SealProvider,
} from './index.ts';

export const acme = parseTenantId('acme');
export const rival = parseTenantId('rival');
export const payments = parseServiceName('payments');
export const orders = parseServiceName('orders');
export const HOUR_MS = 3_600_000;

export interface Region {
  readonly db: Kysely<KeychainTables>;
  readonly url: string;
  readonly seal: SealProvider;
  readonly sealPath: string;
  /** A core of this region: its own memory, the same database. */
  core(options?: Partial<KeychainOptions>): Promise<Keychain>;
  /** The clock that every core of this region reads. */
  readonly clock: { nowMs: number };
  readonly name: ReturnType<typeof parseRegionId>;
}

/** At the end of the file: a hook registered inside another hook would run with that one. */
const closers: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closers) await close();
});

const quiet = { info: () => {}, warn: () => {} };

export async function newRegion(name = 'eu-west-1'): Promise<Region> {
  const database = await testDatabase();
  const pool = createPool({ url: database.url, applicationName: 'keychain-test', max: 6 });
  const db = createDatabase<KeychainTables>(pool);
  const sealPath = join(temporaryDirectory('seal'), 'seal.key');
  const seal = await createDevelopmentSeal(sealPath, { create: true });
  const region = parseRegionId(name);
  const clock = { nowMs: Date.parse('2026-03-01T12:00:00.000Z') };
  const cores: Keychain[] = [];
  await migrateKeychain(db);
  await initialiseRegion(db, { cluster: 'test', region, seal });
  closers.push(async () => {
    for (const core of cores) core.close();
    await db.destroy();
  });
  return {
    db,
    url: database.url,
    seal,
    sealPath,
    clock,
    name: region,
    core: async (options = {}) => {
      // Without a period of grace, unless a test asks for it: each answer is proved by the database.
      const limits = { recheckMs: -1, sweepMs: 3_600_000, ...options.limits };
      const now = () => clock.nowMs;
      const core = await createKeychain({
        db,
        cluster: 'test',
        region,
        seal,
        logger: quiet,
        now,
        ...options,
        limits,
      });
      cores.push(core);
      return core;
    },
  };
}

/** The governance side of one tenant's link: it keeps every epoch's secret, as the wrapped forms under the L1 would. */
export class Governance {
  readonly secrets = new Map<number, Buffer>();
  readonly #region: Region;
  readonly #tenant: TenantId;
  constructor(region: Region, tenant: TenantId = acme) {
    this.#region = region;
    this.#tenant = tenant;
  }

  sealed(
    publicKey: Uint8Array,
    epoch: number,
    purpose: 'fresh' | 'previous',
    secret: Buffer,
    job: string,
  ): Promise<Sealed> {
    return sealLinkSecret(publicKey, secret, {
      tenant: this.#tenant,
      region: this.#region.name,
      epoch,
      purpose,
      job,
    });
  }

  /** The LINK of an epoch that the region has prepared. */
  async message(publicKey: Uint8Array, epoch: number, previousEpoch?: number, ttlMs = 24 * HOUR_MS) {
    const fresh = this.secrets.get(epoch) ?? randomBytes(32);
    this.secrets.set(epoch, fresh);
    const job = randomUUID();
    const previous = previousEpoch === undefined ? undefined : this.secrets.get(previousEpoch);
    return {
      tenant: this.#tenant,
      epoch,
      job,
      provedAt: new Date(this.#region.clock.nowMs),
      expiresAt: new Date(this.#region.clock.nowMs + ttlMs),
      secret: await this.sealed(publicKey, epoch, 'fresh', fresh, job),
      ...(previous === undefined || previousEpoch === undefined
        ? {}
        : {
            previous: {
              epoch: previousEpoch,
              secret: await this.sealed(publicKey, epoch, 'previous', previous, job),
            },
          }),
    };
  }

  /** Prepare and LINK, each in a transaction of its own; returns the message, to be replayed. */
  async link(core: Keychain, epoch: number, previousEpoch?: number, ttlMs?: number) {
    const { publicKey } = await within(this.#region, (tx) => core.prepareLink(tx, this.#tenant, epoch));
    const message = await this.message(publicKey, epoch, previousEpoch, ttlMs);
    await within(this.#region, (tx) => core.openLink(tx, message));
    return message;
  }

  async unlink(core: Keychain, epoch: number) {
    const closed = await within(this.#region, (tx) =>
      core.closeLink(tx, { tenant: this.#tenant, epoch, reason: 'test' }),
    );
    core.forget(this.#tenant);
    return closed;
  }
}

export function within<T>(region: Region, fn: (tx: Kysely<KeychainTables>) => Promise<T>): Promise<T> {
  return region.db.transaction().execute(fn);
}

/** Everything that is due for the tenant's keys, a transaction for each piece. Returns what was done. */
export async function settled(region: Region, core: Keychain, tenant = acme): Promise<KeyEvent[]> {
  const done: KeyEvent[] = [];
  for (;;) {
    const events = await within(region, (tx) => core.upkeep(tx, tenant));
    if (events.length === 0) return done;
    done.push(...events);
  }
}

/** A tenant with one service, and its L3 in plain, to be compared with later. */
export async function provisioned(region: Region, core: Keychain, tenant = acme): Promise<Buffer> {
  await within(region, (tx) => core.provisionTenant(tx, tenant));
  await within(region, (tx) => core.provisionService(tx, tenant, payments));
  return l3Of(core, tenant);
}

export async function l3Of(core: Keychain, tenant = acme, service = payments, version = 1): Promise<Buffer> {
  const keys = await core.serviceKeys(tenant, service);
  const held = keys.byVersion(version);
  assert.ok(held, `version ${version}`);
  return held.key.use((bytes) => Buffer.from(bytes));
}

export function refused(...codes: KeychainErrorCode[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof KeychainError, `a KeychainError, not ${String(error)}`);
    assert.ok(codes.includes(error.code), `${codes.join(' or ')}, not ${error.code}: ${error.message}`);
    return true;
  };
}
