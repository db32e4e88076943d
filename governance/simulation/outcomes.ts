/**
 * What can be simulated, and what each would do to a region. Pure: the rules of the kill switch (links/kill-switch.ts), of
 * UNLINK (links/request.ts) and of drills, applied to facts instead of rows.
 */
import { type Static, Type } from 'typebox';
import type { JobKind } from '../../contracts/index.ts';
import type { Facts, RegionFacts } from './fact-types.ts';

const closed = { additionalProperties: false } as const;
const Name = Type.String();

/** What is asked. `key`: the L1 key's alias; `service`: of a drill, without it the whole tenant. */
export const Subject = Type.Union([
  Type.Object({ action: Type.Literal('unlink') }, closed),
  Type.Object({ action: Type.Literal('disable-key'), key: Name }, closed),
  Type.Object({ action: Type.Literal('delete-key'), key: Name }, closed),
  Type.Object({ action: Type.Literal('block-tenant') }, closed),
  Type.Object({ action: Type.Literal('terminate-tenant') }, closed),
  Type.Object({ action: Type.Literal('drill'), service: Type.Optional(Name) }, closed),
]);
export type Subject = Static<typeof Subject>;
export type SimulatedAction = Subject['action'];

interface Rules {
  /** In words, after "would". */
  readonly means: string;
  /** How what has stopped comes back. */
  readonly back: string;
  readonly reversible: boolean;
}

export const simulated: Readonly<Record<SimulatedAction, Rules>> = {
  unlink: {
    means: 'close the link in every region, for ever; gateways refuse with one push',
    back: 'link again: a new epoch opens the same keys, as long as the L1 key can be used',
    reversible: true,
  },
  'disable-key': {
    means: 'pull the kill switch with the next probe of the key: the tenant is unlinked in every region',
    back: 'enable the key at its provider, then link again',
    reversible: true,
  },
  'delete-key': {
    means: 'pull the kill switch with the next probe of the key: the tenant is unlinked in every region',
    back: 'not at all: without the L1 key nothing opens the keys again, unless the provider restores it',
    reversible: false,
  },
  'block-tenant': {
    means:
      'close whatever any region holds of the tenant, linked or not, and let nobody link it until it is unblocked',
    back: 'unblock the tenant, then link it: a new epoch opens the same keys',
    reversible: true,
  },
  'terminate-tenant': {
    means: 'close the last epoch that there can be in every region, and forget the wrapped link secrets',
    back: 'not at all: nobody opens its keys again',
    reversible: false,
  },
  drill: {
    means: 'have every region hand the keys to nobody until the drill ends; link and keys stay as they are',
    back: 'by itself: at the end of the drill, in each region, also without governance',
    reversible: true,
  },
};

/** What the subject would do in one region, and why. */
export interface Outcome {
  readonly stops: boolean;
  readonly why: string;
}

export function outcomeIn(region: RegionFacts, subject: Subject, facts: Facts): Outcome {
  if (!region.serving)
    return { stops: false, why: `nothing is served there now: the link is ${region.link.state}` };
  switch (subject.action) {
    case 'drill':
      return { stops: true, why: 'the region cuts it off for the time of the drill' };
    case 'disable-key':
    case 'delete-key': {
      const { key } = subject;
      if (!facts.regions.some(({ keysInUse }) => keysInUse.includes(key)))
        return { stops: false, why: `no link stands on ${key}, or is being made with it` };
      const own = region.keysInUse.includes(key);
      const closing = closes(region);
      return closing.stops && !own
        ? { stops: true, why: `the kill switch closes every region, also this one under ${region.link.key}` }
        : closing;
    }
    case 'unlink':
      return closes(region);
    case 'block-tenant':
    case 'terminate-tenant':
      return { stops: true, why: 'the region would close whatever it holds of the tenant, linked or not' };
  }
}

/** An UNLINK closes what a region may hold or may yet get (links/states.ts, CLOSABLE). */
function closes(region: RegionFacts): Outcome {
  if (region.closable) return { stops: true, why: `epoch ${region.link.epoch} would be closed` };
  return {
    stops: false,
    why: 'it was never linked: its keys stand on the regional secret alone, which no UNLINK takes away',
  };
}

/** What becomes of something that is under way or planned. */
export const effects = {
  cancelled: 'it is cancelled',
  waits: 'it waits for a living link until its deadline, then it fails',
  resumes: 'it waits until the tenant is linked again',
  refused: 'it would be refused when it is carried out',
  unaffected: 'it goes on',
  unknown: 'look at it yourself',
} as const;
export type Effect = keyof typeof effects;

const jobEffects: Readonly<Record<JobKind, Effect>> = {
  TENANT_PROVISION: 'unaffected',
  SERVICE_PROVISION: 'waits',
  LINK_PREPARE: 'cancelled',
  LINK: 'cancelled',
  ROTATE_LINK: 'cancelled',
  RENEW: 'cancelled',
  UNLINK: 'cancelled',
  KEY_ROTATE: 'waits',
  KEY_COMPROMISE: 'waits',
  KEY_DESTROY: 'waits',
  ROTATION_POLICY: 'unaffected',
  KEY_INSPECT: 'unaffected',
  USE_INSPECT: 'unaffected',
  DRILL_CUT: 'unaffected',
  DRILL_RESTORE: 'unaffected',
  IDENTITY_PUT: 'unaffected',
  IDENTITY_REMOVE: 'unaffected',
  ISSUER_PUT: 'unaffected',
  GOVERNANCE_KEYS: 'unaffected',
  REGION_KEY_MAKE: 'unaffected',
  REGION_KEY_USE: 'unaffected',
  MANIFEST_READ: 'unaffected',
};

/** Of a proposal that is approved afterwards, by its action: what would be left to be done. */
const proposalEffects: ReadonlyMap<string, Effect> = new Map([
  ['link', 'unaffected'],
  ['switch-key', 'unaffected'],
  ['unlink', 'refused'],
  ['rotate-link', 'refused'],
  ['link-rotation-policy', 'unaffected'],
  ['rotation-policy', 'unaffected'],
  ['compromise-key', 'waits'],
  ['destroy-key', 'waits'],
]);
/** A tenant that is held opens nothing. */
const HELD: ReadonlySet<SimulatedAction> = new Set(['block-tenant', 'terminate-tenant']);
const OPENS: ReadonlySet<string> = new Set(['link', 'switch-key']);

/** A drill changes nothing that a job or a proposal needs; neither does what stops nothing. */
const changesNothing = (subject: Subject, stops: boolean): boolean => subject.action === 'drill' || !stops;

export function effectOnJob(kind: string, subject: Subject, stops: boolean): Effect {
  if (changesNothing(subject, stops)) return 'unaffected';
  return Object.hasOwn(jobEffects, kind) ? jobEffects[kind as JobKind] : 'unknown';
}

export function effectOnProposal(action: string, subject: Subject, stops: boolean): Effect {
  if (changesNothing(subject, stops)) return 'unaffected';
  if (HELD.has(subject.action) && OPENS.has(action)) return 'refused';
  return proposalEffects.get(action) ?? 'unknown';
}
