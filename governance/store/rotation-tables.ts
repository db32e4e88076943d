/** What the rotation of links and keys added to the CMK schema; plain SQL, as the rest of it (migrations.ts). */

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const ROTATION_TENANT_TABLES = [
  'rotation_policies',
  'rotation_policy_regions',
  'key_inventories',
] as const;

export const ROTATION_TABLES = `
ALTER TABLE tenants ADD COLUMN rotate_link_after_s integer CHECK (rotate_link_after_s > 0);
ALTER TABLE links
  ADD COLUMN opened_by text NOT NULL DEFAULT 'link' CHECK (opened_by IN ('link', 'rotate')),
  ADD COLUMN rotate_at timestamptz,
  ADD CHECK (opened_by = 'link' OR previous_epoch IS NULL);
CREATE INDEX links_to_rotate ON links (rotate_at) WHERE state = 'active';
ALTER TABLE proposals
  DROP CONSTRAINT proposals_action_check,
  ADD CONSTRAINT proposals_action_check CHECK (action IN ('link', 'unlink', 'rotate-link', 'link-rotation-policy',
    'rotation-policy', 'compromise-key', 'destroy-key')),
  ADD COLUMN jobs jsonb NOT NULL DEFAULT '[]';
CREATE TABLE rotation_policies (
  tenant text NOT NULL REFERENCES tenants,
  service text NOT NULL,
  rotate_after_s integer CHECK (rotate_after_s >= 0),
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, service)
);
CREATE TABLE rotation_policy_regions (
  tenant text NOT NULL,
  service text NOT NULL,
  region text NOT NULL REFERENCES regions,
  state text NOT NULL CHECK (state IN ('provisioning', 'active', 'failed', 'removing')),
  next_rotation_at timestamptz,
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, service, region),
  FOREIGN KEY (tenant, service) REFERENCES rotation_policies
);
CREATE TABLE key_inventories (
  tenant text NOT NULL,
  region text NOT NULL,
  inventory jsonb,
  answered_at timestamptz,
  asked_at timestamptz NOT NULL,
  pending boolean NOT NULL,
  error text,
  job uuid NOT NULL,
  PRIMARY KEY (tenant, region),
  FOREIGN KEY (tenant, region) REFERENCES tenant_regions,
  CHECK ((inventory IS NULL) = (answered_at IS NULL))
);
`;
