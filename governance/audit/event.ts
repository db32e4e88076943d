/**
 * What the audit log holds of a decision: who did what, on what, from where, with which outcome, under which correlation
 * id. One hash chain per tenant, and one for the platform. The forms of an event outside the database are formats.ts.
 */
import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { ChainLink } from '../../platform/hash-chain.ts';
import type { AuditEventRow } from '../store/schema.ts';
import type { Trx } from '../store/transactions.ts';

export interface Actor {
  /** The operator's name from the credential, or `system:` and the part of CMK that acted by itself. */
  readonly actor: string;
  readonly correlationId: string;
  /** Whence the request came, such as an IP address; absent where none did. */
  readonly origin?: string;
  /** Told in the transaction of the change, before the event is in the log. */
  readonly carriedOut?: (trx: Trx) => Promise<void>;
}

export const auditOutcomes = ['accepted', 'refused', 'succeeded', 'failed'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

export interface AuditEvent {
  /** Absent for what concerns no single tenant. */
  readonly tenant?: string;
  readonly action: string;
  /** What was acted upon, such as `region:eu-west-1`. */
  readonly subject: string;
  readonly outcome: AuditOutcome;
  /** Facts worth keeping; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** An event as it lies in the database. */
export type StoredEvent = Selectable<AuditEventRow>;

/** An event as readers get it. */
export interface AuditEventView {
  sequence: number;
  at: string;
  actor: string;
  action: string;
  subject: string;
  outcome: string;
  /** Null for events from before it was kept. */
  origin: string | null;
  correlationId: string;
  /** An object; the bare text where somebody has made it another than CMK writes. */
  detail: Record<string, unknown> | string;
  previousHash: string;
  hash: string;
}

/** The chain of what concerns no single tenant; no tenant can be called so. */
export const PLATFORM = '_platform';
export const chainOf = (tenant: string | undefined): string => tenant ?? PLATFORM;
/** Stands as the origin of what CMK did by itself. */
export const OWN_ORIGIN = 'cmk';
/** Characters of an origin: whoever asks chooses parts of it. */
export const MAX_ORIGIN_LENGTH = 128;

/** What a hash covers, in this order; `origin` last, and only where there is one. */
export type HashedEvent = Omit<StoredEvent, 'hash'>;

export function hashOf(event: HashedEvent): string {
  const fields = [
    event.tenant,
    Number(event.sequence),
    event.at,
    event.actor,
    event.action,
    event.subject,
    event.outcome,
    event.correlation_id,
    event.detail,
    event.previous_hash,
    ...(event.origin === null ? [] : [event.origin]),
  ];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

export function linkOf(event: StoredEvent): ChainLink {
  return {
    sequence: Number(event.sequence),
    previousHash: event.previous_hash,
    hash: event.hash,
    rehash: (sequence, previousHash) =>
      hashOf({ ...event, sequence: String(sequence), previous_hash: previousHash }),
  };
}

/** An object if the text is just what CMK would write for it, so that the text can be had back; else the text. */
export function detailOf(text: string): Record<string, unknown> | string {
  try {
    const value: unknown = JSON.parse(text);
    const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isPlain && JSON.stringify(value) === text ? (value as Record<string, unknown>) : text;
  } catch {
    return text;
  }
}

/** The text that `detailOf` was given. */
export const textOfDetail = (detail: Record<string, unknown> | string): string =>
  typeof detail === 'string' ? detail : JSON.stringify(detail);

export function viewOf(event: StoredEvent): AuditEventView {
  return {
    sequence: Number(event.sequence),
    at: event.at,
    actor: event.actor,
    action: event.action,
    subject: event.subject,
    outcome: event.outcome,
    origin: event.origin,
    correlationId: event.correlation_id,
    detail: detailOf(event.detail),
    previousHash: event.previous_hash,
    hash: event.hash,
  };
}

export function storedOf(chain: string, view: AuditEventView): StoredEvent {
  return {
    tenant: chain,
    sequence: String(view.sequence),
    at: view.at,
    actor: view.actor,
    action: view.action,
    subject: view.subject,
    outcome: view.outcome,
    origin: view.origin,
    correlation_id: view.correlationId,
    detail: textOfDetail(view.detail),
    previous_hash: view.previousHash,
    hash: view.hash,
  };
}
