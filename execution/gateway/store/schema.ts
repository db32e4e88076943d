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

  // How many keys each tenant has here, and how many of them wait; '' stands for all. Counted by the file itself: right after
  // a rollback, for every process that has it open, and without looking at a million keys at start.
  `CREATE TABLE key_counts (
     tenant TEXT PRIMARY KEY,
     held INTEGER NOT NULL,
     waiting INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   INSERT INTO key_counts
     SELECT tenant, count(*), coalesce(sum(announced = 0), 0) FROM objects GROUP BY tenant
     UNION ALL SELECT '', count(*), coalesce(sum(announced = 0), 0) FROM objects;
   CREATE TRIGGER objects_added AFTER INSERT ON objects BEGIN
     INSERT INTO key_counts VALUES (NEW.tenant, 1, NEW.announced = 0)
       ON CONFLICT (tenant) DO UPDATE SET held = held + 1, waiting = waiting + excluded.waiting;
     UPDATE key_counts SET held = held + 1, waiting = waiting + (NEW.announced = 0) WHERE tenant = '';
   END;
   CREATE TRIGGER objects_announced AFTER UPDATE OF announced ON objects
     WHEN (OLD.announced = 0) <> (NEW.announced = 0) BEGIN
     UPDATE key_counts SET waiting = waiting + (NEW.announced = 0) - (OLD.announced = 0)
       WHERE tenant IN ('', NEW.tenant);
   END;
   CREATE TRIGGER objects_removed AFTER DELETE ON objects BEGIN
     UPDATE key_counts SET held = held - 1, waiting = waiting - (OLD.announced = 0)
       WHERE tenant IN ('', OLD.tenant);
   END;
   -- The line as a whole, and what the core has refused: neither may cost a look at every key.
   CREATE INDEX objects_in_line ON objects (seq) WHERE announced = 0;
   CREATE INDEX objects_refused ON objects (uid) WHERE announced = 2;`,
  // Several events in a row, as the mesh carries them.
  `CREATE TABLE audit_encoded (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     events INTEGER NOT NULL,
     body BLOB NOT NULL
   ) STRICT;`,
  // How many events wait encoded: added by the file itself, taken off by whoever hands them over. Nothing here rewrites rows, for
  // which SQLite may want a temporary file, and a container has no place for one.
  `CREATE TABLE audit_waiting (one INTEGER PRIMARY KEY CHECK (one = 1), events INTEGER NOT NULL) STRICT;
   INSERT INTO audit_waiting SELECT 1, coalesce(sum(events), 0) FROM audit_encoded;
   CREATE TRIGGER audit_encoded_added AFTER INSERT ON audit_encoded BEGIN
     UPDATE audit_waiting SET events = events + NEW.events;
   END;`,
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
