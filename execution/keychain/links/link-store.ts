/** Rows of links and of their heads. Every change of a tenant locks its head first, so that changes come one by one. */
import { sql } from 'kysely';
import type { TenantId } from '../../../contracts/index.ts';
import type { SealedUnderIvk } from '../root/ivks.ts';
import type { Db } from '../tables.ts';
import type { Epochs } from './link-rules.ts';

/** What decides whether a tenant's keys may be used, read in one statement. */
export interface LinkFacts {
  readonly tenant: string;
  readonly epochs: Epochs;
  /** Of the open epoch. */
  readonly expiresAtMs: number | null;
  readonly provedAtMs: number | null;
  /** Null: the tenant is known by a closure only. */
  readonly manifestCounter: number | null;
}

/** A part of all tenants, in the order of their names, byte by byte. */
export interface LinkPage {
  readonly after?: string | undefined;
  /** This one included; the end when left out. */
  readonly upTo?: string | undefined;
  /** Only of those of which there are keys or a closure. */
  readonly held?: boolean;
  readonly limit: number;
}

/** Whatever the database's own collation is: both planes have to agree about the order (contracts/manifest.ts). */
export const inOrder = sql<string>`h.tenant collate "C"`;

/** @param tenants all of them when left out. */
export async function readFacts(db: Db, tenants?: readonly string[], page?: LinkPage): Promise<LinkFacts[]> {
  if (tenants?.length === 0) return [];
  let query = db
    .selectFrom('keychain.link_heads as h')
    .leftJoin('keychain.links as o', (join) =>
      join.onRef('o.tenant', '=', 'h.tenant').on('o.state', '=', 'open'),
    )
    .leftJoin('keychain.links as p', (join) =>
      join.onRef('p.tenant', '=', 'h.tenant').on('p.state', '=', 'prepared'),
    )
    .select(['h.tenant', 'h.closed_epoch', 'h.manifest_counter', 'o.epoch as open_epoch', 'o.expires_at'])
    .select(['o.proved_at', 'p.epoch as prepared_epoch'])
    .orderBy(inOrder);
  if (tenants !== undefined) query = query.where('h.tenant', 'in', tenants);
  if (page?.after !== undefined) query = query.where(inOrder, '>', page.after);
  if (page?.upTo !== undefined) query = query.where(inOrder, '<=', page.upTo);
  if (page?.held === true)
    query = query.where((eb) =>
      eb.or([eb('h.manifest_counter', 'is not', null), eb('h.closed_epoch', '>', 0)]),
    );
  if (page !== undefined) query = query.limit(page.limit);
  const rows = await query.execute();
  return rows.map((row) => {
    // A row that contradicts its head was put back by hand: the closure wins.
    const above = (epoch: number | null) => (epoch !== null && epoch > row.closed_epoch ? epoch : 0);
    const epochs = {
      closed: row.closed_epoch,
      open: above(row.open_epoch),
      prepared: above(row.prepared_epoch),
    };
    return {
      tenant: row.tenant,
      epochs,
      expiresAtMs: epochs.open > 0 && row.expires_at !== null ? row.expires_at.getTime() : null,
      provedAtMs: epochs.open > 0 && row.proved_at !== null ? row.proved_at.getTime() : null,
      manifestCounter: row.manifest_counter,
    };
  });
}

/** Locks the tenant's head until the transaction ends, making it if it is the first word about this tenant. */
export async function lockTenant(tx: Db, tenant: TenantId): Promise<LinkFacts> {
  await tx
    .insertInto('keychain.link_heads')
    .values({ tenant, closed_at: null })
    .onConflict((c) => c.doNothing())
    .execute();
  await tx
    .selectFrom('keychain.link_heads')
    .select('tenant')
    .where('tenant', '=', tenant)
    .forUpdate()
    .execute();
  const [facts] = await readFacts(tx, [tenant]);
  if (facts === undefined) throw new Error('the head was just made');
  return facts;
}

/** When something is to be done for the tenant's keys; null: nothing, for now. */
export async function lookAgainAt(db: Db, tenant: TenantId, atMs: number | null): Promise<void> {
  await db
    .updateTable('keychain.link_heads')
    .set({ due_at: atMs === null ? null : new Date(atMs) })
    .where('tenant', '=', tenant)
    .execute();
}

export async function insertPrepared(
  tx: Db,
  tenant: TenantId,
  epoch: number,
  keys: { publicKey: Buffer; privateKey: SealedUnderIvk },
  at: Date,
): Promise<void> {
  await tx
    .insertInto('keychain.links')
    .values({
      tenant,
      epoch,
      state: 'prepared',
      public_key: keys.publicKey,
      private_key: keys.privateKey.envelope,
      prepared_at: at,
      ...NOTHING_OPEN,
      ivk: keys.privateKey.ivk,
    })
    .execute();
}

export async function readLink(db: Db, tenant: TenantId, epoch: number) {
  return db
    .selectFrom('keychain.links')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('epoch', '=', epoch)
    .executeTakeFirst();
}

/** The sealed link secret. */
export async function readLeaseRow(db: Db, tenant: TenantId, epoch: number): Promise<Buffer | null> {
  const row = await readLink(db, tenant, epoch);
  return row?.state === 'open' ? row.secret : null;
}

/** The private key has served its one purpose and goes. */
export async function markOpen(
  tx: Db,
  tenant: TenantId,
  epoch: number,
  lease: { secret: SealedUnderIvk; provedAt: Date; expiresAt: Date; openedAt: Date },
): Promise<void> {
  await tx
    .updateTable('keychain.links')
    .set({
      state: 'open',
      private_key: null,
      secret: lease.secret.envelope,
      ivk: lease.secret.ivk,
      proved_at: lease.provedAt,
      expires_at: lease.expiresAt,
      opened_at: lease.openedAt,
    })
    .where('tenant', '=', tenant)
    .where('epoch', '=', epoch)
    .execute();
}

export async function markRenewed(
  tx: Db,
  tenant: TenantId,
  epoch: number,
  lease: { secret: SealedUnderIvk; provedAt: Date; expiresAt: Date },
): Promise<void> {
  await tx
    .updateTable('keychain.links')
    .set({
      secret: lease.secret.envelope,
      ivk: lease.secret.ivk,
      proved_at: lease.provedAt,
      expires_at: lease.expiresAt,
    })
    .where('tenant', '=', tenant)
    .where('epoch', '=', epoch)
    .execute();
}

/** Which of the tenant's living epochs a closure takes with it. */
export type Closing = { readonly upTo: number } | { readonly only: number };

/** Deletes lease and HPKE key; the row stays, as the memory of when and why. */
export async function closeRows(
  tx: Db,
  tenant: TenantId,
  which: Closing,
  reason: string,
  at: Date,
): Promise<void> {
  const query = tx
    .updateTable('keychain.links')
    .set({ state: 'closed', private_key: null, secret: null, ivk: null, closed_at: at, close_reason: reason })
    .where('tenant', '=', tenant)
    .where('state', '<>', 'closed');
  await ('upTo' in which
    ? query.where('epoch', '<=', which.upTo)
    : query.where('epoch', '=', which.only)
  ).execute();
}

/** Remembers the closure for ever; also of an epoch that never had a row. */
export async function raiseClosedEpoch(tx: Db, tenant: TenantId, epoch: number, at: Date): Promise<void> {
  await tx
    .updateTable('keychain.link_heads')
    .set({ closed_epoch: epoch, closed_at: at })
    .where('tenant', '=', tenant)
    .where('closed_epoch', '<', epoch)
    .execute();
}

export async function insertClosed(
  tx: Db,
  tenant: TenantId,
  epoch: number,
  reason: string,
  at: Date,
): Promise<void> {
  await tx
    .insertInto('keychain.links')
    .values({
      tenant,
      epoch,
      state: 'closed',
      public_key: null,
      private_key: null,
      prepared_at: null,
      ...NOTHING_OPEN,
      closed_at: at,
      close_reason: reason,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

const NOTHING_OPEN = {
  secret: null,
  proved_at: null,
  expires_at: null,
  opened_at: null,
  closed_at: null,
  close_reason: null,
  ivk: null,
} as const;
