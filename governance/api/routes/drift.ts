/** Drift: what regions hold that governance does not want, and the other way round. */
import { Type } from 'typebox';
import { ManifestClass } from '../../../contracts/index.ts';
import { type FindingKind, findingKinds, mends } from '../../drift/findings.ts';
import { listDrift, regionsDrift } from '../../drift/view.ts';
import { type Routes, splitPage } from '../api.ts';
import * as schemas from '../schemas.ts';

const Text = Type.String();
const Count = Type.Integer({ minimum: 0 });
const FindingKindSchema = Type.Enum([...findingKinds] as FindingKind[]);
const Mend = Type.Enum([...mends]);
const Finding = schemas.model('DriftFinding', {
  region: Text,
  class: ManifestClass,
  item: Type.String({ description: 'A tenant, TENANT/SERVICE, or a fingerprint' }),
  finding: FindingKindSchema,
  meaning: Text,
  mend: Mend,
  givenUp: Type.Boolean({ description: 'Mended as often as is tried: somebody has to look' }),
  wanted: schemas.nullable(Text),
  told: schemas.nullable(Text),
  foundAt: schemas.Instant,
  seenAt: schemas.Instant,
  job: schemas.nullable(schemas.JobId),
});
const RegionDrift = schemas.model('RegionDrift', {
  region: Text,
  pages: Count,
  agreeing: Count,
  items: Count,
  oldestTold: schemas.nullable(schemas.Instant),
  findings: Count,
});
const DriftQuery = Type.Object(
  {
    ...schemas.PageQuery.properties,
    region: Type.Optional(schemas.Name),
    class: Type.Optional(ManifestClass),
    finding: Type.Optional(FindingKindSchema),
    mend: Type.Optional(Mend),
  },
  schemas.closed,
);

export const driftRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/drift',
    {
      config: { permission: 'drift.read' },
      schema: {
        summary: 'What differs between regions and what governance wants there',
        querystring: DriftQuery,
        response: { 200: schemas.pageOf(Finding) },
      },
    },
    (request) => listDrift(cmk, ...splitPage(request.query)),
  );
  app.get(
    '/v1/drift/regions',
    {
      config: { permission: 'drift.read' },
      schema: {
        summary: 'How much of what each region holds was compared, and agrees',
        response: { 200: Type.Object({ items: Type.Array(RegionDrift) }, schemas.closed) },
      },
    },
    () => regionsDrift(cmk),
  );
};
