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
  await insert(tx, Buffer.from(seal(ivk, plain, contextOf(region))));
}

/** The region's key, made when missing. @throws KeychainError SEALED, RECORD_REJECTED. */
export async function ceremonyKey(tx: Db, realm: Realm): Promise<KeyObject> {
  const context = contextOf(realm.region);
  const root = realm.root();
  using made = exported(makeCeremonyKey());
  await insert(tx, root.seal(made, context));
  const { wrapped } = await tx
    .selectFrom('keychain.ceremony_key')
    .select('wrapped')
    .where('id', '=', 1)
    .executeTakeFirstOrThrow();
  using plain = openingRecord('ceremony key', () => root.open(wrapped, context));
  return plain.use((der) =>
    createPrivateKey({
      key: Buffer.from(der.buffer, der.byteOffset, der.byteLength),
      type: 'pkcs8',
      format: 'der',
    }),
  );
}

async function insert(tx: Db, wrapped: Buffer): Promise<void> {
  await tx
    .insertInto('keychain.ceremony_key')
    .values({ id: 1, wrapped })
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
