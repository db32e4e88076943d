/** Tenants, their life, and their services. */
import { addService, getService, listServices } from '../../domain/services.ts';
import {
  getTenant,
  listTenants,
  onboardTenant,
  provisionTenant,
  renameTenant,
  retryTenant,
} from '../../domain/tenants.ts';
import { actorOf, type Routes, splitPage } from '../api.ts';
import { IfMatch, IfNoneMatch, ifMatchOf, revised } from '../conditional.ts';
import * as schemas from '../schemas.ts';

export const tenantRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/tenants',
    {
      config: { action: 'tenant.onboard', permission: 'tenant.onboard' },
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
    {
      config: { permission: 'tenant.list' },
      schema: {
        summary: 'Tenants in the order of their ids',
        querystring: schemas.TenantQuery,
        response: { 200: schemas.pageOf(schemas.Tenant) },
      },
    },
    (request) => listTenants(cmk, ...splitPage(request.query)),
  );
  app.get(
    '/v1/tenants/:tenant',
    {
      config: { permission: 'tenant.read' },
      schema: {
        summary: 'One tenant, and what a change of its state waits for',
        params: schemas.TenantPath,
        headers: IfNoneMatch,
        response: { 200: schemas.Tenant },
      },
    },
    async (request, reply) => revised(request, reply, await getTenant(cmk, request.params.tenant)),
  );
  app.patch(
    '/v1/tenants/:tenant',
    {
      config: { action: 'tenant.rename', permission: 'tenant.change' },
      schema: {
        summary: 'Change the name under which people know the tenant',
        params: schemas.TenantPath,
        headers: IfMatch,
        body: schemas.TenantChange,
        response: { 200: schemas.Tenant },
      },
    },
    async (request, reply) => {
      const change = { tenant: request.params.tenant, ...request.body, ...ifMatchOf(request) };
      return revised(request, reply, await renameTenant(cmk, actorOf(request), change));
    },
  );
  for (const [verb, summary, act] of [
    [
      'provision',
      'Have the regions make the first keys of a tenant that was only requested',
      provisionTenant,
    ],
    ['retry', 'Ask those regions again that have refused their part of the change on its way', retryTenant],
  ] as const)
    app.post(
      `/v1/tenants/:tenant/${verb}`,
      {
        config: { action: `tenant.${verb}`, permission: 'tenant.provision' },
        schema: {
          summary,
          params: schemas.TenantPath,
          headers: IfMatch,
          response: { 202: schemas.Tenant },
        },
      },
      async (request, reply) => {
        const change = { tenant: request.params.tenant, ...ifMatchOf(request) };
        return revised(request, reply.status(202), await act(cmk, actorOf(request), change));
      },
    );
  app.post(
    '/v1/tenants/:tenant/services',
    {
      config: { action: 'service.add', permission: 'service.add' },
      schema: {
        summary: 'Add a service, with an L3 key of its own in every region of the tenant',
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
      config: { permission: 'service.read' },
      schema: {
        summary: 'Services in the order of their names',
        params: schemas.TenantPath,
        querystring: schemas.ServiceQuery,
        response: { 200: schemas.pageOf(schemas.Service) },
      },
    },
    (request) => listServices(cmk, request.params.tenant, ...splitPage(request.query)),
  );
  app.get(
    '/v1/tenants/:tenant/services/:name',
    {
      config: { permission: 'service.read' },
      schema: {
        summary: 'One service with its L3 version in each region',
        params: schemas.NamedPath,
        headers: IfNoneMatch,
        response: { 200: schemas.Service },
      },
    },
    async (request, reply) => {
      const { tenant, name } = request.params;
      return revised(request, reply, await getService(cmk, tenant, name));
    },
  );
};
