/** The audit log, and whether its chain is whole. */
import { Type } from 'typebox';
import { listAudit } from '../../domain/audit-log.ts';
import { verifyChain } from '../../store/audit.ts';
import type { Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

const Verdict = Type.Object(
  {
    ok: Type.Boolean(),
    events: Type.Integer(),
    head: Type.Optional(Type.String()),
    brokenAt: Type.Optional(Type.Integer()),
  },
  schemas.closed,
);

export const auditRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/audit',
    {
      schema: {
        summary: "A tenant's events, or without a tenant the platform's; newest first",
        querystring: schemas.AuditQuery,
        response: { 200: schemas.pageOf(schemas.AuditEvent) },
      },
    },
    (request) => {
      const { tenant, ...page } = request.query;
      return listAudit(cmk, tenant, page);
    },
  );
  app.get(
    '/v1/audit/verify',
    {
      schema: {
        summary: 'Recompute the whole chain',
        querystring: Type.Object({ tenant: Type.Optional(schemas.Name) }, schemas.closed),
        response: { 200: Verdict },
      },
    },
    (request) => verifyChain(cmk.db, request.query.tenant),
  );
};
