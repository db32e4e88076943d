/** Keystores and L1 keys. */
import { addKey, addKeystore, listKeys, listKeystores } from '../../domain/keys.ts';
import { CmkError } from '../../errors.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

export const keyRoutes: Routes = (app, cmk) => {
  app.post(
    '/v1/keystores',
    {
      config: { action: 'keystore.register' },
      schema: { body: schemas.NewKeystore, response: { 200: schemas.Created, 201: schemas.Created } },
    },
    async (request, reply) => {
      const answer = await addKeystore(cmk, actorOf(request), request.body);
      return reply.status(answer.created ? 201 : 200).send(answer);
    },
  );
  app.get(
    '/v1/keystores',
    { schema: { querystring: schemas.PageQuery, response: { 200: schemas.pageOf(schemas.Keystore) } } },
    (request) => listKeystores(cmk, request.query),
  );
  app.post(
    '/v1/tenants/:tenant/keys',
    {
      config: { action: 'key.register' },
      schema: {
        summary: "Register a reference to the tenant's L1 key, or have the keystore make one",
        params: schemas.TenantPath,
        body: schemas.NewKey,
        response: { 201: schemas.Key },
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
      schema: {
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(schemas.Key) },
      },
    },
    (request) => listKeys(cmk, request.params.tenant, request.query),
  );
};
