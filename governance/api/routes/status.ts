/** The overview that `okcm status` shows. */
import { Type } from 'typebox';
import { RegionSummary } from '../../../contracts/index.ts';
import { overview } from '../../domain/overview.ts';
import type { Routes } from '../api.ts';
import { KeyTrouble } from '../key-schemas.ts';
import * as schemas from '../schemas.ts';

const Text = Type.String();
const Count = Type.Integer({ minimum: 0 });
const Overview = Type.Object(
  {
    cluster: Text,
    at: Text,
    cmk: Type.Object({ startedAt: Text }, schemas.closed),
    broker: Type.Object({ healthy: Type.Boolean() }, schemas.closed),
    regions: Type.Array(
      Type.Object(
        {
          name: Text,
          seal: Text,
          stale: Type.Boolean(),
          reportedAt: Type.Union([Text, Type.Null()]),
          endpoints: Type.Record(Text, Text),
          gateways: RegionSummary.properties.gateways,
          pendingTasks: Count,
          lagMs: Count,
        },
        schemas.closed,
      ),
    ),
    tenants: Count,
    links: Type.Object(
      { counts: Type.Record(Text, Type.Integer()), tenants: Type.Array(schemas.Links) },
      schemas.closed,
    ),
    jobs: Type.Object({ pending: Count, failed: Count, oldestPendingMs: Count }, schemas.closed),
    keys: Type.Array(KeyTrouble),
  },
  schemas.closed,
);

export const statusRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/status',
    {
      config: { permission: 'status.read' },
      schema: { summary: 'Everything at one glance', response: { 200: Overview } },
    },
    () => overview(cmk),
  );
};
