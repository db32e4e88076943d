/** Audit events on the wire: what a gateway saw and the region's trail must hold. */
import { optional, required, structure, textString } from '../kmip/index.ts';
import { VendorTag } from '../objects/index.ts';
import { mapped, present, word } from './fields.ts';
import type { AuditEvent } from './messages.ts';

export const auditEventCodec = mapped(
  structure(VendorTag.AuditEvent, {
    id: required(VendorTag.AuditId, textString),
    at: required(VendorTag.AuditAt, textString),
    event: required(VendorTag.AuditName, textString),
    outcome: required(VendorTag.AuditOutcome, word(['success', 'refused', 'failed'])),
    reason: optional(VendorTag.AuditReason, textString),
    tenant: optional(VendorTag.AuditTenant, textString),
    application: optional(VendorTag.AuditApplication, textString),
    fingerprint: optional(VendorTag.AuditFingerprint, textString),
    operation: optional(VendorTag.AuditOperation, textString),
    uid: optional(VendorTag.AuditUid, textString),
    peer: optional(VendorTag.AuditPeer, textString),
    correlationId: optional(VendorTag.AuditCorrelationId, textString),
  }),
  ({ id, at, event, outcome, ...rest }): AuditEvent => ({ id, at, event, outcome, ...present(rest) }),
  (event) => event,
);
