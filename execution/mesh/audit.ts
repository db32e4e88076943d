/** Audit events on the wire: what a gateway saw and the region's trail must hold. */
import { decodeTtlv, encodeTtlv, optional, required, structure, textString } from '../kmip/index.ts';
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

/** One event, as a heartbeat carries it. @throws when no message can carry it. */
export function encodeAuditEvent(event: AuditEvent): Uint8Array {
  return encodeTtlv(auditEventCodec.write(event));
}

/** Events that stand one behind the other. @throws when they are damaged. */
export function decodeAuditEvents(bytes: Uint8Array): AuditEvent[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: AuditEvent[] = [];
  for (let at = 0; at < view.length; ) {
    const end = at + 8 + view.readUInt32BE(at + 4);
    events.push(auditEventCodec.read(decodeTtlv(view.subarray(at, end))));
    at = end;
  }
  return events;
}
