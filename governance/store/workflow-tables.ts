/**
 * What approval by several people, and notifications, added to the CMK schema; plain SQL, as the rest of
 * it (migrations.ts).
 */
import type { ColumnType, Generated, Selectable } from 'kysely';

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const WORKFLOW_TENANT_TABLES = ['approval_rules', 'approver_groups', 'notification_channels'] as const;

/**
 * Which wishes there are is known to one table only (workflows/wishes.ts), so the database no longer lists them. Row-level
 * security holds the owner too: the rows of old proposals are changed as the platform.
 */
export const WORKFLOW_TABLES = `
SELECT set_config('okcm.scope', 'platform', true);
ALTER TABLE proposals
  DROP CONSTRAINT proposals_action_check,
  DROP CONSTRAINT proposals_state_check,
  ADD CONSTRAINT proposals_state_check
    CHECK (state IN ('pending', 'executed', 'failed', 'rejected', 'revoked', 'expired')),
  ADD COLUMN requirements jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
  ADD COLUMN decided_by text,
  ADD COLUMN reason text,
  ADD COLUMN error jsonb;
UPDATE proposals SET requirements = jsonb_build_array(jsonb_build_object(
  'rule', policy, 'approvals', quorum - 1, 'groups', '[]'::jsonb, 'approvers', null)) WHERE state = 'pending';
CREATE INDEX proposals_to_expire ON proposals (expires_at) WHERE state = 'pending';
CREATE TABLE approver_groups (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  members text[] NOT NULL CHECK (cardinality(members) BETWEEN 1 AND 100),
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);
CREATE TABLE approval_rules (
  tenant text NOT NULL REFERENCES tenants,
  action text NOT NULL,
  approvals integer NOT NULL CHECK (approvals BETWEEN 1 AND 9),
  groups text[] NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, action)
);
CREATE TABLE notification_channels (
  tenant text NOT NULL REFERENCES tenants,
  name text NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('webhook', 'email')),
  config jsonb NOT NULL,
  events text[] NOT NULL,
  generation integer NOT NULL DEFAULT 1,
  position bigint NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  claim uuid,
  claimed_until timestamptz,
  last_error text,
  delivered_at timestamptz,
  lost bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, name)
);
SELECT set_config('okcm.scope', '', true);
`;

/** Channels end behind the event that says so. */
export const LEAVING_CHANNELS = 'ALTER TABLE notification_channels ADD COLUMN ends_at bigint';

export interface ApproverGroupRow {
  tenant: string;
  name: string;
  /** Principals, as audit events name them. */
  members: string[];
  set_by: string;
  set_at: Generated<Date>;
}

export interface ApprovalRuleRow {
  tenant: string;
  /** A row of the table in workflows/wishes.ts, or `any` for all that have no rule of their own. */
  action: string;
  /** By others than the proposer. */
  approvals: number;
  /** Whose members may approve; empty: whoever holds the permission. */
  groups: string[];
  set_by: string;
  set_at: Generated<Date>;
}

export type ChannelConfig =
  | { readonly kind: 'webhook'; readonly url: string }
  | { readonly kind: 'email'; readonly to: readonly string[] };

/** Where a tenant's events are told, and how far along its audit chain each place is (notifications/deliver.ts). */
export interface NotificationChannelRow {
  tenant: string;
  name: string;
  /** Goes into the webhook's secret: a channel of the same name made later has another one. */
  id: string;
  kind: ChannelConfig['kind'];
  config: ColumnType<ChannelConfig, string, string>;
  /** Patterns of audit actions, such as `proposal.*`. */
  events: string[];
  /** Of the webhook's secret. */
  generation: Generated<number>;
  /** The last event of the tenant's chain that was delivered, or was not for this channel. */
  position: ColumnType<string, number, number>;
  /** Failures in a row of the event that comes next. */
  attempts: Generated<number>;
  next_attempt_at: Generated<Date>;
  claim: Generated<string | null>;
  claimed_until: Generated<Date | null>;
  last_error: Generated<string | null>;
  delivered_at: Generated<Date | null>;
  /** Events that were given up. */
  lost: ColumnType<string, number | undefined, number>;
  created_at: Generated<Date>;
  /** Of one that was changed or removed: the last event that it is told. It has no name of its own any more, and is not shown. */
  ends_at: ColumnType<string | null, number | null | undefined, number | null>;
}

export type Channel = Selectable<NotificationChannelRow>;
