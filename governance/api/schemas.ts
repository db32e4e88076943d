/** The shapes of the REST API: one schema is validator, type and OpenAPI. Names follow contracts/ids.ts. */
import { type TProperties, type TSchema, Type } from 'typebox';
import { MAX_ROTATE_AFTER_S, RegionSummary, ReportedLink } from '../../contracts/index.ts';
import { auditOutcomes } from '../audit/event.ts';
import { type PolicyName, policies } from '../domain/quorum-policies.ts';
import { tenantStates } from '../domain/tenant-states.ts';
import { MAX_CERTIFICATE_LENGTH, MAX_PAGE, MAX_SEARCH_LENGTH, MIN_ROTATE_AFTER_S } from '../limits.ts';
import { linkStates } from '../links/states.ts';
import { proposalStates } from '../workflows/quorum.ts';

export const closed = { additionalProperties: false } as const;

/** A closed object that the OpenAPI document, and the client made from it, know by a name (openapi.ts). */
export const model = <P extends TProperties>(title: string, properties: P) =>
  Type.Object(properties, { ...closed, title });

export const Name = Type.String({
  pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$',
  description: '1 to 63 lower-case letters, digits and inner hyphens',
});
/**
 * One line of text for people, in any script. Refused are control characters, which could forge a line of a log (and
 * PostgreSQL stores no U+0000), and halves of surrogate pairs, which are no text.
 */
export const freeText = (limits: { minLength?: number; maxLength: number; description?: string }) =>
  Type.String({ ...limits, pattern: '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]*$' });
const pem = (limits: { maxLength: number; description: string }) =>
  Type.String({ minLength: 1, ...limits, pattern: '^[\\t\\r\\n -~]*$' });

export const Instant = Type.String({ description: 'RFC 3339, UTC' });
export const RotateAfter = Type.Integer({ minimum: MIN_ROTATE_AFTER_S, maximum: MAX_ROTATE_AFTER_S });
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Text = Type.String();
const Certificate = pem({
  maxLength: MAX_CERTIFICATE_LENGTH,
  description: 'One X.509 certificate in PEM',
});
export const JobId = Type.String({ description: 'See GET /v1/jobs/{id}' });
const MaybeJob = nullable(JobId);
const Fingerprint = Type.String({ description: 'Hex SHA-256 of the SubjectPublicKeyInfo' });

export const PageQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE })),
    cursor: Type.Optional(freeText({ maxLength: 512, description: 'The `next` of the page before' })),
  },
  closed,
);
export const Search = Type.Optional(
  freeText({
    minLength: 1,
    maxLength: MAX_SEARCH_LENGTH,
    description: 'With which the name begins, in any case',
  }),
);
const Failed = Type.Optional(
  Type.Boolean({ description: 'Only those of whose change a region has refused its part, or only others' }),
);
export const pageOf = <T extends TSchema>(items: T) =>
  Type.Object({ items: Type.Array(items), next: Type.Optional(Type.String()) }, closed);

export const TenantPath = Type.Object({ tenant: Name }, closed);
export const NamedPath = Type.Object({ tenant: Name, name: Name }, closed);
export const ProposalPath = Type.Object({ tenant: Name, id: Type.String({ format: 'uuid' }) }, closed);
export const RegionPath = Type.Object({ region: Name }, closed);
export const GatewayPath = Type.Object({ region: Name, name: Name }, closed);
export const JobPath = Type.Object({ id: Type.String({ format: 'uuid' }) }, closed);

const RegionState = Type.Object({ region: Text, state: Text, error: nullable(Text) }, closed);
const endpoints = Type.Record(
  Type.String({ pattern: '^[a-z][a-zA-Z0-9]{0,31}$' }),
  freeText({ maxLength: 255 }),
  {
    maxProperties: 16,
    description: 'Where the region can be reached, for people; CMK never connects to it',
  },
);

export const NewRegion = Type.Object(
  {
    name: Name,
    keyId: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' }),
    publicKey: pem({ maxLength: 1024, description: 'Ed25519, SubjectPublicKeyInfo PEM' }),
    endpoints: Type.Optional(endpoints),
  },
  closed,
);
export const Region = model('Region', {
  name: Text,
  keyId: Text,
  endpoints: Type.Record(Text, Text),
  enrolledAt: Instant,
  report: nullable(RegionSummary),
  reportedAt: nullable(Instant),
  stale: Type.Boolean({ description: 'The last report is older than it should be, or there is none' }),
  gateways: Type.Array(
    Type.Object({ name: Text, fingerprint: Fingerprint, state: Text, error: nullable(Text) }, closed),
  ),
});
export const RegionQuery = Type.Object(
  { ...PageQuery.properties, stale: Type.Optional(Type.Boolean()) },
  closed,
);
export const Created = Type.Object({ created: Type.Boolean() }, closed);

export const NewGateway = Type.Object({ name: Name, certificate: Certificate }, closed);
export const GatewayAdded = Type.Object(
  { created: Type.Boolean(), fingerprint: Fingerprint, job: MaybeJob },
  closed,
);
export const NewIssuer = Type.Object({ certificate: Certificate }, closed);
export const IssuerAdded = GatewayAdded;
export const Issuer = model('Issuer', {
  fingerprint: Fingerprint,
  subject: Text,
  createdAt: Instant,
  regions: Type.Array(RegionState),
});
export const JobStarted = Type.Object({ job: JobId }, closed);

export const NewTenant = Type.Object(
  {
    id: Name,
    displayName: Type.Optional(freeText({ minLength: 1, maxLength: 128 })),
    regions: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 1000 })),
    policy: Type.Optional(Type.Enum(Object.keys(policies) as PolicyName[])),
    rotateLinkAfterSeconds: Type.Optional(RotateAfter),
    provision: Type.Optional(
      Type.Boolean({ description: 'false: no region hears of the tenant before it is provisioned' }),
    ),
  },
  closed,
);
export const TenantChange = Type.Object({ displayName: freeText({ minLength: 1, maxLength: 128 }) }, closed);
const TenantState = Type.Enum([...tenantStates]);
export const TenantQuery = Type.Object(
  {
    ...PageQuery.properties,
    state: Type.Optional(TenantState),
    failed: Failed,
    region: Type.Optional(Name),
    policy: Type.Optional(freeText({ minLength: 1, maxLength: 64 })),
    search: Search,
  },
  closed,
);
const ChangeOfState = Type.Object(
  {
    to: TenantState,
    failed: Type.Boolean({ description: 'A region has refused its part: POST …/retry asks it once more' }),
    regions: Type.Array(
      Type.Object(
        {
          region: Text,
          state: Type.Enum(['pending', 'done', 'failed']),
          error: nullable(Text),
          job: MaybeJob,
        },
        closed,
      ),
    ),
  },
  { ...closed, description: 'The change of state that is on its way' },
);
export const Tenant = model('Tenant', {
  id: Text,
  displayName: Text,
  policy: Text,
  quorum: Type.Integer(),
  rotateLinkAfterSeconds: nullable(Type.Integer()),
  state: TenantState,
  stateSince: Instant,
  reason: nullable(Text),
  change: nullable(ChangeOfState),
  createdAt: Instant,
  regions: Type.Array(
    Type.Object(
      { region: Text, state: Text, l2Version: nullable(Type.Integer()), error: nullable(Text) },
      closed,
    ),
  ),
});
export const TenantOnboarding = Type.Object({ tenant: Tenant, job: MaybeJob }, closed);

const Provisioning = Type.Enum(['provisioning', 'active', 'failed']);
export const NewService = Type.Object({ name: Name }, closed);
export const ServiceQuery = Type.Object(
  { ...PageQuery.properties, state: Type.Optional(Provisioning), search: Search },
  closed,
);
export const Service = model('Service', {
  name: Text,
  state: Provisioning,
  createdAt: Instant,
  regions: Type.Array(
    Type.Object(
      { region: Text, state: Text, l3Version: nullable(Type.Integer()), error: nullable(Text) },
      closed,
    ),
  ),
});
export const ServiceAdded = Type.Object({ service: Service, job: JobId }, closed);

const DrillTarget = Type.Optional(
  Type.Boolean({
    description: 'That it is for tests: needed where it would stand on what drills may cut off',
  }),
);
export const LinkRequest = Type.Object({ key: Name, drillTarget: DrillTarget }, closed);
export const Reason = freeText({ minLength: 1, maxLength: 256 });
export const UnlinkRequest = Type.Object({ reason: Reason }, closed);
export const RotateLinkRequest = Type.Object({ reason: Type.Optional(Reason) }, closed);
export const RegionJob = Type.Object({ region: Text, job: JobId }, closed);
export const Requirement = model('ApprovalRequirement', {
  rule: Type.String({ description: 'The tenant’s policy, or the rule that asks for it' }),
  approvals: Type.Integer({ description: 'By others than the proposer' }),
  given: Type.Integer(),
  groups: Type.Array(Text),
  approvers: Type.Union([Type.Array(Text), Type.Null()], {
    description: 'Who may give them: the members when it was made; null: whoever is permitted to approve',
  }),
});
export const Proposal = model('Proposal', {
  id: Text,
  tenant: Text,
  action: Text,
  parameters: Type.Record(Text, Type.Unknown()),
  state: Type.Enum([...proposalStates]),
  policy: Text,
  quorum: Type.Integer({ description: 'How many people have to agree, the proposer counted' }),
  requirements: Type.Array(Requirement, { description: 'All have to be satisfied' }),
  proposer: Text,
  approvals: Type.Array(Type.Object({ approver: Text, at: Instant }, closed)),
  jobs: Type.Array(RegionJob),
  createdAt: Instant,
  expiresAt: Instant,
  decidedAt: nullable(Instant),
  decidedBy: nullable(Text),
  reason: nullable(Text),
  error: Type.Union([Type.Object({ code: Text, detail: Text }, closed), Type.Null()], {
    description: 'Why an approved proposal was not carried out: ask for it anew',
  }),
  correlationId: Text,
});
/** What is asked for by proposing it. */
export const Proposed = Type.Object({ proposal: Proposal }, closed);
const Rotation = Type.Object(
  {
    epoch: Type.Integer(),
    state: Type.Enum([...linkStates]),
    key: Text,
    waitsFor: nullable(Text),
    error: nullable(Text),
    job: MaybeJob,
    correlationId: Text,
  },
  { ...closed, description: 'The epoch that shall take the place of the living one, or has failed to' },
);
const RegionLink = Type.Object(
  {
    region: Text,
    epoch: Type.Integer({ description: '0: never linked' }),
    state: Type.Enum([...linkStates, 'expired', 'rotating', 'none']),
    openedBy: nullable(Type.Enum(['link', 'rotate'])),
    key: nullable(Text),
    waitsFor: nullable(Text),
    provedAt: nullable(Instant),
    expiresAt: nullable(Instant),
    activatedAt: nullable(Instant),
    closedAt: nullable(Instant),
    gatewaysTold: nullable(Type.Integer()),
    reason: nullable(Text),
    error: nullable(Text),
    job: MaybeJob,
    correlationId: nullable(Text),
    reported: nullable(
      Type.Object(
        {
          epoch: Type.Integer(),
          state: ReportedLink.properties.state,
          expiresAt: nullable(Instant),
        },
        { ...closed, description: 'What the region itself said last; many links take turns in its reports' },
      ),
    ),
    rotateAt: nullable(Instant),
    rotation: nullable(Rotation),
  },
  closed,
);
export const Links = Type.Object(
  {
    tenant: Text,
    state: Type.Enum(['none', 'pending', 'rotating', 'active', 'expired', 'failed', 'closing', 'closed']),
    regions: Type.Array(RegionLink),
  },
  closed,
);
export const Decision = Type.Object({ proposal: Proposal, links: Links }, closed);

export const NewApplication = Type.Object(
  {
    name: Name,
    services: Type.Array(Name, { minItems: 1, maxItems: 64 }),
    certificate: Certificate,
    operations: Type.Optional(
      Type.Array(freeText({ minLength: 1, maxLength: 64 }), {
        minItems: 1,
        maxItems: 64,
        description: 'KMIP names',
      }),
    ),
    drillTarget: DrillTarget,
  },
  closed,
);
const ApplicationState = Type.Enum(['provisioning', 'active', 'failed', 'removing']);
export const ApplicationQuery = Type.Object(
  {
    ...PageQuery.properties,
    state: Type.Optional(ApplicationState),
    service: Type.Optional(Name),
    fingerprint: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
    search: Search,
  },
  closed,
);
export const Application = model('Application', {
  name: Text,
  services: Type.Array(Text),
  operations: nullable(Type.Array(Text)),
  fingerprint: Fingerprint,
  certificate: Type.Object(
    { subject: Text, issuer: Text, notBefore: Instant, notAfter: Instant },
    { ...closed, description: 'The one that was registered last; another of the same key is let in as well' },
  ),
  state: ApplicationState,
  createdAt: Instant,
  regions: Type.Array(RegionState),
});
export const ApplicationChange = Type.Object({ application: Application, job: MaybeJob }, closed);
export const ApplicationRegistered = Type.Object(
  {
    ...ApplicationChange.properties,
    warnings: Type.Array(Text, { description: 'Why regions may refuse the certificate all the same' }),
  },
  closed,
);
export const RemovalQuery = Type.Object({ reason: Type.Optional(Reason) }, closed);

/** Without a tenant: the chain of what concerns no single tenant. */
export const AuditChain = { tenant: Type.Optional(Name) };
const AuditInstant = Type.String({
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,3})?Z$',
  description: 'RFC 3339, UTC',
});
const AuditWord = freeText({ minLength: 1, maxLength: 256 });
export const AuditQuery = Type.Object(
  {
    ...PageQuery.properties,
    ...AuditChain,
    action: Type.Optional(AuditWord),
    actor: Type.Optional(AuditWord),
    subject: Type.Optional(AuditWord),
    outcome: Type.Optional(Type.Enum([...auditOutcomes])),
    correlationId: Type.Optional(AuditWord),
    since: Type.Optional(AuditInstant),
    until: Type.Optional(AuditInstant),
  },
  closed,
);
export const AuditEvent = Type.Object(
  {
    sequence: Type.Integer(),
    at: Instant,
    actor: Text,
    action: Text,
    subject: Text,
    outcome: Text,
    origin: nullable(Type.String({ description: 'Whence it was asked for; cmk: by itself' })),
    correlationId: Text,
    detail: Type.Union([
      Type.Record(Text, Type.Unknown()),
      Type.String({ description: 'What lies there is not what CMK writes: it was tampered with' }),
    ]),
    previousHash: Text,
    hash: Text,
  },
  closed,
);
