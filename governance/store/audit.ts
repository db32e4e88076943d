/** The audit log as everything else writes it; the rest of it lies in governance/audit/. */
export type { Actor, AuditEvent } from '../audit/event.ts';
export { audit } from '../audit/record.ts';
