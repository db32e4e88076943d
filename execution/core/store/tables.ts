/** The core's own tables, in the schema `core`, as kysely sees them. */
import type { ColumnType, Generated, Kysely, RawBuilder, Transaction } from 'kysely';
import type { AuditClass } from '../../../contracts/index.ts';
import type { KeychainTables } from '../../keychain/index.ts';

export interface CoreTables {
  'core.objects': {
    uid: string;
    /** Order of arrival: the order of Locate's answers. */
    seq: Generated<string>;
    tenant: string;
    service: string;
    object_type: number;
    state: number;
    cryptographic_algorithm: number | null;
    cryptographic_length: number | null;
    usage_mask: number;
    initial_date: string | number;
    activation_date: string | number | null;
    deactivation_date: string | number | null;
    archive_date: string | number | null;
    /** KMIP 1.4 §3.34. The body may say true still. */
    fresh: boolean;
    /** See `terms.ts`; null: any. */
    terms: string[] | null;
    /** Hex SHA-256 of the envelope as announced: tells a repeated announcement from another key (D6). */
    wrapped_digest: string;
    revision: string | number;
    /** Of the L3 that wraps its key; null once that is erased. */
    l3_version: number | null;
    /** The whole object, as execution/objects/codec.ts writes it. */
    body: Buffer;
  };
  'core.names': { tenant: string; name: string; uid: string };
  'core.asynchronous': {
    correlation: Buffer;
    tenant: string;
    fingerprint: string;
    state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
    /** A response message with one item; null until it is there. */
    answer: Buffer | null;
    created_at: Generated<Date>;
  };
  'core.random_ivs': { uid: string; used: string | number };
  /** See `gateways.ts`. */
  'core.gateways': { fingerprint: string; heard_us: string | number; announced_us: string | number };
  /** See `leases.ts`. */
  'core.gateway_leases': { fingerprint: string; process: string; noted_us: string | number; leases: unknown };
  'core.push_counter': { id: 1; head: string | number };
  'core.pushes': {
    number: string | number;
    /** What it is about: a later push on the same subject supersedes it. */
    subject: string;
    kind: string;
    body: Buffer;
    created_at: Generated<Date>;
  };
  'core.identities': {
    fingerprint: string;
    role: 'application' | 'gateway' | 'operator';
    name: string;
    tenant: string | null;
    services: string[];
    operations: string[] | null;
    updated_at: Generated<Date>;
  };
  'core.issuers': { fingerprint: string; certificate: string; updated_at: Generated<Date> };
  'core.audit_head': { id: 1; seq: string | number; hash: Buffer };
  'core.audit_events': {
    seq: string | number;
    id: string;
    at: string;
    event: string;
    outcome: string;
    reason: string | null;
    tenant: string | null;
    /** The whole event as it was hashed. */
    body: string;
    prev_hash: Buffer;
    hash: Buffer;
  };
  /** The head of the trail that was signed last (core/audit/signing.ts). */
  'core.audit_signed': {
    id: 1;
    seq: string | number;
    hash: string;
    at: string;
    key_id: string;
    signature: string;
  };
  /** By which governance signs or has signed, as far as the region was told after its configuration (core/signing). */
  'core.governance_keys': {
    key_id: string;
    public_key: string;
    state: 'trusted' | 'retired';
    since: ColumnType<Date, never, RawBuilder<Date>>;
  };
  /** By which the region signs or has signed: public halves, since the first rotation. */
  'core.own_keys': {
    key_id: string;
    public_key: string;
    state: 'made' | 'active' | 'former';
    since: ColumnType<Date, never, RawBuilder<Date>>;
  };
  /** How many events of each class there have been, for reports; written with the trail (core/audit/trail.ts). */
  'core.audit_counts': {
    /** Empty for those of no tenant, or of none that the region knows. */
    tenant: string;
    class: AuditClass;
    outcome: 'success' | 'refused' | 'failed';
    events: string | number;
    last_seq: string | number;
    last_at: string;
  };
}

export type RegionTables = CoreTables & KeychainTables;
export type RegionDb = Kysely<RegionTables>;
export type RegionTx = Transaction<RegionTables>;

/** The same database or transaction, as the keychain sees it: kysely's types do not follow a wider schema by themselves. */
export function keysIn(db: RegionDb): Kysely<KeychainTables> {
  return db as unknown as Kysely<KeychainTables>;
}
