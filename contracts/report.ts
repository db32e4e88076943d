/**
 * What a region says of itself, unasked, every few seconds: read-only status, never material (split record,
 * "Crypto → CMK: Strictly read-only status reporting").
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

export const RegionReport = Type.Object(
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
          appliedHead: Type.Integer({ minimum: 0 }),
          head: Type.Integer({ minimum: 0 }),
          leases: Type.Integer({ minimum: 0 }),
          backlog: Type.Integer({ minimum: 0 }),
          lastSeenAt: Type.String({ maxLength: 32 }),
        },
        closed,
      ),
      { maxItems: 256 },
    ),
    links: Type.Array(
      Type.Object(
        {
          tenant: Type.String({ maxLength: 63 }),
          epoch: Type.Integer({ minimum: 0 }),
          state: Type.Union([
            Type.Literal('none'),
            Type.Literal('prepared'),
            Type.Literal('open'),
            Type.Literal('expired'),
            Type.Literal('closed'),
          ]),
          expiresAt: Type.Optional(Type.String({ maxLength: 32 })),
        },
        closed,
      ),
      { maxItems: 1000 },
    ),
  },
  closed,
);
export type RegionReport = Static<typeof RegionReport>;
