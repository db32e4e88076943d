/** The API's words as people read them. What is not here is shown as it came. */

const ACTIONS: Readonly<Record<string, string>> = {
  link: 'Link the tenant’s key',
  unlink: 'Unlink',
  'switch-key': 'Switch to another key',
  'rotate-link': 'Rotate the link',
  'link-rotation-policy': 'Change how often the link rotates',
  'rotation-policy': 'Change how often keys rotate',
  'compromise-key': 'Declare a key compromised',
  'destroy-key': 'Destroy a key version',
  'change-access': 'Change who may what',
  'block-tenant': 'Block the tenant',
  'unblock-tenant': 'Unblock the tenant',
  'terminate-tenant': 'Terminate the tenant',
  'approval-rule': 'Change an approval rule',
  'approver-group': 'Change a group of approvers',
  any: 'Any action without a rule of its own',
  'disable-key': 'The key is disabled',
  'delete-key': 'The key is deleted',
  drill: 'Drill',
};

export const actionTitle = (action: string): string => ACTIONS[action] ?? action;

export const proposalActions = [
  'link',
  'unlink',
  'switch-key',
  'rotate-link',
  'link-rotation-policy',
  'rotation-policy',
  'compromise-key',
  'destroy-key',
  'change-access',
  'block-tenant',
  'unblock-tenant',
  'terminate-tenant',
  'approval-rule',
  'approver-group',
] as const;

export type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'off';

/** How a state looks. The word itself is always shown with it. */
const TONES: Readonly<Record<Tone, readonly string[]>> = {
  ok: [
    'active',
    'done',
    'executed',
    'ENABLED',
    'unsealed',
    'open',
    'linked',
    'in-use',
    'cut',
    'restored',
    'complete',
    'ended',
    'succeeded',
    'accepted',
    'connected',
    'healthy',
    'unaffected',
  ],
  warn: [
    'pending',
    'expired',
    'sealed',
    'stale',
    'THROTTLED',
    'UNREACHABLE',
    'UNKNOWN',
    'PENDING_IMPORT',
    'requested',
    'blocked',
    'retiring',
    'restoring',
    'waits',
    'unknown',
    'asking',
    'prepared',
    'tell',
  ],
  bad: [
    'failed',
    'DISABLED',
    'PENDING_DELETION',
    'NOT_FOUND',
    'FORBIDDEN',
    'rejected',
    'refused',
    'compromised',
    'destroyed-compromised',
    'unreachable',
    'cancelled-by-it',
  ],
  busy: [
    'processing',
    'preparing',
    'sealing',
    'linking',
    'rotating',
    'provisioning',
    'blocking',
    'terminating',
    'closing',
    'removing',
    'running',
    'cutting',
    'announced',
    'resumes',
    'provision',
  ],
  off: [
    'none',
    'closed',
    'cancelled',
    'revoked',
    'terminated',
    'unlinked',
    'retired',
    'destroyed',
    'pre-active',
    'deactivated',
    'empty',
  ],
};

const TONE_OF = new Map(
  (Object.entries(TONES) as [Tone, readonly string[]][]).flatMap(([tone, states]) =>
    states.map((state) => [state, tone] as const),
  ),
);

export const toneOf = (state: string): Tone => TONE_OF.get(state) ?? 'off';

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** 2592000 → "30 days". */
export function duration(seconds: number): string {
  if (seconds >= 172_800) return plural(Math.round(seconds / 86_400), 'day');
  if (seconds >= 7_200) return plural(Math.round(seconds / 3_600), 'hour');
  if (seconds >= 120) return plural(Math.round(seconds / 60), 'minute');
  return plural(Math.round(seconds), 'second');
}

export const milliseconds = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms` : duration(ms / 1_000);
