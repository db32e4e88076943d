/** Key configurations and systems: which of a tenant's L1 keys its systems stand on. */
import type { Generated } from 'kysely';

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const SYSTEM_TENANT_TABLES = ['key_configurations', 'key_configuration_keys', 'systems'] as const;

export interface KeyConfigurationRow {
  tenant: string;
  name: string;
  description: Generated<string>;
  /** The alias of the L1 key that counts; null while it has none. */
  primary_key: string | null;
  created_at: Generated<Date>;
}

/** A key belongs to one configuration. */
export interface KeyConfigurationKeyRow {
  tenant: string;
  alias: string;
  configuration: string;
}

export interface SystemRow {
  tenant: string;
  name: string;
  /** What the customer calls this sort of system, and how it is known there. */
  kind: string;
  external_id: string;
  /** Whose L3 it uses; null where that is not said. */
  service: string | null;
  /** Null: linked to none. */
  configuration: string | null;
  created_at: Generated<Date>;
}

export const SYSTEM_TABLES = `
CREATE TABLE key_configurations (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  primary_key text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);
CREATE TABLE key_configuration_keys (
  tenant text NOT NULL,
  alias text NOT NULL,
  configuration text NOT NULL,
  PRIMARY KEY (tenant, alias),
  UNIQUE (tenant, configuration, alias),
  FOREIGN KEY (tenant, alias) REFERENCES l1_keys ON DELETE CASCADE,
  FOREIGN KEY (tenant, configuration) REFERENCES key_configurations ON DELETE CASCADE
);
ALTER TABLE key_configurations
  ADD FOREIGN KEY (tenant, name, primary_key)
    REFERENCES key_configuration_keys (tenant, configuration, alias) ON DELETE SET NULL (primary_key);
CREATE TABLE systems (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  kind text NOT NULL,
  external_id text NOT NULL,
  service text,
  configuration text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name),
  UNIQUE (tenant, kind, external_id),
  FOREIGN KEY (tenant, service) REFERENCES services,
  FOREIGN KEY (tenant, configuration) REFERENCES key_configurations
);
CREATE INDEX systems_by_configuration ON systems (tenant, configuration);
`;

/** Keys from before: one configuration for each tenant that has any, its primary the key that was linked last. */
export const CONFIGURATIONS_OF_PRESENT_KEYS = `
SELECT set_config('okcm.scope', 'platform', true), set_config('okcm.reach', 'system', true);
INSERT INTO key_configurations (tenant, name) SELECT DISTINCT tenant, 'default' FROM l1_keys;
INSERT INTO key_configuration_keys (tenant, alias, configuration) SELECT tenant, alias, 'default' FROM l1_keys;
UPDATE key_configurations c SET primary_key = (
  SELECT k.alias FROM l1_keys k WHERE k.tenant = c.tenant
    ORDER BY (SELECT max(l.created_at) FROM links l WHERE l.tenant = k.tenant AND l.key_alias = k.alias)
      DESC NULLS LAST, k.created_at LIMIT 1);
SELECT set_config('okcm.scope', '', true), set_config('okcm.reach', '', true);
`;
