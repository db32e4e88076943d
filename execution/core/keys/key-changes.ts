/** What gateways and the audit trail are told of a change of keys, in the transaction that makes it. */
import type { KeyEvent } from '../../keychain/index.ts';
import type { Push } from '../../mesh/index.ts';
import type { NewAuditEvent } from '../audit/trail.ts';

const auditNames: Readonly<Record<KeyEvent['kind'], string>> = {
  prepared: 'KEY_PREPARED',
  rotated: 'KEY_ROTATED',
  compromised: 'KEY_COMPROMISED',
  destroyed: 'KEY_DESTROYED',
  rewrapped: 'KEYS_REWRAPPED',
  recovered: 'KEYS_RECOVERED',
};

/**
 * A version more: gateways fetch it while they go on. A version that must not be used any more: they drop what they hold.
 * An L2 never leaves the core, and the same material wrapped anew concerns nobody.
 */
export function pushesOf(events: readonly KeyEvent[]): Push[] {
  const pushes: Push[] = [];
  for (const event of events) {
    if (event.service === null || event.kind === 'rewrapped') continue;
    const { tenant, service } = event;
    const key = { tenant, service };
    if (event.kind === 'recovered') {
      pushes.push({ kind: 'service.flush', ...key });
      continue;
    }
    const { kind, version } = event;
    if (kind === 'prepared') pushes.push({ kind: 'service.rotated', ...key });
    if (kind === 'rotated') pushes.push({ kind: 'service.rotated', ...key, version });
    if (kind === 'compromised') pushes.push({ kind: 'service.flush', ...key, version });
    if (kind === 'destroyed') pushes.push({ kind: 'service.flush', ...key });
  }
  return pushes;
}

export function auditOf(events: readonly KeyEvent[], more: Partial<NewAuditEvent> = {}): NewAuditEvent[] {
  return events.map((event) => ({
    event: auditNames[event.kind],
    outcome: 'success',
    tenant: event.tenant,
    uid: nameOf(event),
    ...more,
  }));
}

/** `L2 v3`, `L3 payments v7`, `L3 payments ×128`, `L3 payments`. */
function nameOf(event: KeyEvent): string {
  const key = event.service === null ? 'L2' : `L3 ${event.service}`;
  if (event.kind === 'recovered') return key;
  return event.kind === 'rewrapped' ? `${key} ×${event.count}` : `${key} v${event.version}`;
}
