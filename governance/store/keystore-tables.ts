/** What keystores of every make added to the CMK schema; plain SQL, as the rest of it (migrations.ts). */
import type { Generated } from 'kysely';
import type { ImportMaterial } from '../keystores/provider.ts';

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const KEYSTORE_TENANT_TABLES = ['l1_key_imports'] as const;

/** An import that was begun. It ends with the upload, or by its expiry. */
export interface KeyImportRow {
  tenant: string;
  alias: string;
  /** platform/key-wrap.ts. */
  algorithm: string;
  material: ImportMaterial;
  /** RSA, SubjectPublicKeyInfo PEM; the private half is the provider's. */
  public_key: string;
  /** What the provider wants back with the upload; no secret. */
  ticket: string;
  expires_at: Date;
  created_by: string;
  created_at: Generated<Date>;
  finished_at: Date | null;
}

/**
 * A keystore without a tenant serves all of them; any other is seen by its own alone. A transaction that names nobody sees
 * neither. Only the platform makes or changes those that are everybody's.
 */
const MINE = `tenant = current_setting('okcm.tenant', true) OR current_setting('okcm.scope', true) = 'platform'`;
const SHARED = `tenant IS NULL AND coalesce(current_setting('okcm.tenant', true), '') <> ''`;

// The makers' own names are unique in the world: one key is one tenant's, by whichever keystores they reach it.
export const KEYSTORE_TABLES = `
SELECT set_config('okcm.scope', 'platform', true);
ALTER TABLE keystores ADD COLUMN tenant text REFERENCES tenants;
ALTER TABLE keystores ENABLE ROW LEVEL SECURITY;
ALTER TABLE keystores FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON keystores USING (${MINE} OR (${SHARED})) WITH CHECK (${MINE});
ALTER TABLE l1_keys
  ADD COLUMN origin text NOT NULL DEFAULT 'reference' CHECK (origin IN ('reference', 'created', 'imported')),
  ADD COLUMN named text,
  ADD COLUMN version text,
  ADD COLUMN enabled_at timestamptz,
  ADD COLUMN proved_at timestamptz,
  ADD COLUMN warning text,
  ADD COLUMN warning_since timestamptz,
  ADD COLUMN probe_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN probe_failures integer NOT NULL DEFAULT 0 CHECK (probe_failures >= 0),
  ADD CHECK ((warning IS NULL) = (warning_since IS NULL));
UPDATE l1_keys SET warning = state, warning_since = state_since, state = 'ENABLED'
  WHERE state IN ('UNREACHABLE', 'UNKNOWN');
UPDATE l1_keys SET enabled_at = checked_at WHERE state = 'ENABLED' AND warning IS NULL;
CREATE UNIQUE INDEX l1_keys_one_name_one_key ON l1_keys (reference)
  WHERE reference LIKE 'arn:%' OR reference LIKE 'https://%' OR reference LIKE 'projects/%';
CREATE INDEX l1_keys_to_probe ON l1_keys (probe_at);
CREATE INDEX l1_keys_in_trouble ON l1_keys (tenant, alias) WHERE state <> 'ENABLED' OR warning IS NOT NULL;
CREATE INDEX links_by_key ON links (tenant, key_alias) WHERE state NOT IN ('closed', 'failed');
CREATE TABLE l1_key_imports (
  tenant text NOT NULL,
  alias text NOT NULL,
  algorithm text NOT NULL,
  material text NOT NULL CHECK (material IN ('AES_256', 'RSA_PKCS8')),
  public_key text NOT NULL,
  ticket text NOT NULL,
  expires_at timestamptz NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (tenant, alias),
  FOREIGN KEY (tenant, alias) REFERENCES l1_keys
);
`;
