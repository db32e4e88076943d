/**
 * What a region says of itself, unasked, every few seconds: read-only status, never material (split record,
 * "Crypto → CMK: Strictly read-only status reporting").
 */
import { type Static, Type } from 'typebox';
import { Instant } from './instant.ts';

const closed = { additionalProperties: false } as const;

/** Links that one report names. A region may hold many more tenants: they come page by page, round and round. */
export const MAX_REPORTED_LINKS = 1000;

/** Rows of one report that count events of the region's audit trail. They come in turns, too. */
export const MAX_REPORTED_AUDIT_COUNTS = 100;

const Count = Type.Integer({ minimum: 0 });

export const ReportedLink = Type.Object(
  {
    tenant: Type.String({ maxLength: 63 }),
    epoch: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }),
    state: Type.Union([
      Type.Literal('none'),
      Type.Literal('prepared'),
      Type.Literal('open'),
      Type.Literal('expired'),
      Type.Literal('closed'),
    ]),
    expiresAt: Type.Optional(Instant),
  },
  closed,
);
export type ReportedLink = Static<typeof ReportedLink>;

const LinkCounts = Type.Object(
  { none: Count, prepared: Count, open: Count, expired: Count, closed: Count },
  closed,
);
export type LinkCounts = Static<typeof LinkCounts>;

/** What the events of a region's audit trail are about. */
export const auditClasses = [
  'connection',
  'key',
  'lifecycle',
  'link',
  'operation',
  'registry',
  'seal',
  'use',
  'other',
] as const;
export type AuditClass = (typeof auditClasses)[number];

/** Events since the trail began to be counted: whoever misses a count loses nothing. */
export const AuditCount = Type.Object(
  {
    /** Absent for what concerns no tenant, or none that the region knows. */
    tenant: Type.Optional(Type.String({ maxLength: 63 })),
    class: Type.Enum([...auditClasses]),
    outcome: Type.Enum(['success', 'refused', 'failed']),
    events: Count,
    /** When the last of them was written down. */
    lastAt: Type.String({ maxLength: 32 }),
  },
  closed,
);
export type AuditCount = Static<typeof AuditCount>;

/**
 * The head of the region's trail, signed with the region's own key (platform/chain-checkpoints.ts): kept by governance, it
 * shows whether the trail was cut off or rewritten in the region.
 */
export const AuditHead = Type.Object(
  {
    sequence: Type.Integer({ minimum: 1 }),
    hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    at: Type.String({ maxLength: 32 }),
    keyId: Type.String({ maxLength: 128 }),
    signature: Type.String({ maxLength: 128 }),
  },
  closed,
);
export type AuditHead = Static<typeof AuditHead>;
/** What a region has found wrong with its own trail: it was cut off, or is not what it was. Nothing behind the head is signed. */
export const AuditFault = Type.Enum(['REWOUND', 'REWRITTEN']);
export type AuditFault = Static<typeof AuditFault>;
/** `log` and `chain` of a region's checkpoints. */
export const regionLog = (region: string): string => `region/${region}`;
export const REGION_CHAIN = 'trail';

/** A report without its page of links: what holds for the region as a whole. */
export const RegionSummary = Type.Object(
  {
    region: Type.String({ maxLength: 63 }),
    at: Type.String({ maxLength: 32 }),
    core: Type.Object(
      {
        instance: Type.String({ maxLength: 64 }),
        startedAt: Type.String({ maxLength: 32 }),
        seal: Type.Union([Type.Literal('sealed'), Type.Literal('unsealed')]),
        sealKind: Type.String({ maxLength: 32 }),
      },
      closed,
    ),
    gateways: Type.Array(
      Type.Object(
        {
          name: Type.String({ maxLength: 128 }),
          connected: Type.Boolean(),
          appliedHead: Count,
          head: Count,
          leases: Count,
          backlog: Count,
          lastSeenAt: Type.String({ maxLength: 32 }),
        },
        closed,
      ),
      { maxItems: 256 },
    ),
    /** All links by state, as the last full round found them; absent until this core has been through once. */
    linkCounts: Type.Optional(LinkCounts),
    /** Absent while the trail is empty. */
    audit: Type.Optional(AuditHead),
    auditFault: Type.Optional(AuditFault),
  },
  closed,
);
export type RegionSummary = Static<typeof RegionSummary>;

export const RegionReport = Type.Object(
  {
    ...RegionSummary.properties,
    links: Type.Array(ReportedLink, { maxItems: MAX_REPORTED_LINKS }),
    auditCounts: Type.Optional(Type.Array(AuditCount, { maxItems: MAX_REPORTED_AUDIT_COUNTS })),
  },
  closed,
);
export type RegionReport = Static<typeof RegionReport>;
