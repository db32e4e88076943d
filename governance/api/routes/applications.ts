/** Applications of a tenant. */
import {
  getApplication,
  listApplications,
  registerApplication,
  removeApplication,
} from '../../domain/applications.ts';
import { actorOf, type Routes, splitPage } from '../api.ts';
import { IfMatch, IfNoneMatch, ifMatchOf, revised } from '../conditional.ts';
import * as schemas from '../schemas.ts';

export const applicationRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/tenants/:tenant/applications',
    {
      config: { action: 'application.register', permission: 'application.register' },
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
      config: { permission: 'application.read' },
      schema: {
        summary: 'Applications in the order of their names',
        params: schemas.TenantPath,
        querystring: schemas.ApplicationQuery,
        response: { 200: schemas.pageOf(schemas.Application) },
      },
    },
    (request) => listApplications(cmk, request.params.tenant, ...splitPage(request.query)),
  );
  app.get(
    '/v1/tenants/:tenant/applications/:name',
    {
      config: { permission: 'application.read' },
      schema: {
        summary: 'One application, and which region knows its key',
        params: schemas.NamedPath,
        headers: IfNoneMatch,
        response: { 200: schemas.Application },
      },
    },
    async (request, reply) => {
      const { tenant, name } = request.params;
      return revised(request, reply, await getApplication(cmk, tenant, name));
    },
  );
  app.delete(
    '/v1/tenants/:tenant/applications/:name',
    {
      config: { action: 'application.remove', permission: 'application.remove' },
      schema: {
        summary: 'Refuse the key in every region, on open connections too',
        params: schemas.NamedPath,
        headers: IfMatch,
        querystring: schemas.RemovalQuery,
        response: { 202: schemas.ApplicationChange },
      },
    },
    async (request, reply) => {
      const removal = { ...request.params, ...request.query, ...ifMatchOf(request) };
      return reply.status(202).send(await removeApplication(cmk, actorOf(request), removal));
    },
  );
};
