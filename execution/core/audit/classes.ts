/** What an event of the trail is about, by the beginning of its name. Whatever a gateway calls an event ends in one of these. */
import type { AuditClass } from '../../../contracts/index.ts';

/** Looked through in this order. */
const BEGINNINGS: readonly (readonly [AuditClass, readonly string[]])[] = [
  ['use', ['OBJECT_READ', 'OBJECT_USED', 'OBJECT_EXPORTED', 'USAGE_', 'CLIENT_IV_', 'RNG_']],
  ['lifecycle', ['OBJECT_', 'ATTRIBUTE_', 'NAME_']],
  ['operation', ['OPERATION_', 'TUNNEL_', 'ANNOUNCE', 'REFUSALS_']],
  ['connection', ['CONNECTION_', 'MESSAGES_']],
  ['link', ['LINK_']],
  ['key', ['KEY_', 'KEYS_', 'IVK_', 'ROTATION_', 'SIGNING_', 'GOVERNANCE_']],
  ['seal', ['UNSEALED', 'SEAL', 'SHARE']],
  ['registry', ['IDENTITY_', 'ISSUER_', 'TENANT_', 'SERVICE_']],
];

export function auditClassOf(event: string): AuditClass {
  const found = BEGINNINGS.find(([, beginnings]) => beginnings.some((each) => event.startsWith(each)));
  return found?.[0] ?? 'other';
}
