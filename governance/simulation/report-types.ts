/** The shape of a report: what would stop, region by region, and what becomes of what is under way. */
import type { LinkFacts } from './fact-types.ts';
import type { Effect, Subject } from './outcomes.ts';

export interface VersionReport {
  level: 'L2' | 'L3';
  service: string | null;
  version: number;
  state: string;
  createdAt: string | null;
  /** Of an L2: versions of L3 under it; of an L3: objects. null: the region has not told. */
  dependents: number | null;
}

export interface LeaseReport {
  gateway: string;
  service: string;
  connected: boolean;
  /** If no push reaches the gateway: when it stops at the latest, and the grace behind that. */
  endsBy: string;
  graceEndsBy: string;
  lastUsedAt: string | null;
}

export interface RegionReport {
  region: string;
  stops: boolean;
  why: string;
  link: LinkFacts;
  seal: string;
  reportedAt: string | null;
  stale: boolean;
  /** What the region was asked, and why it has not answered. */
  answers: { question: string; answeredAt: string | null; error: string | null }[];
  /** What the customer runs there: all that use a service that stops, or do not say which they use. */
  systems: {
    name: string;
    kind: string;
    externalId: string;
    service: string | null;
    configuration: string | null;
  }[];
  services: {
    service: string;
    state: string;
    objects: number | null;
    lastUsedAt: string | null;
    applications: number;
  }[];
  versions: VersionReport[];
  applications: { name: string; services: string[]; state: string; lastSeenAt: string | null }[];
  gateways: { name: string; state: string; connected: boolean; leases: number }[];
  leases: LeaseReport[];
  /** Systems, versions, leases and applications that stop there and are not named. */
  omitted: number;
  lastUsedAt: string | null;
  /** When the last gateway that a push does not reach would stop; null: none is known to hold a key. */
  lastGatewayStopsBy: string | null;
}

export interface WorkflowReport {
  kind: 'proposal' | 'job' | 'drill' | 'schedule';
  id: string | null;
  what: string;
  region: string | null;
  since: string | null;
  effect: Effect;
  means: string;
}

export interface SimulationReport {
  id: string;
  tenant: string;
  subject: Subject;
  askedBy: string;
  askedAt: string;
  /** `asking`: a region may still answer. */
  state: 'asking' | 'complete';
  stops: boolean;
  /** What the wish would do, in words. */
  means: string;
  reversible: boolean;
  back: string;
  /** For what happens at the provider: how long until it is noticed; null: it takes effect with the wish. */
  noticedWithinMs: number | null;
  totals: {
    regions: number;
    systems: number;
    services: number;
    versions: number;
    objects: number;
    applications: number;
    gateways: number;
    leases: number;
    workflows: number;
  };
  lastUsedAt: string | null;
  regions: RegionReport[];
  workflows: WorkflowReport[];
}
