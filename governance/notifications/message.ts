/**
 * From an audit event to what a channel is told of it. Audit events hold no secret, so neither does a notification; it
 * holds what the event holds, and nothing that has happened since.
 */
import type { Mail } from './email.ts';
import type { Envelope } from './webhook.ts';

/** An event of a tenant's chain. */
export interface ToldEvent {
  readonly tenant: string;
  readonly sequence: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly outcome: string;
  readonly correlationId: string;
  readonly detail: unknown;
}

/** `proposal.*` is every action that begins so, `*` every action. */
export const eventPattern = '^(?:\\*|[a-z][a-z-]*(?:\\.[a-z][a-z-]*)*(?:\\.\\*)?)$';
/** What is told where nobody has chosen: what people have to decide, and what opens or closes keys. */
export const defaultEvents = [
  'proposal.*',
  'link.active',
  'link.close',
  'link.closed',
  'link.failed',
  'key.state',
  'tenant.*',
] as const;

/**
 * How channels are set is told on all of them, whatever they have asked for: nobody is silenced unseen. How they fare is told
 * on none: what could not be told would have to be told.
 */
const OWN = 'notification.';
const OWN_TOLD: readonly string[] = ['create', 'change', 'secret', 'remove'].map((what) => OWN + what);

export function isToldOf(action: string, patterns: readonly string[]): boolean {
  if (action.startsWith(OWN)) return OWN_TOLD.includes(action);
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? action.startsWith(pattern.slice(0, -1)) : action === pattern,
  );
}

/** Names the event in the world: whoever gets it twice knows it again. */
const idOf = ({ tenant, sequence }: ToldEvent): string => `okcm-${tenant}-${sequence}`;

export function toEnvelope(event: ToldEvent): Envelope {
  return {
    id: idOf(event),
    body: JSON.stringify({ type: event.action, timestamp: event.at, data: event }),
  };
}

/** Lines for people; the text of an event may come from anybody, and must not begin a line of its own. */
export function toMail(event: ToldEvent, to: readonly string[]): Mail {
  const { tenant, action, subject, outcome, actor, at, correlationId, sequence } = event;
  const wish = field(event.detail, 'wish');
  const lines = [
    `Tenant:         ${tenant}`,
    `What:           ${action}${wish === undefined ? '' : ` of ${wish}`}`,
    `On:             ${subject}`,
    `Outcome:        ${outcome}`,
    `By:             ${actor}`,
    `At:             ${at}`,
    `Correlation id: ${correlationId}`,
    `Audit event:    ${sequence}`,
    '',
    `${JSON.stringify(event.detail, null, 2)}`,
    ...(action === 'proposal.create'
      ? ['', `To decide about it: okcm proposals show ${tenant} ${subject.replace(/^proposal:/, '')}`]
      : []),
  ];
  const what = wish === undefined ? action : `${action} (${wish})`;
  return {
    id: idOf(event),
    to,
    subject: oneLine(`[OpenKCM] ${tenant}: ${what}${outcome === 'accepted' ? '' : `, ${outcome}`}`),
    text: lines.map((line, at) => (at < 8 ? oneLine(line) : line)).join('\n'),
  };
}

const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');

function field(detail: unknown, name: string): string | undefined {
  const value: unknown =
    typeof detail === 'object' && detail !== null ? Reflect.get(detail, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}
