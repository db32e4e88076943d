/** What a simulation stands on: facts of one moment, as they are kept with it. */
import type { ReportedLink } from '../../contracts/index.ts';
import type { ShownState } from '../links/states.ts';

/** The epoch that counts (links/view.ts); 0: never linked. */
export interface LinkFacts {
  readonly epoch: number;
  readonly state: ShownState | 'none';
  readonly key: string | null;
  readonly provedAt: string | null;
  /** When the region refuses, should it hear nothing from governance any more. */
  readonly expiresAt: string | null;
  readonly rotateAt: string | null;
  /** What the region itself said last. */
  readonly reported: {
    readonly epoch: number;
    readonly state: ReportedLink['state'];
    readonly expiresAt: string | null;
  } | null;
}

export interface RegionFacts {
  readonly region: string;
  /** As the tenant's provisioning there stands. */
  readonly state: string;
  readonly link: LinkFacts;
  /** Applications can use the tenant's keys there now, as far as governance knows. */
  readonly serving: boolean;
  /** There is something that an UNLINK would close. */
  readonly closable: boolean;
  /** L1 keys under which a link stands there, or is being made: what the prober looks at. */
  readonly keysInUse: readonly string[];
  readonly l2Version: number | null;
  readonly services: readonly {
    readonly service: string;
    readonly state: string;
    readonly l3Version: number | null;
  }[];
  readonly gateways: readonly { readonly name: string; readonly state: string }[];
  /** Of the region's last report: who is connected. */
  readonly connected: readonly string[];
  readonly seal: string;
  readonly reportedAt: string | null;
  readonly stale: boolean;
}

export interface ApplicationFacts {
  readonly name: string;
  readonly fingerprint: string;
  readonly services: readonly string[];
  /** Where it is registered. */
  readonly regions: readonly { readonly region: string; readonly state: string }[];
}

/** What the customer runs (domain/systems.ts), and whose L3 it uses; null where that is not said. */
export interface SystemFacts {
  readonly name: string;
  readonly kind: string;
  readonly externalId: string;
  readonly service: string | null;
  /** Its key configuration. */
  readonly configuration: string | null;
}

export interface Facts {
  readonly at: string;
  readonly regions: readonly RegionFacts[];
  readonly applications: readonly ApplicationFacts[];
  readonly systems: readonly SystemFacts[];
  readonly systemCount: number;
  /** Applications of the tenant, named above or not. */
  readonly applicationCount: number;
  readonly proposals: readonly {
    readonly id: string;
    readonly action: string;
    readonly proposer: string;
    readonly createdAt: string;
  }[];
  readonly jobs: readonly {
    readonly id: string;
    readonly kind: string;
    readonly entity: string;
    readonly state: string;
    readonly createdAt: string;
  }[];
  readonly drills: readonly {
    readonly id: string;
    readonly service: string | null;
    readonly until: string;
  }[];
}
