/** Who is signed in to the portal (portal/sessions.ts). */
import type { ColumnType } from 'kysely';

/** Without a `tenant` column: a session is a person's, whatever tenants they belong to. */
export const PORTAL_PLATFORM_TABLES = ['portal_sessions'] as const;

export interface PortalSessionRow {
  /** SHA-256 of what the cookie names, in hexadecimal. */
  id: string;
  principal: string;
  /** The name of the provider that issued the tokens; null: a token of a development installation's file. */
  issuer: string | null;
  /** The tokens, under a key that the cookie alone holds: a thief of the database has none of them. */
  sealed: ColumnType<Buffer, Buffer, Buffer>;
  /** When the access token ends. */
  token_expires_at: ColumnType<Date, Date, Date>;
  /** When the session ends, whatever its tokens say. */
  expires_at: ColumnType<Date, Date, never>;
  used_at: ColumnType<Date, Date, Date>;
  /** The process that is getting a fresh token; another may from `refreshing_until` on. */
  refreshing_until: ColumnType<Date | null, never, Date | null>;
}

export const PORTAL_TABLES = `
CREATE TABLE portal_sessions (
  id text PRIMARY KEY,
  principal text NOT NULL,
  issuer text,
  sealed bytea NOT NULL,
  token_expires_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz NOT NULL,
  refreshing_until timestamptz
);
CREATE INDEX portal_sessions_by_principal ON portal_sessions (principal, used_at);
CREATE INDEX portal_sessions_by_end ON portal_sessions (expires_at);
`;
