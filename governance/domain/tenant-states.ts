/**
 * The life of a tenant:
 *
 *     requested ──▶ provisioning ──▶ active ──▶ blocking ──▶ blocked ──▶ terminating ──▶ terminated
 *         │              │              ▲                       │              ▲
 *         │              │              └────── unblock ────────┤              │
 *         └──────────────┴───────────── terminate ──────────────┴──────────────┘
 *
 * requested    known here and nowhere else; nobody has asked a region for anything
 * provisioning every region makes the tenant's first keys               (job TENANT_PROVISION)
 * active       every region has; links come and go in this state
 * blocking     every region shall close whatever it holds               (jobs UNLINK, no deadline)
 * blocked      all have: nothing of the tenant opens; unblocked, it has to be linked anew
 * terminating  every region shall close every epoch that could ever be  (jobs UNLINK, no deadline)
 * terminated   all have, and the wrapped link secrets are gone from here: nobody opens its keys again
 *
 * A state that ends in -ing is a change on its way. When a region refuses its part, the change has failed and stays
 * where it is until it is retried. Blocking waits for nobody's provisioning: a closure needs no tenant in the region.
 */
export const tenantStates = [
  'requested',
  'provisioning',
  'active',
  'blocking',
  'blocked',
  'terminating',
  'terminated',
] as const;
export type TenantState = (typeof tenantStates)[number];

/** A change on its way, and the state in which it ends once every region has done its part. */
const endOf = { provisioning: 'active', blocking: 'blocked', terminating: 'terminated' } as const;
export type ChangingState = keyof typeof endOf;

export const isChanging = (state: TenantState): state is ChangingState => Object.hasOwn(endOf, state);

export const endsAs = (state: ChangingState): TenantState => endOf[state];

export type TenantChange = 'provision' | 'block' | 'unblock' | 'terminate';

/** From which states each may be asked for. */
const allowed: Readonly<Record<TenantChange, readonly TenantState[]>> = {
  provision: ['requested'],
  block: ['provisioning', 'active'],
  unblock: ['blocked'],
  // An active tenant is blocked first: what cannot be taken back takes two decisions.
  terminate: ['requested', 'provisioning', 'blocked'],
};

export const mayBegin = (change: TenantChange, from: TenantState): boolean => allowed[change].includes(from);

/** Whether services, applications and links may be made for a tenant in this state. */
export const isServed = (state: TenantState): boolean => state === 'provisioning' || state === 'active';

/** Where a change stands, from what each region has done of it. */
export function progressOf(
  state: ChangingState,
  regions: readonly ('pending' | 'done' | 'failed')[],
): { readonly state: TenantState; readonly failed: boolean } {
  if (regions.includes('failed')) return { state, failed: true };
  if (regions.every((region) => region === 'done')) return { state: endsAs(state), failed: false };
  return { state, failed: false };
}
