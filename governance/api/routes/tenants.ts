/** Tenants and their services. */
import { addService, listServices } from '../../domain/services.ts';
import { getTenant, listTenants, onboardTenant } from '../../domain/tenants.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

export const tenantRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/tenants',
    {
      config: { action: 'tenant.onboard' },
      schema: {
        summary: 'Onboard a tenant; each region reports when it is active there',
        body: schemas.NewTenant,
        response: { 202: schemas.TenantOnboarding },
      },
    },
    async (request, reply) =>
      reply.status(202).send(await onboardTenant(cmk, actorOf(request), request.body)),
  );
  app.get(
    '/v1/tenants',
    { schema: { querystring: schemas.PageQuery, response: { 200: schemas.pageOf(schemas.Tenant) } } },
    (request) => listTenants(cmk, request.query),
  );
  app.get(
    '/v1/tenants/:tenant',
    { schema: { params: schemas.TenantPath, response: { 200: schemas.Tenant } } },
    (request) => getTenant(cmk, request.params.tenant),
  );
  app.post(
    '/v1/tenants/:tenant/services',
    {
      config: { action: 'service.add' },
      schema: {
        params: schemas.TenantPath,
        body: schemas.NewService,
        response: { 202: schemas.ServiceAdded },
      },
    },
    async (request, reply) =>
      reply
        .status(202)
        .send(await addService(cmk, actorOf(request), request.params.tenant, request.body.name)),
  );
  app.get(
    '/v1/tenants/:tenant/services',
    {
      schema: {
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(schemas.Service) },
      },
    },
    (request) => listServices(cmk, request.params.tenant, request.query),
  );
};
