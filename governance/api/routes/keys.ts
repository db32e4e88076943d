/** Keystores and L1 keys. */
import { beginImport, finishImport, getImport } from '../../domain/key-imports.ts';
import { addKey, getKey, listKeys } from '../../domain/keys.ts';
import { addKeystore, listKeystores } from '../../domain/keystores.ts';
import { CmkError } from '../../errors.ts';
import { proveKey } from '../../links/proof.ts';
import { actorOf, type Routes } from '../api.ts';
import * as keys from '../key-schemas.ts';
import * as schemas from '../schemas.ts';

export const keyRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/keystores',
    {
      config: { action: 'keystore.register', permission: 'keystore.register' },
      schema: {
        summary: 'Register a keystore; its configuration names files with secrets and holds none',
        body: keys.NewKeystore,
        response: { 200: schemas.Created, 201: schemas.Created },
      },
    },
    async (request, reply) => {
      const answer = await addKeystore(cmk, actorOf(request), request.body);
      return reply.status(answer.created ? 201 : 200).send(answer);
    },
  );
  app.post(
    '/v1/tenants/:tenant/keystores',
    {
      config: { action: 'keystore.register', permission: 'keystore.register' },
      schema: {
        summary: "Register a keystore of the tenant's own, which no other finds",
        params: schemas.TenantPath,
        body: keys.NewKeystore,
        response: { 200: schemas.Created, 201: schemas.Created },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      const answer = await addKeystore(cmk, actorOf(request), { ...request.body, tenant });
      return reply.status(answer.created ? 201 : 200).send(answer);
    },
  );
  app.get(
    '/v1/tenants/:tenant/keystores',
    {
      config: { permission: 'keystore.read' },
      schema: {
        summary: "The tenant's own keystores, and those that are everybody's",
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(keys.Keystore) },
      },
    },
    (request) => listKeystores(cmk, request.query, request.params.tenant),
  );
  app.get(
    '/v1/keystores',
    {
      config: { permission: 'keystore.read' },
      schema: {
        summary: "Keystores that are everybody's",
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(keys.Keystore) },
      },
    },
    (request) => listKeystores(cmk, request.query),
  );
  app.post(
    '/v1/tenants/:tenant/keys',
    {
      config: { action: 'key.register', permission: 'key.register' },
      schema: {
        summary:
          "Register a reference to the tenant's L1 key, or have the keystore make one; proves that CMK may use it",
        params: schemas.TenantPath,
        body: keys.NewKey,
        response: { 201: keys.Key },
      },
    },
    async (request, reply) => {
      const { create, ...key } = request.body;
      if ((create === true) === (key.reference !== undefined))
        throw new CmkError('INVALID_REQUEST', 'body: give either a reference or create: true');
      return reply.status(201).send(await addKey(cmk, actorOf(request), request.params.tenant, key));
    },
  );
  app.get(
    '/v1/tenants/:tenant/keys',
    {
      config: { permission: 'key.read' },
      schema: {
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(keys.Key) },
      },
    },
    (request) => listKeys(cmk, request.params.tenant, request.query),
  );
  app.get(
    '/v1/tenants/:tenant/keys/:alias',
    { config: { permission: 'key.read' }, schema: { params: keys.KeyPath, response: { 200: keys.Key } } },
    (request) => getKey(cmk, request.params.tenant, request.params.alias),
  );
  app.post(
    '/v1/tenants/:tenant/keys/:alias/proof',
    {
      config: { action: 'key.prove', permission: 'key.register' },
      schema: {
        summary:
          'Have the key wrap and unwrap a secret of its own; what the provider answers counts as a probe',
        params: keys.KeyPath,
        response: { 200: keys.Key },
      },
    },
    (request) => proveKey(cmk, actorOf(request), request.params.tenant, request.params.alias),
  );
  app.post(
    '/v1/tenants/:tenant/keys/:alias/import',
    {
      config: { action: 'key.import.begin', permission: 'key.import' },
      schema: {
        summary: 'Begin to bring a key: how its material has to be wrapped, and until when',
        params: keys.KeyPath,
        body: keys.NewImport,
        response: { 201: keys.Import },
      },
    },
    async (request, reply) => {
      const { tenant, alias } = request.params;
      const begun = await beginImport(cmk, actorOf(request), tenant, { alias, ...request.body });
      return reply.status(201).send(begun);
    },
  );
  app.get(
    '/v1/tenants/:tenant/keys/:alias/import',
    { config: { permission: 'key.read' }, schema: { params: keys.KeyPath, response: { 200: keys.Import } } },
    (request) => getImport(cmk, request.params.tenant, request.params.alias),
  );
  app.put(
    '/v1/tenants/:tenant/keys/:alias/import',
    {
      config: { action: 'key.import', permission: 'key.import' },
      schema: {
        summary: 'Bring the wrapped material; the first key of its configuration is the primary one',
        params: keys.KeyPath,
        body: keys.Upload,
        response: { 200: keys.Key },
      },
    },
    (request) => {
      const { tenant, alias } = request.params;
      return finishImport(cmk, actorOf(request), tenant, alias, Buffer.from(request.body.wrapped, 'base64'));
    },
  );
};
