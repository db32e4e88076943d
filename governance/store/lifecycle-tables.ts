/** The life of tenants (domain/tenant-states.ts) in the CMK schema: where each stands, and what regions still have to close. */
import type { Generated } from 'kysely';
import type { TenantState } from '../domain/tenant-states.ts';

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const LIFECYCLE_TENANT_TABLES = ['tenant_states', 'tenant_closings'] as const;

/**
 * Apart from `tenants`, because regions' answers move it on. They hold Orbital's locks by then, and decisions take the
 * row of `tenants` before those: one row for both would be a deadlock.
 */
export interface TenantStateRow {
  tenant: string;
  state: TenantState;
  since: Generated<Date>;
  /** A region has refused its part of the change that is under way. */
  failed: Generated<boolean>;
  /** Why the tenant was blocked or terminated, in the words of whoever asked for it. */
  reason: string | null;
}

/** What one region was last asked to close for a tenant that is being blocked or terminated. */
export interface TenantClosingRow {
  tenant: string;
  region: string;
  /** Up to which epoch, this one included (D1). */
  epoch: number;
  job: string;
  state: Generated<'pending' | 'done' | 'failed'>;
  error: Generated<string | null>;
  updated_at: Generated<Date>;
}

export const LIFECYCLE_TABLES = `
CREATE TABLE tenant_states (
  tenant text PRIMARY KEY REFERENCES tenants,
  state text NOT NULL CHECK (state IN
    ('requested', 'provisioning', 'active', 'blocking', 'blocked', 'terminating', 'terminated')),
  since timestamptz NOT NULL DEFAULT now(),
  failed boolean NOT NULL DEFAULT false,
  reason text,
  CHECK (NOT failed OR state IN ('provisioning', 'blocking', 'terminating'))
);
CREATE INDEX tenant_states_by_state ON tenant_states (state, tenant);
CREATE TABLE tenant_closings (
  tenant text NOT NULL,
  region text NOT NULL,
  epoch integer NOT NULL CHECK (epoch >= 1),
  job uuid NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, region),
  FOREIGN KEY (tenant, region) REFERENCES tenant_regions
);
CREATE INDEX tenant_regions_by_region ON tenant_regions (region, tenant);
`;

/** Tenants from before this table. The owner is held by row-level security too, so it asks for the view of CMK itself. */
export const LIFECYCLE_OF_PRESENT_TENANTS = `
SELECT set_config('okcm.scope', 'platform', true), set_config('okcm.reach', 'system', true);
INSERT INTO tenant_states (tenant, state, since, failed)
  SELECT t.tenant,
         CASE WHEN bool_and(r.state = 'active') THEN 'active' ELSE 'provisioning' END,
         t.created_at, coalesce(bool_or(r.state = 'failed'), false)
    FROM tenants t LEFT JOIN tenant_regions r ON r.tenant = t.tenant
    GROUP BY t.tenant, t.created_at;
SELECT set_config('okcm.scope', '', true), set_config('okcm.reach', '', true);
`;
