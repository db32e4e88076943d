/**
 * Events as log records of the OpenTelemetry protocol, over HTTP in JSON (OTLP 1.x, "OTLP/HTTP"). 64-bit integers are
 * decimal text there.
 */
import { isIP } from 'node:net';
import { type AuditEventView, textOfDetail } from './event.ts';

export interface ChainEvent {
  readonly chain: string;
  readonly event: AuditEventView;
}

type Value = { readonly stringValue: string } | { readonly intValue: string };
interface Attribute {
  readonly key: string;
  readonly value: Value;
}

/** OpenTelemetry's severity numbers. */
const SEVERITY: Readonly<Record<string, readonly [number, string]>> = {
  accepted: [9, 'INFO'],
  succeeded: [9, 'INFO'],
  refused: [13, 'WARN'],
  failed: [17, 'ERROR'],
};
const UNKNOWN_SEVERITY = [9, 'INFO'] as const;

const text = (key: string, value: string): Attribute => ({ key, value: { stringValue: value } });

/** The body of one ExportLogsServiceRequest. */
export function logsRequest(cluster: string, events: readonly ChainEvent[]): string {
  return JSON.stringify({
    resourceLogs: [
      {
        resource: {
          attributes: [text('service.name', 'okcm-cmk'), text('service.namespace', cluster)],
        },
        scopeLogs: [{ scope: { name: 'okcm.audit', version: '1' }, logRecords: events.map(recordOf) }],
      },
    ],
  });
}

function recordOf({ chain, event }: ChainEvent): object {
  const { sequence, at, actor, action, subject, outcome, origin, correlationId, detail } = event;
  const [severityNumber, severityText] = SEVERITY[outcome] ?? UNKNOWN_SEVERITY;
  return {
    timeUnixNano: nanosOf(at),
    observedTimeUnixNano: nanosOf(at),
    severityNumber,
    severityText,
    eventName: 'okcm.audit',
    body: { stringValue: `${actor} ${action} ${subject}: ${outcome}` },
    attributes: [
      // Sent at least once: these two tell a repetition.
      text('okcm.audit.chain', chain),
      { key: 'okcm.audit.sequence', value: { intValue: String(sequence) } },
      text('okcm.audit.action', action),
      text('okcm.audit.subject', subject),
      text('okcm.audit.outcome', outcome),
      text('okcm.audit.detail', textOfDetail(detail)),
      text('okcm.audit.hash', event.hash),
      text('okcm.audit.previous_hash', event.previousHash),
      text('okcm.correlation_id', correlationId),
      text('user.name', actor),
      ...(origin === null ? [] : [text(isIP(origin) === 0 ? 'okcm.audit.origin' : 'client.address', origin)]),
    ],
  };
}

/** 0 is OTLP's word for a time that is not known. */
function nanosOf(at: string): string {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? '0' : `${ms}000000`;
}
