/**
 * The tables of the CMK database as kysely sees them. Every row that belongs to a tenant carries its `tenant`, on which
 * row-level security filters (D13). The link rows are documented at their state machine, links/states.ts.
 */
import type { ColumnType, Generated, Insertable, Selectable } from 'kysely';
import type { JobResult, ReportedLink } from '../../contracts/index.ts';
import type { LinkState, OpenedBy } from '../links/states.ts';
import type { ProposalState, Requirement } from '../workflows/quorum.ts';
import type { AccessTables } from './access-tables.ts';
import type {
  AuditCheckpointRow,
  AuditExporterRow,
  AuditExportPositionRow,
  AuditKeyRow,
  RegionAuditCountRow,
  RegionAuditHeadRow,
  RegionAuditRow,
} from './audit-tables.ts';
import type {
  DriftAllowanceRow,
  DriftFindingRow,
  DriftMendRow,
  DriftPageRow,
  DriftReadRow,
  DriftToldRow,
} from './drift-tables.ts';
import type { IdempotencyKeyRow } from './idempotency-tables.ts';
import type { KeyImportRow } from './keystore-tables.ts';
import type { TenantClosingRow, TenantStateRow } from './lifecycle-tables.ts';
import type { PortalSessionRow } from './portal-tables.ts';
import type { RefusedMessageRow, RegionKeyRow, RegionTrustRow, SigningKeyRow } from './signing-tables.ts';
import type {
  DrillRegionRow,
  DrillRow,
  DrillTargetRow,
  SimulationAnswerRow,
  SimulationRow,
} from './simulation-tables.ts';
import type { KeyConfigurationKeyRow, KeyConfigurationRow, SystemRow } from './system-tables.ts';
import type { ApprovalRuleRow, ApproverGroupRow, NotificationChannelRow } from './workflow-tables.ts';

/** A JSON column: what comes out is parsed, what goes in is text. */
type Json<T> = ColumnType<T, string, string>;
/** PostgreSQL's bigint arrives as text, since it may exceed a number. */
type BigInteger = ColumnType<string, number, number>;

/** What one region was asked. */
export interface RegionJob {
  readonly region: string;
  readonly job: string;
}

export type ProvisionState = 'provisioning' | 'active' | 'failed' | 'removing';

interface Provisioned {
  region: string;
  state: ProvisionState;
  /** Why the region refused, by contracts' taskErrors; null while all is well. */
  error: string | null;
  updated_at: Generated<Date>;
}

export interface RegionRow {
  name: string;
  /** Under which the region signs status and reports; the public key is Ed25519, SubjectPublicKeyInfo PEM. */
  key_id: string;
  public_key: string;
  endpoints: Json<Record<string, string>>;
  enrolled_at: Generated<Date>;
  last_report: Json<unknown> | null;
  reported_at: Date | null;
}

export interface GatewayRow {
  region: string;
  name: string;
  fingerprint: string;
  certificate: string;
  state: ProvisionState;
  error: string | null;
  updated_at: Generated<Date>;
}

export interface IssuerRow {
  fingerprint: string;
  subject: string;
  certificate: string;
  created_at: Generated<Date>;
}

export interface IssuerRegionRow extends Provisioned {
  fingerprint: string;
}

/** One key is one identity, in the whole installation: the primary key says so across tenants. */
export interface IdentityRow {
  fingerprint: string;
  role: 'application' | 'gateway' | 'client';
  tenant: string | null;
  name: string;
}

export interface TenantRow {
  tenant: string;
  display_name: string;
  /** The policy's name and quorum are fixed at onboarding: a later rule never loosens an older tenant. */
  policy: string;
  quorum: number;
  /** How old a link's secret may become before it is rotated; null: it never is by itself. */
  rotate_link_after_s: number | null;
  created_at: Generated<Date>;
}

export interface TenantRegionRow extends Provisioned {
  tenant: string;
  l2_version: number | null;
  /** The highest epoch ever given out; only grows, so that no epoch is used twice (D1). */
  last_epoch: Generated<number>;
  /** The region's own last words on the link; null until a report has named it. */
  reported_epoch: Generated<number | null>;
  reported_state: Generated<ReportedLink['state'] | null>;
  reported_expires_at: Generated<string | null>;
  /** The youngest that the region has told of the tenant's keys in its manifest; both or neither. */
  keys_counter: Generated<number | null>;
  keys_versions: Generated<string | null>;
}

export interface ServiceRow {
  tenant: string;
  name: string;
  created_at: Generated<Date>;
}

export interface ServiceRegionRow extends Provisioned {
  tenant: string;
  service: string;
  l3_version: number | null;
}

export interface ApplicationRow {
  tenant: string;
  name: string;
  services: string[];
  operations: string[] | null;
  fingerprint: string;
  certificate: string;
  created_at: Generated<Date>;
}

export interface ApplicationRegionRow extends Provisioned {
  tenant: string;
  application: string;
}

export interface KeystoreRow {
  name: string;
  kind: string;
  /** As its kind asks for (keystores/configs.ts); names files with secrets, holds none. */
  config: Json<Record<string, unknown>>;
  /** Whose keystore it is; null: everybody's. */
  tenant: string | null;
  created_at: Generated<Date>;
}

export interface KeyRow {
  tenant: string;
  alias: string;
  keystore: string;
  /** How the provider calls the key; never material. */
  reference: string;
  /** As the customer called it, where that is another name; null where it is the same. */
  named: string | null;
  /** Whether it was there before, was made for CMK, or got its material through CMK. */
  origin: Generated<'reference' | 'created' | 'imported'>;
  /** Which of its versions wraps, as the provider said last. */
  version: string | null;
  /** The last that the provider surely said of the key (keystores/provider.ts). */
  state: string;
  state_since: Generated<Date>;
  checked_at: Generated<Date>;
  /** When it was last known to be usable. */
  enabled_at: Date | null;
  /** When CMK last had it wrap and unwrap something. */
  proved_at: Date | null;
  /** What stands between CMK and the provider, and changes nothing of the state; both or neither. */
  warning: string | null;
  warning_since: Date | null;
  /** When the prober asks next, and how often in a row it got no clear answer. */
  probe_at: Generated<Date>;
  probe_failures: Generated<number>;
  created_at: Generated<Date>;
}

export interface LinkRow {
  tenant: string;
  region: string;
  epoch: number;
  key_alias: string;
  state: LinkState;
  /** The kind of job that opens the epoch: `rotate` needs the older epoch alive in the region, and never revives it. */
  opened_by: Generated<OpenedBy>;
  /** The link secret wrapped by the L1: the only form of it that is ever stored. Null until sealed. */
  wrapped_secret: string | null;
  /** The region's HPKE key of this epoch. */
  region_public_key: Buffer | null;
  /** Which older epoch's secret LINK carries beside the fresh one; null when there is none to carry. */
  previous_epoch: number | null;
  proved_at: Date | null;
  expires_at: Date | null;
  /** When the region first reported the epoch as open. */
  activated_at: Date | null;
  closed_at: Date | null;
  gateways_told: number | null;
  error: string | null;
  reason: string | null;
  job: string | null;
  proposal: string | null;
  correlation_id: string;
  /** The worker that is calling the keystore for this row, and until when nobody else may. */
  claim: string | null;
  claimed_until: Date | null;
  attempts: Generated<number>;
  next_attempt_at: Generated<Date>;
  renew_at: Date | null;
  /** When the schedule of the tenant has the link rotated; null without one. */
  rotate_at: Date | null;
  created_at: Generated<Date>;
  updated_at: Generated<Date>;
}

export interface ProposalRow {
  id: string;
  tenant: string;
  /** A row of the table in workflows/wishes.ts. */
  action: string;
  parameters: Json<Record<string, unknown>>;
  proposer: string;
  policy: string;
  quorum: number;
  /** What had to be satisfied when it was made: later rules neither loosen nor tighten it. */
  requirements: ColumnType<Requirement[], string, string>;
  state: ProposalState;
  correlation_id: string;
  /** What the regions were asked when it was carried out. */
  jobs: ColumnType<RegionJob[], string | undefined, string>;
  created_at: Generated<Date>;
  expires_at: Date;
  decided_at: Date | null;
  /** Who approved last, rejected or revoked it; `system:workflows` where only time did. */
  decided_by: Generated<string | null>;
  /** Of a rejection or revocation. */
  reason: Generated<string | null>;
  /** Why an approved proposal was not carried out. */
  error: ColumnType<{ code: string; detail: string } | null, string | undefined, string | null>;
}

export interface ApprovalRow {
  tenant: string;
  proposal: string;
  approver: string;
  approved_at: Generated<Date>;
}

/** How often regions rotate a key by themselves. Governance holds the truth, each region follows what it was sent. */
export interface RotationPolicyRow {
  tenant: string;
  /** Whose L3; '' is the tenant's own key, L2. */
  service: string;
  /** 0: never; null: as often as the region does by default. */
  rotate_after_s: number | null;
  set_by: string;
  set_at: Generated<Date>;
}

export interface RotationPolicyRegionRow extends Provisioned {
  tenant: string;
  service: string;
  /** As the region computed it when it took the policy over. */
  next_rotation_at: Date | null;
}

/** The last that a region said of a tenant's keys. */
export interface KeyInventoryRow {
  tenant: string;
  region: string;
  inventory: Json<JobResult<'KEY_INSPECT'>> | null;
  answered_at: Date | null;
  asked_at: Date;
  pending: boolean;
  /** Why the region did not answer the last question; null while it may. */
  error: string | null;
  job: string;
}

export interface AuditEventRow {
  /** The chain: a tenant, or `_platform` for what concerns no single tenant. */
  tenant: string;
  sequence: BigInteger;
  at: string;
  actor: string;
  action: string;
  subject: string;
  outcome: string;
  correlation_id: string;
  /** JSON text, kept as it was hashed. */
  detail: string;
  previous_hash: string;
  hash: string;
  /** Whence the request came, or `cmk`; null for events from before it was kept. */
  origin: string | null;
}

export interface AuditHeadRow {
  tenant: string;
  sequence: BigInteger;
  hash: string;
}

/** Orbital keeps tables of its own in the same database; only Orbital knows their types. */
export interface CmkDatabase extends AccessTables {
  regions: RegionRow;
  gateways: GatewayRow;
  issuers: IssuerRow;
  issuer_regions: IssuerRegionRow;
  identities: IdentityRow;
  tenants: TenantRow;
  tenant_regions: TenantRegionRow;
  services: ServiceRow;
  service_regions: ServiceRegionRow;
  applications: ApplicationRow;
  application_regions: ApplicationRegionRow;
  keystores: KeystoreRow;
  l1_keys: KeyRow;
  links: LinkRow;
  proposals: ProposalRow;
  approvals: ApprovalRow;
  rotation_policies: RotationPolicyRow;
  rotation_policy_regions: RotationPolicyRegionRow;
  key_inventories: KeyInventoryRow;
  audit_events: AuditEventRow;
  audit_heads: AuditHeadRow;
  approval_rules: ApprovalRuleRow;
  approver_groups: ApproverGroupRow;
  notification_channels: NotificationChannelRow;
  tenant_states: TenantStateRow;
  tenant_closings: TenantClosingRow;
  idempotency_keys: IdempotencyKeyRow;
  key_configurations: KeyConfigurationRow;
  key_configuration_keys: KeyConfigurationKeyRow;
  systems: SystemRow;
  simulations: SimulationRow;
  simulation_answers: SimulationAnswerRow;
  drill_targets: DrillTargetRow;
  drills: DrillRow;
  drill_regions: DrillRegionRow;
  audit_checkpoints: AuditCheckpointRow;
  audit_keys: AuditKeyRow;
  audit_exporters: AuditExporterRow;
  audit_export_positions: AuditExportPositionRow;
  region_audit: RegionAuditRow;
  region_audit_heads: RegionAuditHeadRow;
  region_audit_counts: RegionAuditCountRow;
  l1_key_imports: KeyImportRow;
  signing_keys: SigningKeyRow;
  region_trusts: RegionTrustRow;
  region_keys: RegionKeyRow;
  refused_messages: RefusedMessageRow;
  drift_pages: DriftPageRow;
  drift_reads: DriftReadRow;
  drift_findings: DriftFindingRow;
  drift_allowances: DriftAllowanceRow;
  drift_mends: DriftMendRow;
  drift_told: DriftToldRow;
  portal_sessions: PortalSessionRow;
}

export type Link = Selectable<LinkRow>;
export type NewLink = Insertable<LinkRow>;
export type Tenant = Selectable<TenantRow>;
export type Key = Selectable<KeyRow>;
export type Proposal = Selectable<ProposalRow>;
