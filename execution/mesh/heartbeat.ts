/** Heartbeat: every second, proof that the link lives, renewal of what is leased, and the head (D7). */
import { optional, repeated, required, structure, Tag, textString } from '../kmip/index.ts';
import { VendorTag } from '../objects/index.ts';
import { auditEventCodec } from './audit.ts';
import { bounded, count, mapped, serviceName, tenantId } from './fields.ts';
import { MAX_AUDIT_EVENTS, MAX_HEARTBEAT_LEASES } from './limits.ts';
import type { HeartbeatRequest, HeartbeatResponse } from './messages.ts';

const held = {
  tenant: required(VendorTag.Tenant, tenantId),
  service: required(VendorTag.Service, serviceName),
} as const;

export const heartbeatRequest = mapped(
  structure(Tag.RequestPayload, {
    appliedHead: required(VendorTag.AppliedHead, count),
    backlog: required(VendorTag.Backlog, count),
    leases: repeated(
      VendorTag.Lease,
      structure(VendorTag.Lease, { ...held, idleMs: optional(VendorTag.IdleMs, count) }),
    ),
    audit: repeated(VendorTag.AuditEvent, auditEventCodec),
  }),
  (w): HeartbeatRequest => ({
    appliedHead: w.appliedHead,
    backlog: w.backlog,
    leases: bounded(w.leases, MAX_HEARTBEAT_LEASES, 'leases'),
    audit: bounded(w.audit, MAX_AUDIT_EVENTS, 'audit events'),
  }),
  (value) => value,
);

export const heartbeatResponse = mapped(
  structure(Tag.ResponsePayload, {
    head: required(VendorTag.Head, count),
    renewed: repeated(
      VendorTag.Lease,
      structure(VendorTag.Lease, {
        ...held,
        ttlMs: required(VendorTag.TtlMs, count),
        etag: required(VendorTag.LeaseEtag, textString),
      }),
    ),
    unknown: repeated(VendorTag.UnknownLease, structure(VendorTag.UnknownLease, held)),
  }),
  ({ head, renewed, unknown }): HeartbeatResponse => ({
    head,
    renewed: bounded(renewed, MAX_HEARTBEAT_LEASES, 'leases'),
    unknown: bounded(unknown, MAX_HEARTBEAT_LEASES, 'leases'),
  }),
  (value) => value,
);
