/**
 * An event in the Open Cybersecurity Schema Framework, version 1.3: class API Activity (6003) of the category Application
 * Activity. What the schema has no name for stands under `unmapped`.
 */
import { isIP } from 'node:net';
import type { AuditEventView } from './event.ts';

const OCSF_VERSION = '1.3.0';
const CATEGORY = { category_uid: 6, category_name: 'Application Activity' } as const;
const CLASS = { class_uid: 6003, class_name: 'API Activity' } as const;

type Activity = 1 | 2 | 3 | 4 | 99;
const ACTIVITY_NAMES: Readonly<Record<Activity, string>> = {
  1: 'Create',
  2: 'Read',
  3: 'Update',
  4: 'Delete',
  99: 'Other',
};
/** By what an action's last word says is done; anything else is Other, under its own name. */
const ACTIVITIES: Readonly<Record<string, Activity>> = {
  onboard: 1,
  enrol: 1,
  add: 1,
  register: 1,
  create: 1,
  propose: 1,
  import: 1,
  list: 2,
  read: 2,
  inspect: 2,
  verify: 2,
  export: 2,
  rotate: 3,
  update: 3,
  approve: 3,
  retry: 3,
  cancel: 3,
  renew: 3,
  remove: 4,
  delete: 4,
  destroy: 4,
};

const STATUS: Readonly<Record<string, { status_id: number; status: string }>> = {
  accepted: { status_id: 1, status: 'Success' },
  succeeded: { status_id: 1, status: 'Success' },
  refused: { status_id: 2, status: 'Failure' },
  failed: { status_id: 2, status: 'Failure' },
};
/** 1 Informational, 3 Medium, 4 High. */
const SEVERITY: Readonly<Record<string, { severity_id: number; severity: string }>> = {
  accepted: { severity_id: 1, severity: 'Informational' },
  succeeded: { severity_id: 1, severity: 'Informational' },
  refused: { severity_id: 3, severity: 'Medium' },
  failed: { severity_id: 4, severity: 'High' },
};

export function ocsfOf(chain: string, event: AuditEventView): Record<string, unknown> {
  const { sequence, at, actor, action, subject, outcome, origin, correlationId, detail, hash, previousHash } =
    event;
  const activity = ACTIVITIES[action.split('.').at(-1) ?? ''] ?? 99;
  const [type, name] = splitSubject(subject);
  return {
    ...CATEGORY,
    ...CLASS,
    activity_id: activity,
    activity_name: activity === 99 ? action : ACTIVITY_NAMES[activity],
    type_uid: CLASS.class_uid * 100 + activity,
    type_name: `${CLASS.class_name}: ${ACTIVITY_NAMES[activity]}`,
    time: Date.parse(at),
    ...(SEVERITY[outcome] ?? { severity_id: 0, severity: 'Unknown' }),
    ...(STATUS[outcome] ?? { status_id: 0, status: 'Unknown' }),
    status_detail: outcome,
    message: `${actor} ${action} ${subject}: ${outcome}`,
    actor: actor.includes(':') ? { app_name: actor } : { user: { name: actor } },
    api: { operation: action, service: { name: 'openkcm-cmk' } },
    src_endpoint: endpointOf(origin),
    resources: [{ ...(type === undefined ? {} : { type }), name }],
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'CMK', vendor_name: 'OpenKCM' },
      log_name: chain,
      uid: `${chain}/${sequence}`,
      sequence,
      correlation_uid: correlationId,
      event_code: action,
      original_time: at,
      ...(chain.startsWith('_') ? {} : { tenant_uid: chain }),
    },
    unmapped: { detail, hash, previous_hash: previousHash },
  };
}

/** The class demands an endpoint, and of it a name at least. */
function endpointOf(origin: string | null): Record<string, string> {
  if (origin === null) return { name: 'unknown' };
  return isIP(origin) === 0 ? { svc_name: origin } : { ip: origin };
}

/** `region:eu-west-1` is of type `region`. */
function splitSubject(subject: string): [string | undefined, string] {
  const colon = subject.indexOf(':');
  return colon < 1 || subject.includes(' ')
    ? [undefined, subject]
    : [subject.slice(0, colon), subject.slice(colon + 1)];
}
