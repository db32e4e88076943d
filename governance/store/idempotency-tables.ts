/** Requests with an Idempotency-Key, and what was answered (api/idempotency.ts). */
import type { ColumnType, Generated } from 'kysely';

/** Tables with a `tenant` column: each gets row-level security as the others have it (D13). */
export const IDEMPOTENCY_TENANT_TABLES = ['idempotency_keys'] as const;

export interface IdempotencyKeyRow {
  /** Whose chain of the audit log the request belongs to: a tenant, or `_platform`. */
  tenant: string;
  principal: string;
  key: string;
  /** SHA-256 of method, path and body: a key stands for one request. */
  request: string;
  /** The process that is at it; another may take over after `claimed_until`. */
  claim: string;
  claimed_until: Date;
  /** Written in the transaction of the change itself. */
  carried_out: Generated<boolean>;
  status: Generated<number | null>;
  /** Content type and body as they were sent; null until answered, or where they may not be kept. */
  answer: Generated<string | null>;
  content_type: Generated<string | null>;
  correlation_id: string;
  expires_at: ColumnType<Date, Date, Date>;
}

export const IDEMPOTENCY_TABLES = `
CREATE TABLE idempotency_keys (
  tenant text NOT NULL,
  principal text NOT NULL,
  key text NOT NULL,
  request text NOT NULL,
  claim uuid NOT NULL,
  claimed_until timestamptz NOT NULL,
  carried_out boolean NOT NULL DEFAULT false,
  status integer,
  answer text,
  content_type text,
  correlation_id text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, principal, key)
);
CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at);
`;
