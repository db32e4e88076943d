/** What CMK answers, as far as the command line reads it. The whole of it: GET /v1/openapi.json. */

/** How far one region is with something that governance asked of it. */
export interface RegionProgress {
  readonly region: string;
  readonly state: string;
  readonly error?: string | null;
}

export interface TenantView {
  readonly id: string;
  readonly policy: string;
  readonly quorum: number;
  readonly regions: readonly (RegionProgress & { readonly l2Version: number | null })[];
}
export interface NamedView {
  readonly name: string;
  readonly regions: readonly RegionProgress[];
}
export interface ServiceView extends NamedView {
  readonly regions: readonly (RegionProgress & { readonly l3Version: number | null })[];
}
export interface ApplicationView extends NamedView {
  readonly services: readonly string[];
  readonly fingerprint: string;
}
export interface LinkView extends RegionProgress {
  readonly epoch: number;
  /** The alias of the L1 key that the region is, or was last, linked to. */
  readonly key?: string | null;
  readonly waitsFor?: string | null;
  readonly expiresAt?: string | null;
  readonly gatewaysTold?: number | null;
  /** The epoch that shall take the place of the living one, or has failed to. */
  readonly rotation?: {
    readonly epoch: number;
    readonly state: string;
    readonly waitsFor: string | null;
    readonly error: string | null;
  } | null;
}
export interface LinksView {
  readonly state: string;
  readonly regions: readonly LinkView[];
}
export interface KeyView {
  readonly alias: string;
  readonly keystore: string;
  readonly state: string;
}

/** What one region was asked. */
export interface RegionJob {
  readonly region: string;
  readonly job: string;
}
/** A wish that may take several people. */
export interface ProposalView {
  readonly id: string;
  readonly tenant: string;
  readonly action: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly state: 'pending' | 'executed' | 'failed' | 'rejected' | 'revoked' | 'expired';
  readonly policy: string;
  readonly quorum: number;
  readonly requirements: readonly {
    readonly rule: string;
    readonly approvals: number;
    readonly given: number;
    readonly groups: readonly string[];
    readonly approvers: readonly string[] | null;
  }[];
  readonly proposer: string;
  readonly approvals: readonly { readonly approver: string; readonly at: string }[];
  readonly jobs: readonly RegionJob[];
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly decidedBy: string | null;
  readonly reason: string | null;
  readonly error: { readonly code: string; readonly detail: string } | null;
}
export interface JobView {
  readonly state: 'pending' | 'processing' | 'done' | 'failed' | 'cancelled';
  readonly tasks: readonly {
    readonly error: { readonly code: string; readonly message: string } | null;
  }[];
}

export interface KeyVersionView {
  readonly version: number;
  readonly state: string;
  readonly createdAt: string;
  readonly dependents: number;
}
export interface KeyInventoryView {
  readonly living: number;
  readonly versions: readonly KeyVersionView[];
  readonly rotateAfterSeconds: number;
  readonly nextRotationAt?: string;
}
export interface InventoryView {
  readonly region: string;
  readonly at: string | null;
  readonly pending: boolean;
  readonly error: string | null;
  readonly inventory: {
    readonly l2: KeyInventoryView;
    readonly services: readonly { readonly service: string; readonly l3: KeyInventoryView }[];
  } | null;
}
export interface PoliciesView {
  readonly link: { readonly rotateAfterSeconds: number | null };
  readonly items: readonly {
    readonly service: string | null;
    readonly rotateAfterSeconds: number | null;
    readonly setBy: string;
    readonly regions: readonly (RegionProgress & { readonly nextRotationAt: string | null })[];
  }[];
}

/** What would stop; the whole of it is what `--json` prints. */
export interface SimulationView {
  readonly id: string;
  readonly state: 'asking' | 'complete';
  readonly stops: boolean;
  readonly regions: readonly {
    readonly region: string;
    readonly answers: readonly { readonly question: string; readonly answeredAt: string | null }[];
  }[];
}
export interface SimulationSummary {
  readonly id: string;
  readonly subject: { readonly action: string; readonly key?: string; readonly service?: string };
  readonly askedBy: string;
  readonly askedAt: string;
  readonly state: string;
}
export interface DrillTargetView {
  readonly tenant: string;
  /** null: the whole tenant. */
  readonly service: string | null;
  readonly designatedBy: string;
  readonly designatedAt: string;
}
export interface DrillView {
  readonly id: string;
  readonly tenant: string;
  readonly service: string | null;
  readonly state: 'running' | 'restoring' | 'ended';
  readonly startedAt: string;
  readonly restoreAt: string;
  readonly timeToLastRefusalMs: number | null;
  readonly timeBackMs: number | null;
  readonly regions: readonly {
    readonly region: string;
    readonly state: string;
    readonly refusedWithinMs: number | null;
    readonly refusedBy: string | null;
    readonly backWithinMs: number | null;
    readonly cutError: string | null;
    readonly restoreError: string | null;
    readonly cut: { readonly gatewaysTold: number; readonly untold: readonly string[] } | null;
  }[];
}
