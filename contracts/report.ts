/**
 * What a region says of itself, unasked, every few seconds: read-only status, never material (split record,
 * "Crypto → CMK: Strictly read-only status reporting").
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

/** Links that one report names. A region may hold many more tenants: they come page by page, round and round. */
export const MAX_REPORTED_LINKS = 1000;

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
    expiresAt: Type.Optional(
      Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
    ),
  },
  closed,
);
export type ReportedLink = Static<typeof ReportedLink>;

const LinkCounts = Type.Object(
  { none: Count, prepared: Count, open: Count, expired: Count, closed: Count },
  closed,
);
export type LinkCounts = Static<typeof LinkCounts>;

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
  },
  closed,
);
export type RegionSummary = Static<typeof RegionSummary>;

export const RegionReport = Type.Object(
  { ...RegionSummary.properties, links: Type.Array(ReportedLink, { maxItems: MAX_REPORTED_LINKS }) },
  closed,
);
export type RegionReport = Static<typeof RegionReport>;
