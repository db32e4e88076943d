/** The tables of the gateway's local store, and how an older file becomes the present one. */
import type { DatabaseSync } from 'node:sqlite';

/** Each entry takes the file from its index to the next version; entries are never changed, only added. */
const migrations: readonly string[] = [
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

   -- seq gives the order of announcement; announced: 0 waiting, 1 known to the core.
   CREATE TABLE objects (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     uid TEXT NOT NULL UNIQUE,
     tenant TEXT NOT NULL,
     service TEXT NOT NULL,
     revision INTEGER NOT NULL,
     announced INTEGER NOT NULL,
     retry_at INTEGER NOT NULL DEFAULT 0,
     body BLOB NOT NULL
   ) STRICT;
   CREATE INDEX objects_waiting ON objects (tenant, seq) WHERE announced = 0;

   CREATE TABLE names (
     tenant TEXT NOT NULL,
     name TEXT NOT NULL,
     uid TEXT NOT NULL,
     PRIMARY KEY (tenant, name)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX names_of ON names (uid);

   CREATE TABLE tombstones (uid TEXT PRIMARY KEY, tenant TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE random_ivs (uid TEXT PRIMARY KEY, used INTEGER NOT NULL) STRICT, WITHOUT ROWID;

   CREATE TABLE identities (fingerprint TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE issuers (fingerprint TEXT PRIMARY KEY, pem TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE tenants (
     tenant TEXT PRIMARY KEY,
     closed_epoch INTEGER NOT NULL,
     opened_epoch INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;`,

  // Several events in a row, as the mesh carries them.
  `CREATE TABLE audit_encoded (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     events INTEGER NOT NULL,
     body BLOB NOT NULL
   ) STRICT;`,
];

/** @throws Error when the file is of a later version than this program. */
export function migrate(db: DatabaseSync): void {
  const { version } = db.prepare('SELECT user_version AS version FROM pragma_user_version').get() as {
    version: number;
  };
  if (version > migrations.length) {
    throw new Error(
      `the store has schema version ${version}, this program knows up to ${migrations.length}: use a newer one`,
    );
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue;
    db.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}
