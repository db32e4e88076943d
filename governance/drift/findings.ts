/**
 * What may differ between a region and what governance wants there, and what is done about it. The table is the whole of
 * that policy.
 *
 * A region never gets more than governance wants: what is usable there against governance's will is closed or taken away at
 * once. What is missing is made anew. What nobody may decide alone is told, and nothing is done: above all a link is never
 * opened by a comparison, since that takes a proof of the customer's key (D1).
 */
import type { ManifestClass } from '../../contracts/index.ts';

export const mends = ['close', 'revoke', 'provision', 'tell'] as const;
/**
 * close      UNLINK, urgent and without a deadline: nothing of that epoch or an older one opens any more
 * revoke     IDENTITY_REMOVE, the same
 * provision  the job that would have made the thing in the first place; all of these are idempotent
 * tell       nothing: it is listed, counted and audited
 */
export type Mend = (typeof mends)[number];

interface Kind {
  readonly class: ManifestClass;
  readonly mend: Mend;
  readonly meaning: string;
}

export const findings = {
  'tenant-unknown': {
    class: 'tenant',
    mend: 'close',
    meaning: 'the region serves a tenant that governance does not know',
  },
  'tenant-residue': {
    class: 'tenant',
    mend: 'tell',
    meaning: 'the region keeps wrapped keys, or a closure, of a tenant that governance does not know',
  },
  'tenant-ended': {
    class: 'tenant',
    mend: 'close',
    meaning: 'a terminated tenant could be opened again',
  },
  'tenant-blocked': { class: 'tenant', mend: 'close', meaning: 'a blocked tenant is served' },
  'tenant-lost': {
    class: 'tenant',
    mend: 'close',
    meaning: 'the region has lost a tenant that was linked: first nothing may be used without its link',
  },
  'tenant-missing': { class: 'tenant', mend: 'provision', meaning: 'the region has no keys of the tenant' },
  'tenant-unconfirmed': {
    class: 'tenant',
    mend: 'provision',
    meaning: 'the region has made the tenant’s keys, and governance believes that it has not',
  },
  'tenant-ended-there': {
    class: 'tenant',
    mend: 'tell',
    meaning: 'the region has closed every epoch of a tenant that is served: nothing opens it again there',
  },
  'link-open': {
    class: 'tenant',
    mend: 'close',
    meaning: 'an epoch is open in the region that is closed for governance',
  },
  'link-unheld': {
    class: 'tenant',
    mend: 'close',
    meaning: 'the region serves a tenant without the link that governance holds to be open',
  },
  'link-ahead': {
    class: 'tenant',
    mend: 'tell',
    meaning: 'an epoch is open in the region that governance does not know to be; it ends with its expiry',
  },
  'link-lost': {
    class: 'tenant',
    mend: 'tell',
    meaning: 'nothing opens the tenant’s keys in the region; link its key again',
  },
  'tenant-unclear': {
    class: 'tenant',
    mend: 'tell',
    meaning: 'the region tells of the tenant what this version of governance does not understand',
  },
  'service-missing': { class: 'service', mend: 'provision', meaning: 'the region has no key of the service' },
  'service-unconfirmed': {
    class: 'service',
    mend: 'provision',
    meaning: 'the region has made the service’s key, and governance believes that it has not',
  },
  'service-unknown': {
    class: 'service',
    mend: 'tell',
    meaning: 'the region keeps a key of a service that governance does not know; no application may use it',
  },
  'keys-rewound': {
    class: 'key',
    mend: 'tell',
    meaning:
      'the tenant’s keys are older than the region has told before: its database was restored or changed',
  },
  'keys-damaged': { class: 'key', mend: 'tell', meaning: 'the manifest of the tenant’s keys does not open' },
  'identity-unknown': {
    class: 'identity',
    mend: 'revoke',
    meaning: 'the region lets a key in that is not registered for it',
  },
  'identity-removed': {
    class: 'identity',
    mend: 'revoke',
    meaning: 'a registration is to be removed, and the region has refused to',
  },
  'identity-missing': {
    class: 'identity',
    mend: 'provision',
    meaning: 'the region refuses a key that is registered for it',
  },
  'identity-different': {
    class: 'identity',
    mend: 'provision',
    meaning: 'the region lets a key do something else than it is registered for',
  },
  'identity-unconfirmed': {
    class: 'identity',
    mend: 'provision',
    meaning: 'the region lets a key in, and governance believes that it does not',
  },
  'issuer-missing': { class: 'issuer', mend: 'provision', meaning: 'the region does not trust an issuer' },
  'issuer-unknown': {
    class: 'issuer',
    mend: 'tell',
    meaning:
      'the region trusts an issuer that governance does not know; it lets nobody in whose key is not registered',
  },
} as const satisfies Record<string, Kind>;

export type FindingKind = keyof typeof findings;
export const findingKinds = Object.keys(findings) as readonly FindingKind[];
export const mendOf = (kind: FindingKind): Mend => findings[kind].mend;

/** What is wrong with one item. */
export interface Verdict {
  readonly kind: FindingKind;
  /** Of what is closed: up to which epoch, this one included. */
  readonly epoch?: number;
}
