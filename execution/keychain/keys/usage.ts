/**
 * How often an L3 version has wrapped, over all gateways and cores of the region (D5). Whoever wraps takes a block of
 * wraps first, which is charged before it is handed out: a crash loses wraps that were paid for, and never counts too
 * few. The figures are no secret and not authenticated: whoever can write to the database can lower them.
 */
import { type Kysely, sql } from 'kysely';
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import type { Migration } from '../../../platform/postgres.ts';
import type { Db } from '../tables.ts';

/** Wraps of one L3 version in all (NIST SP 800-38D §8.3, D5): past it the version wraps nothing more. */
export const MAX_WRAPS_PER_VERSION = 2 ** 36;
/** Three quarters: then the region rotates the key by itself. */
export const WRAPS_BEFORE_ROTATION = 3 * 2 ** 34;
/** Wraps that are charged at once: a thousand blocks make a version's whole budget. */
export const WRAP_BLOCK = 2 ** 26;
/** Versions under which one process holds a block of its own; past it the oldest block is given up. */
export const MAX_OPEN_BLOCKS = 4096;

export const usageMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create table keychain.usage (
      tenant text not null,
      service text not null,
      version integer not null check (version > 0),
      wraps bigint not null check (wraps >= 0),
      primary key (tenant, service, version))`.execute(db);
  },
};

export interface WrapReservation {
  /** The whole block, or 0 where less than a block is left. */
  readonly granted: number;
  /** What has been charged to the version since it was made. */
  readonly total: number;
}

/**
 * Charges a block of wraps to a version. Call it outside the transaction that wraps: a block that is rolled back was
 * used all the same.
 */
export async function reserveWraps(
  db: Db,
  tenant: TenantId,
  service: ServiceName,
  version: number,
  block: number = WRAP_BLOCK,
): Promise<WrapReservation> {
  if (!Number.isSafeInteger(block) || block < 1 || block > MAX_WRAPS_PER_VERSION) {
    throw new RangeError(`a block holds 1 to ${MAX_WRAPS_PER_VERSION} wraps`);
  }
  const charged = await db
    .insertInto('keychain.usage')
    .values({ tenant, service, version, wraps: block })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'service', 'version'])
        .doUpdateSet({ wraps: sql<string>`keychain.usage.wraps + excluded.wraps` })
        .where('keychain.usage.wraps', '<=', MAX_WRAPS_PER_VERSION - block),
    )
    .returning('wraps')
    .executeTakeFirst();
  if (charged !== undefined) {
    const total = Number(charged.wraps);
    if (total >= WRAPS_BEFORE_ROTATION) await wakeUpkeep(db, tenant);
    return { granted: block, total };
  }
  const spent = await db
    .selectFrom('keychain.usage')
    .select('wraps')
    .where('tenant', '=', tenant)
    .where('service', '=', service)
    .where('version', '=', version)
    .executeTakeFirst();
  return { granted: 0, total: Number(spent?.wraps ?? 0) };
}

/** The tenant's keys are looked at now, whatever else they wait for. */
async function wakeUpkeep(db: Db, tenant: TenantId): Promise<void> {
  await db
    .updateTable('keychain.link_heads')
    .set({ due_at: new Date() })
    .where('tenant', '=', tenant)
    .execute();
}

/** What has been charged, by service and version. A version that never wrapped is not there. */
export async function readUsage(
  db: Db,
  tenant: TenantId,
): Promise<ReadonlyMap<ServiceName, ReadonlyMap<number, number>>> {
  const rows = await db
    .selectFrom('keychain.usage')
    .select(['service', 'version', 'wraps'])
    .where('tenant', '=', tenant)
    .orderBy('service')
    .orderBy('version')
    .execute();
  const usage = new Map<ServiceName, Map<number, number>>();
  for (const { service, version, wraps } of rows) {
    const name = service as ServiceName;
    const versions = usage.get(name) ?? new Map<number, number>();
    usage.set(name, versions.set(version, Number(wraps)));
  }
  return usage;
}

/** A process's own blocks: the core wraps, too. */
export class WrapBlocks {
  readonly #db: Db;
  readonly #block: number;
  /** Wraps left, by tenant, service and version; neither name can hold a slash. Oldest block first. */
  readonly #left = new Map<string, number>();
  /** Reservations under way, which whoever asks meanwhile shares. */
  readonly #reserving = new Map<string, Promise<boolean>>();

  constructor(db: Db, block: number = WRAP_BLOCK) {
    this.#db = db;
    this.#block = block;
  }

  /** Pays for one wrap. False: nothing is left here; `refill`, then try again. */
  spend(tenant: TenantId, service: ServiceName, version: number): boolean {
    const name = `${tenant}/${service}/${version}`;
    const left = this.#left.get(name) ?? 0;
    if (left < 1) return false;
    this.#left.set(name, left - 1);
    return true;
  }

  /** Takes another block. False: the version has none left for anybody. */
  refill(tenant: TenantId, service: ServiceName, version: number): Promise<boolean> {
    const name = `${tenant}/${service}/${version}`;
    const known = this.#reserving.get(name);
    if (known !== undefined) return known;
    const reserving = reserveWraps(this.#db, tenant, service, version, this.#block)
      .then(({ granted }) => {
        if (granted > 0) this.#keep(name, granted);
        return granted > 0;
      })
      .finally(() => this.#reserving.delete(name));
    this.#reserving.set(name, reserving);
    return reserving;
  }

  #keep(name: string, granted: number): void {
    const left = this.#left.get(name) ?? 0;
    this.#left.delete(name);
    this.#left.set(name, left + granted);
    const oldest = this.#left.keys().next().value;
    if (this.#left.size > MAX_OPEN_BLOCKS && oldest !== undefined) this.#left.delete(oldest);
  }
}
