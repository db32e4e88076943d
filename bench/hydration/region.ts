/** A region's key chain on a PostgreSQL of its own, with many tenants of one service each. */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import { parseRegionId, parseServiceName, parseTenantId, type TenantId } from '../../contracts/index.ts';
import { sealLinkSecret } from '../../contracts/sealing.ts';
import {
  createDevelopmentSeal,
  createKeychain,
  initialiseRegion,
  type Keychain,
  type KeychainLimits,
  type KeychainTables,
  migrateKeychain,
  type SealProvider,
} from '../../execution/keychain/index.ts';
import { createDatabase, createPool } from '../../platform/postgres.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testDatabase } from '../../testkit/postgres.ts';

export const SERVICE = parseServiceName('payments');
const REGION = parseRegionId('bench-1');
const CLUSTER = 'bench';
const POOL_MAX = 8;
/** Provisioning: so many tenants in one transaction, and so many of those at once. */
const TENANTS_PER_TRANSACTION = 50;
const TRANSACTIONS_AT_ONCE = 4;
const LINK_TTL_MS = 24 * 3_600_000;
const quiet = { info: () => undefined, warn: () => undefined };

export const tenantName = (index: number): TenantId =>
  parseTenantId(`tenant-${String(index).padStart(6, '0')}`);

/** Where a region's database and seal are, for another process. */
export interface RegionPlace {
  readonly url: string;
  readonly sealPath: string;
}

export class BenchRegion {
  readonly place: RegionPlace;
  readonly db: Kysely<KeychainTables>;
  readonly #seal: SealProvider;

  private constructor(place: RegionPlace, db: Kysely<KeychainTables>, seal: SealProvider) {
    this.place = place;
    this.db = db;
    this.#seal = seal;
  }

  static async create(): Promise<BenchRegion> {
    const { url } = await testDatabase();
    const sealPath = join(temporaryDirectory('seal'), 'seal.key');
    await createDevelopmentSeal(sealPath, { create: true });
    const region = await BenchRegion.open({ url, sealPath });
    await migrateKeychain(region.db);
    await initialiseRegion(region.db, { cluster: CLUSTER, region: REGION, seal: region.#seal });
    return region;
  }

  static async open(place: RegionPlace): Promise<BenchRegion> {
    const pool = createPool({ url: place.url, applicationName: 'bench', max: POOL_MAX });
    const seal = await createDevelopmentSeal(place.sealPath);
    return new BenchRegion(place, createDatabase<KeychainTables>(pool), seal);
  }

  /** A core's key chain, with nothing in memory. */
  keychain(limits: Partial<KeychainLimits>): Promise<Keychain> {
    return createKeychain({
      db: this.db,
      cluster: CLUSTER,
      region: REGION,
      seal: this.#seal,
      logger: quiet,
      limits,
    });
  }

  async provision(keychain: Keychain, tenants: number, told: (done: number) => void): Promise<void> {
    let next = 0;
    let done = 0;
    const work = async (): Promise<void> => {
      while (next < tenants) {
        const from = next;
        next = Math.min(tenants, from + TENANTS_PER_TRANSACTION);
        const to = next;
        await this.db.transaction().execute(async (tx) => {
          for (let index = from; index < to; index++) {
            const tenant = tenantName(index);
            await keychain.provisionTenant(tx, tenant);
            await keychain.provisionService(tx, tenant, SERVICE);
          }
        });
        done += to - from;
        told(done);
      }
    };
    await Promise.all(Array.from({ length: TRANSACTIONS_AT_ONCE }, work));
    // As autovacuum would have left it: the planner knows how much there is.
    await sql`ANALYZE`.execute(this.db);
  }

  /** Links a tenant to a first epoch, as governance would. */
  async link(keychain: Keychain, tenant: TenantId): Promise<void> {
    const epoch = 1;
    const { publicKey } = await this.db
      .transaction()
      .execute((tx) => keychain.prepareLink(tx, tenant, epoch));
    const job = randomUUID();
    const provedAt = new Date();
    const secret = await sealLinkSecret(publicKey, randomBytes(32), {
      tenant,
      region: REGION,
      epoch,
      purpose: 'fresh',
      job,
    });
    await this.db.transaction().execute((tx) =>
      keychain.openLink(tx, {
        tenant,
        epoch,
        job,
        provedAt,
        expiresAt: new Date(provedAt.getTime() + LINK_TTL_MS),
        secret,
      }),
    );
  }

  /** The reference: the rows that a cold read needs, by primary key, in one statement through the same pool. */
  async bareSelect(tenant: TenantId): Promise<number> {
    const rows = await this.db
      .selectFrom('keychain.tenants as t')
      .innerJoin('keychain.link_heads as h', 'h.tenant', 't.tenant')
      .innerJoin('keychain.keys as l2', 'l2.tenant', 't.tenant')
      .innerJoin('keychain.keys as l3', 'l3.tenant', 't.tenant')
      .select(['t.regional_secret', 't.manifest', 't.manifest_counter', 'h.closed_epoch'])
      .select(['l2.wrapped as l2', 'l3.wrapped as l3'])
      .where('t.tenant', '=', tenant)
      .where('l2.service', '=', '')
      .where('l2.version', '=', 1)
      .where('l3.service', '=', SERVICE)
      .where('l3.version', '=', 1)
      .execute();
    return rows.length;
  }

  close(): Promise<void> {
    return this.db.destroy();
  }
}
