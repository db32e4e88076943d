/** The keychain's tables, as kysely sees them. Everything secret in them is an envelope. */
import type { Generated, Kysely } from 'kysely';
import type { KeyState } from '../../contracts/index.ts';

export interface KeychainTables {
  'keychain.root': {
    id: 1;
    cluster: string;
    region: string;
    seal_kind: string;
    sealed_unseal_key: Buffer;
    wrapped_master_key: Buffer;
    created_at: Generated<Date>;
  };
  /** Ed25519; made with the first set of shares. */
  'keychain.ceremony_key': { id: 1; wrapped: Buffer; ivk: number; created_at: Generated<Date> };
  'keychain.ivks': {
    version: number;
    state: KeyState;
    /** Under the MasterKey; null once destroyed. */
    wrapped: Buffer | null;
    /** Envelopes that processes have sealed under it, as far as they have said. */
    seals: Generated<string | number>;
    created_at: Generated<Date>;
    /** Of the last change of state. */
    changed_at: Generated<Date>;
  };
  /**
   * One row per tenant of which anything is known, be it only a closure: the row that every change of the tenant locks.
   * What it says of keys is a hint for finding work; the manifest alone is believed.
   */
  'keychain.link_heads': {
    tenant: string;
    closed_epoch: Generated<number>;
    closed_at: Date | null;
    /** Null: the tenant has no keys here. */
    manifest_counter: Generated<number | null>;
    /** Under which its manifest and regional secret stand. */
    ivk: Generated<number | null>;
    /** When something is to be done for its keys; null: nothing, for now. */
    due_at: Generated<Date | null>;
  };
  'keychain.links': {
    tenant: string;
    epoch: number;
    state: 'prepared' | 'open' | 'closed';
    public_key: Buffer | null;
    /** Gone once the link is open: its one purpose is served. */
    private_key: Buffer | null;
    /** The lease: the link secret. Only while open. */
    secret: Buffer | null;
    proved_at: Date | null;
    expires_at: Date | null;
    prepared_at: Date | null;
    opened_at: Date | null;
    closed_at: Date | null;
    close_reason: string | null;
    /** Under which `private_key` or `secret` stands. */
    ivk: number | null;
  };
  /** Hash-partitioned by tenant, under row-level security: see stores/postgres.ts. */
  'keychain.tenants': {
    tenant: string;
    regional_secret: Buffer;
    manifest: Buffer;
    /** Grows by one with every change of the manifest. */
    manifest_counter: number;
    created_at: Generated<Date>;
  };
  /** The same; `service` is empty for L2. */
  'keychain.keys': {
    tenant: string;
    service: string;
    version: number;
    wrapped: Buffer;
    created_at: Generated<Date>;
  };
  /** Who is handed no service keys for a while (cuts.ts); `service` is empty for all of a tenant's. */
  'keychain.cuts': { tenant: string; service: string; drill: string; until: Date };
  /** Wraps charged to each L3 version (usage.ts). */
  'keychain.usage': { tenant: string; service: string; version: number; wraps: string | number };
}

/** A database or a transaction in it; a core's wider schema fits too. */
export type Db = Kysely<KeychainTables>;
