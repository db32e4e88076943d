/** Who belongs to a tenant and may do what in it, as tables; plain SQL, as the rest of the schema (migrations.ts). */
import type { Generated } from 'kysely';
import type { TenantRole } from '../access/principal.ts';

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const ACCESS_TENANT_TABLES = [
  'access_groups',
  'access_group_members',
  'role_grants',
  'workspaces',
  'workspace_services',
  'machine_clients',
] as const;

/** People of a tenant. `claim` makes a member of everybody whom an issuer says to be in that group of its own. */
export interface AccessGroupRow {
  tenant: string;
  name: string;
  display_name: string;
  /** `ISSUER:GROUP` */
  claim: string | null;
  created_at: Generated<Date>;
}

export interface AccessGroupMemberRow {
  tenant: string;
  group_name: string;
  principal: string;
  added_at: Generated<Date>;
}

/** To one principal, or to whoever is in a group: exactly one of the two is set. */
export interface RoleGrantRow {
  id: string;
  tenant: string;
  role: TenantRole;
  principal: string | null;
  group_name: string | null;
  granted_by: string;
  granted_at: Generated<Date>;
}

/** A place on the customer's platform that belongs to a tenant, and the services that live in it. */
export interface WorkspaceRow {
  tenant: string;
  name: string;
  display_name: string;
  /** How the platform calls it; one workspace belongs to one tenant. */
  external_id: string | null;
  created_at: Generated<Date>;
}

export interface WorkspaceServiceRow {
  tenant: string;
  workspace: string;
  service: string;
}

/** A machine that shows a certificate. Its principal is `client:TENANT/NAME`. */
export interface MachineClientRow {
  tenant: string;
  name: string;
  fingerprint: string;
  certificate: string;
  created_at: Generated<Date>;
}

export interface AccessTables {
  access_groups: AccessGroupRow;
  access_group_members: AccessGroupMemberRow;
  role_grants: RoleGrantRow;
  workspaces: WorkspaceRow;
  workspace_services: WorkspaceServiceRow;
  machine_clients: MachineClientRow;
}

export const ACCESS_TABLES = `
CREATE TABLE access_groups (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  display_name text NOT NULL,
  claim text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);
CREATE INDEX access_groups_by_claim ON access_groups (claim) WHERE claim IS NOT NULL;
CREATE TABLE access_group_members (
  tenant text NOT NULL,
  group_name text NOT NULL,
  principal text NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, group_name, principal),
  FOREIGN KEY (tenant, group_name) REFERENCES access_groups
);
CREATE INDEX access_group_members_by_principal ON access_group_members (principal);
CREATE TABLE role_grants (
  id uuid PRIMARY KEY,
  tenant text NOT NULL REFERENCES tenants,
  role text NOT NULL CHECK (role IN ('administrator', 'key-administrator', 'auditor', 'approver')),
  principal text,
  group_name text,
  granted_by text NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((principal IS NULL) <> (group_name IS NULL)),
  FOREIGN KEY (tenant, group_name) REFERENCES access_groups,
  CONSTRAINT role_grants_once UNIQUE NULLS NOT DISTINCT (tenant, role, principal, group_name)
);
CREATE INDEX role_grants_by_principal ON role_grants (principal) WHERE principal IS NOT NULL;
CREATE INDEX role_grants_by_group ON role_grants (tenant, group_name) WHERE group_name IS NOT NULL;
CREATE TABLE workspaces (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  display_name text NOT NULL,
  external_id text CONSTRAINT workspaces_one_workspace_one_tenant UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);
CREATE TABLE workspace_services (
  tenant text NOT NULL,
  workspace text NOT NULL,
  service text NOT NULL,
  PRIMARY KEY (tenant, service),
  FOREIGN KEY (tenant, workspace) REFERENCES workspaces ON DELETE CASCADE,
  FOREIGN KEY (tenant, service) REFERENCES services ON DELETE CASCADE
);
CREATE INDEX workspace_services_by_workspace ON workspace_services (tenant, workspace);
ALTER TABLE identities
  DROP CONSTRAINT identities_role_check,
  DROP CONSTRAINT identities_check,
  ADD CONSTRAINT identities_role_check CHECK (role IN ('application', 'gateway', 'client')),
  ADD CONSTRAINT identities_check CHECK ((role = 'gateway') = (tenant IS NULL));
CREATE TABLE machine_clients (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  fingerprint text NOT NULL UNIQUE REFERENCES identities,
  certificate text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);
ALTER TABLE proposals
  DROP CONSTRAINT proposals_action_check,
  ADD CONSTRAINT proposals_action_check CHECK (action IN ('link', 'unlink', 'rotate-link', 'link-rotation-policy',
    'rotation-policy', 'compromise-key', 'destroy-key', 'change-access'));
`;
