/** Applications of a tenant. */
import {
  getApplication,
  listApplications,
  registerApplication,
  removeApplication,
} from '../../domain/applications.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

export const applicationRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/tenants/:tenant/applications',
    {
      config: { action: 'application.register' },
      schema: {
        summary: 'Register the key of a certificate as an application of the tenant',
        params: schemas.TenantPath,
        body: schemas.NewApplication,
        response: { 200: schemas.ApplicationRegistered, 202: schemas.ApplicationRegistered },
      },
    },
    async (request, reply) => {
      const { created, ...registered } = await registerApplication(
        cmk,
        actorOf(request),
        request.params.tenant,
        request.body,
      );
      return reply.status(created ? 202 : 200).send(registered);
    },
  );
  app.get(
    '/v1/tenants/:tenant/applications',
    {
      schema: {
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(schemas.Application) },
      },
    },
    (request) => listApplications(cmk, request.params.tenant, request.query),
  );
  app.get(
    '/v1/tenants/:tenant/applications/:name',
    { schema: { params: schemas.NamedPath, response: { 200: schemas.Application } } },
    (request) => getApplication(cmk, request.params.tenant, request.params.name),
  );
  app.delete(
    '/v1/tenants/:tenant/applications/:name',
    {
      config: { action: 'application.remove' },
      schema: {
        summary: 'Refuse the key in every region, on open connections too',
        params: schemas.NamedPath,
        querystring: schemas.RemovalQuery,
        response: { 202: schemas.ApplicationChange },
      },
    },
    async (request, reply) => {
      const { tenant, name } = request.params;
      const { reason } = request.query;
      return reply.status(202).send(await removeApplication(cmk, actorOf(request), tenant, name, reason));
    },
  );
};
