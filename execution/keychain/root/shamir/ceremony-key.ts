/**
 * The region's ceremony key: Ed25519, made with the first set of shares, kept under the IVK. It signs the manifest of
 * every set, so that holders who have compared its fingerprint once can check the next set, too.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Migration } from '../../../../platform/postgres.ts';
import { type EnvelopeContext, type ParentKey, SecretBytes, seal } from '../../../envelope/index.ts';
import { openingRecord } from '../../errors.ts';
import type { Realm } from '../../realm.ts';
import type { Db } from '../../tables.ts';
import { rootFor, type SealedUnderIvk, sealUnderIvk } from '../ivks.ts';

export const ceremonyKeyMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create table keychain.ceremony_key (
      id smallint primary key check (id = 1),
      wrapped bytea not null,
      created_at timestamptz not null default now())`.execute(db);
  },
};

export function makeCeremonyKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

/** For a region that is being made. */
export async function storeCeremonyKey(
  tx: Db,
  region: string,
  ivk: ParentKey,
  key: KeyObject,
): Promise<void> {
  using plain = exported(key);
  await insert(tx, { envelope: Buffer.from(seal(ivk, plain, contextOf(region))), ivk: ivk.version });
}

/** The region's key, made when missing. @throws KeychainError SEALED, RECORD_REJECTED. */
export async function ceremonyKey(tx: Db, realm: Realm): Promise<KeyObject> {
  using made = exported(makeCeremonyKey());
  await insert(tx, await sealUnderIvk(tx, realm, made, contextOf(realm.region)));
  using plain = await openKey(tx, realm);
  return plain.use((der) =>
    createPrivateKey({
      key: Buffer.from(der.buffer, der.byteOffset, der.byteLength),
      type: 'pkcs8',
      format: 'der',
    }),
  );
}

/** Seals the key under the active IVK where it stands under an older one. @throws KeychainError SEALED, BUSY. */
export async function resealCeremonyKey(tx: Db, realm: Realm): Promise<void> {
  const active = realm.root().activeIvk;
  const stale = await tx
    .selectFrom('keychain.ceremony_key')
    .select('id')
    .where('ivk', '<', active)
    .forUpdate()
    .executeTakeFirst();
  if (stale === undefined) return;
  using key = await openKey(tx, realm);
  const { envelope: wrapped, ivk } = await sealUnderIvk(tx, realm, key, contextOf(realm.region));
  await tx.updateTable('keychain.ceremony_key').set({ wrapped, ivk }).where('id', '=', 1).execute();
}

async function openKey(tx: Db, realm: Realm): Promise<SecretBytes> {
  const { wrapped } = await tx
    .selectFrom('keychain.ceremony_key')
    .select('wrapped')
    .where('id', '=', 1)
    .executeTakeFirstOrThrow();
  const root = await rootFor(tx, realm, wrapped);
  return openingRecord('ceremony key', () => root.open(wrapped, contextOf(realm.region)));
}

async function insert(tx: Db, { envelope: wrapped, ivk }: SealedUnderIvk): Promise<void> {
  await tx
    .insertInto('keychain.ceremony_key')
    .values({ id: 1, wrapped, ivk })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

function exported(key: KeyObject): SecretBytes {
  return SecretBytes.take(key.export({ type: 'pkcs8', format: 'der' }));
}

function contextOf(region: string): EnvelopeContext {
  return {
    region,
    tenant: '',
    service: '',
    level: 'ceremony-key',
    objectId: 'ceremony-key',
    version: 1,
    revision: 1,
  };
}
