/**
 * Cuts: a tenant's service keys, or those of one service, are handed to nobody until a time that lies ahead. It is what a
 * drill does instead of an UNLINK. A cut touches neither a link nor a key: no epoch, no wrapping and no row of theirs
 * changes, and each cut carries its own end. So it is over at that time whatever becomes of governance, of the broker or
 * of the process that made it, and nothing has to be put back.
 */
import { type Kysely, sql } from 'kysely';
import { MAX_CUT_MS, type ServiceName, type TenantId } from '../../contracts/index.ts';
import type { Migration } from '../../platform/postgres.ts';
import { KeychainError } from './errors.ts';
import { MAX_CUTS } from './limits.ts';
import type { Realm } from './realm.ts';
import type { Db } from './tables.ts';

/** What is cut off. `service` null: all of the tenant's. */
export interface CutTarget {
  readonly tenant: TenantId;
  readonly service: ServiceName | null;
}
export interface Cut extends CutTarget {
  /** Whose cut it is: the end of one drill ends no other. */
  readonly drill: string;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

export const cutsMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table keychain.cuts (
           tenant text not null,
           service text not null,
           drill text not null,
           until timestamptz not null,
           primary key (tenant, service))`,
      )
      .execute(db);
  },
};

/**
 * Idempotent. Takes effect with the commit; call `recheck` then.
 * @throws KeychainError CUT_OVER, INVALID_PAYLOAD for one that would last longer than MAX_CUT_MS, LIMIT_REACHED.
 */
export async function putCut(tx: Db, realm: Realm, { tenant, service, drill, untilMs }: Cut): Promise<void> {
  const nowMs = realm.now();
  if (!(untilMs > nowMs)) throw new KeychainError('CUT_OVER', tenant);
  if (untilMs - nowMs > MAX_CUT_MS)
    throw new KeychainError('INVALID_PAYLOAD', `a cut lasts at most ${MAX_CUT_MS} ms`);
  await tx.deleteFrom('keychain.cuts').where('until', '<=', new Date(nowMs)).execute();
  const { count } = await tx
    .selectFrom('keychain.cuts')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .executeTakeFirstOrThrow();
  if (Number(count) >= MAX_CUTS) throw new KeychainError('LIMIT_REACHED', `${MAX_CUTS} cuts at a time`);
  const cut = { drill, until: new Date(untilMs) };
  await tx
    .insertInto('keychain.cuts')
    .values({ tenant, service: service ?? '', ...cut })
    .onConflict((conflict) => conflict.columns(['tenant', 'service']).doUpdateSet(cut))
    .execute();
}

/** Whether there was one to end that still held. */
export async function endCut(
  tx: Db,
  realm: Realm,
  { tenant, service, drill }: Omit<Cut, 'untilMs'>,
): Promise<boolean> {
  const ended = await tx
    .deleteFrom('keychain.cuts')
    .where('tenant', '=', tenant)
    .where('service', '=', service ?? '')
    .where('drill', '=', drill)
    .returning('until')
    .executeTakeFirst();
  return ended !== undefined && ended.until.getTime() > realm.now();
}

interface Reading {
  /** Monotonic, taken before it began. */
  readonly startedAtMs: number;
  readonly done: Promise<void>;
}

/**
 * The region's cuts as this process knows them. They are few, so they are read all at once; what is known is believed
 * for as long as the facts about links are (`recheckMs`), and not at all once somebody has changed keys or links.
 */
export class CutBook {
  readonly #db: Db;
  readonly #realm: Realm;
  /** End in milliseconds since the epoch, by `tenant/service`; neither name can hold a slash. */
  #untilMs: ReadonlyMap<string, number> = new Map();
  #readAtMs = Number.NEGATIVE_INFINITY;
  #believedSinceMs = 0;
  #reading: Reading | undefined;

  constructor(db: Db, realm: Realm) {
    this.#db = db;
    this.#realm = realm;
  }

  /** Whoever asks from now on is answered by the database. */
  recheck(): void {
    this.#believedSinceMs = performance.now();
  }

  async isCut(tenant: TenantId, service: ServiceName): Promise<boolean> {
    if (!this.#isFresh) await this.#readSince(this.#believedSinceMs);
    const nowMs = this.#realm.now();
    const holds = (name: string): boolean => (this.#untilMs.get(name) ?? 0) > nowMs;
    return this.#untilMs.size > 0 && (holds(`${tenant}/`) || holds(`${tenant}/${service}`));
  }

  get #isFresh(): boolean {
    if (this.#readAtMs < this.#believedSinceMs) return false;
    return performance.now() - this.#readAtMs <= this.#realm.limits.recheckMs;
  }

  /** All who come while a reading is under way share it, if it began late enough for them. */
  async #readSince(sinceMs: number): Promise<void> {
    if (this.#reading === undefined || this.#reading.startedAtMs < sinceMs) {
      const startedAtMs = performance.now();
      const reading: Reading = {
        startedAtMs,
        done: this.#read(startedAtMs).finally(() => {
          if (this.#reading === reading) this.#reading = undefined;
        }),
      };
      this.#reading = reading;
    }
    await this.#reading.done;
  }

  async #read(startedAtMs: number): Promise<void> {
    const rows = await this.#db
      .selectFrom('keychain.cuts')
      .select(['tenant', 'service', 'until'])
      .limit(MAX_CUTS)
      .execute();
    // An older reading that took longer says nothing new.
    if (startedAtMs < this.#readAtMs) return;
    this.#untilMs = new Map(rows.map((row) => [`${row.tenant}/${row.service}`, row.until.getTime()]));
    this.#readAtMs = startedAtMs;
  }
}
