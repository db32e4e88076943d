/** Key configurations of a tenant, and the systems that stand on them. */
import { Type } from 'typebox';
import {
  changeConfiguration,
  createConfiguration,
  getConfiguration,
  listConfigurations,
  removeConfiguration,
} from '../../domain/key-configurations.ts';
import {
  addSystem,
  changeSystem,
  getSystem,
  linkSystem,
  listSystems,
  removeSystem,
  unlinkSystem,
} from '../../domain/systems.ts';
import { MAX_KEYS_PER_TENANT } from '../../limits.ts';
import { actorOf, type Routes, splitPage } from '../api.ts';
import { IfMatch, IfNoneMatch, ifMatchOf, revised } from '../conditional.ts';
import * as schemas from '../schemas.ts';

const { closed, Instant, Name, nullable } = schemas;
const Text = Type.String();
const Description = schemas.freeText({ maxLength: 256 });
const Keys = Type.Array(Name, { maxItems: MAX_KEYS_PER_TENANT, uniqueItems: true });
/** As the customer writes them; they only have to be one line of text. */
const Kind = schemas.freeText({ minLength: 1, maxLength: 64, description: 'What sort of system it is' });
const ExternalId = schemas.freeText({
  minLength: 1,
  maxLength: 256,
  description: 'How the customer knows the system; the only one of its kind',
});

const KeyConfiguration = schemas.model('KeyConfiguration', {
  name: Text,
  description: Text,
  primaryKey: nullable(Text),
  keys: Type.Array(Type.Object({ alias: Text, state: Text }, closed)),
  systems: Type.Integer({ description: 'How many are linked to it' }),
  state: Type.Enum(['empty', 'prepared', 'in-use']),
  createdAt: Instant,
});
const NewKeyConfiguration = Type.Object(
  { name: Name, description: Type.Optional(Description), keys: Type.Optional(Keys) },
  closed,
);
const KeyConfigurationChange = Type.Object(
  {
    description: Type.Optional(Description),
    keys: Type.Optional(Keys),
    primaryKey: Type.Optional(Name),
  },
  { ...closed, minProperties: 1 },
);

const System = schemas.model('System', {
  name: Text,
  kind: Text,
  externalId: Text,
  service: nullable(Text),
  keyConfiguration: nullable(Text),
  key: nullable(Text),
  state: Type.Enum(['unlinked', 'pending', 'linked']),
  createdAt: Instant,
});
const NewSystem = Type.Object(
  {
    name: Name,
    kind: Kind,
    externalId: ExternalId,
    service: Type.Optional(Name),
    keyConfiguration: Type.Optional(Name),
  },
  closed,
);
const SystemChange = Type.Object({ service: nullable(Name) }, closed);
const SystemLink = Type.Object({ keyConfiguration: Name }, closed);
const SystemQuery = Type.Object(
  {
    ...schemas.PageQuery.properties,
    kind: Type.Optional(Kind),
    externalId: Type.Optional(ExternalId),
    service: Type.Optional(Name),
    keyConfiguration: Type.Optional(Name),
    search: schemas.Search,
  },
  closed,
);
const Nothing = Type.Null({ description: 'No body' });

export const systemRoutes: Routes = (app, cmk) => {
  const configurations = '/v1/tenants/:tenant/key-configurations';
  app.post(
    configurations,
    {
      config: { action: 'key-configuration.create', permission: 'key-configuration.create' },
      schema: {
        summary: 'L1 keys that may take each other’s place; the first is the primary key',
        params: schemas.TenantPath,
        body: NewKeyConfiguration,
        response: { 201: KeyConfiguration },
      },
    },
    async (request, reply) => {
      const wish = { ...request.params, ...request.body };
      return revised(request, reply.status(201), await createConfiguration(cmk, actorOf(request), wish));
    },
  );
  app.get(
    configurations,
    {
      config: { permission: 'key-configuration.read' },
      schema: {
        summary: 'Key configurations in the order of their names',
        params: schemas.TenantPath,
        querystring: schemas.PageQuery,
        response: { 200: schemas.pageOf(KeyConfiguration) },
      },
    },
    (request) => listConfigurations(cmk, request.params.tenant, request.query),
  );
  app.get(
    `${configurations}/:name`,
    {
      config: { permission: 'key-configuration.read' },
      schema: {
        summary: 'One key configuration, and whether the tenant is linked to its primary key',
        params: schemas.NamedPath,
        headers: IfNoneMatch,
        response: { 200: KeyConfiguration },
      },
    },
    async (request, reply) => revised(request, reply, await getConfiguration(cmk, request.params)),
  );
  app.patch(
    `${configurations}/:name`,
    {
      config: { action: 'key-configuration.change', permission: 'key-configuration.change' },
      schema: {
        summary: 'Change which keys belong to it; the primary key of one in use only by linking another',
        params: schemas.NamedPath,
        headers: IfMatch,
        body: KeyConfigurationChange,
        response: { 200: KeyConfiguration },
      },
    },
    async (request, reply) => {
      const change = { ...request.params, ...request.body, ...ifMatchOf(request) };
      return revised(request, reply, await changeConfiguration(cmk, actorOf(request), change));
    },
  );
  app.delete(
    `${configurations}/:name`,
    {
      config: { action: 'key-configuration.remove', permission: 'key-configuration.remove' },
      schema: {
        summary: 'Forget a key configuration that is not in use; its keys stay registered',
        params: schemas.NamedPath,
        headers: IfMatch,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      await removeConfiguration(cmk, actorOf(request), { ...request.params, ...ifMatchOf(request) });
      return reply.status(204).send(null);
    },
  );

  const systems = '/v1/tenants/:tenant/systems';
  app.post(
    systems,
    {
      config: { action: 'system.add', permission: 'system.add' },
      schema: {
        summary: 'Add a system of the customer’s',
        params: schemas.TenantPath,
        body: NewSystem,
        response: { 201: System },
      },
    },
    async (request, reply) => {
      const system = { ...request.params, ...request.body };
      return revised(request, reply.status(201), await addSystem(cmk, actorOf(request), system));
    },
  );
  app.get(
    systems,
    {
      config: { permission: 'system.read' },
      schema: {
        summary: 'Systems in the order of their names',
        params: schemas.TenantPath,
        querystring: SystemQuery,
        response: { 200: schemas.pageOf(System) },
      },
    },
    (request) => listSystems(cmk, request.params.tenant, ...splitPage(request.query)),
  );
  app.get(
    `${systems}/:name`,
    {
      config: { permission: 'system.read' },
      schema: {
        summary: 'One system, and whether it stands on the key that it shall stand on',
        params: schemas.NamedPath,
        headers: IfNoneMatch,
        response: { 200: System },
      },
    },
    async (request, reply) => revised(request, reply, await getSystem(cmk, request.params)),
  );
  app.patch(
    `${systems}/:name`,
    {
      config: { action: 'system.change', permission: 'system.change' },
      schema: {
        summary: 'Say which service the system uses; null: none',
        params: schemas.NamedPath,
        headers: IfMatch,
        body: SystemChange,
        response: { 200: System },
      },
    },
    async (request, reply) => {
      const change = { ...request.params, ...request.body, ...ifMatchOf(request) };
      return revised(request, reply, await changeSystem(cmk, actorOf(request), change));
    },
  );
  app.post(
    `${systems}/:name/link`,
    {
      config: { action: 'system.link', permission: 'system.link' },
      schema: {
        summary: 'Have the system stand on a key configuration',
        params: schemas.NamedPath,
        headers: IfMatch,
        body: SystemLink,
        response: { 200: System },
      },
    },
    async (request, reply) => {
      const change = { ...request.params, ...request.body, ...ifMatchOf(request) };
      return revised(request, reply, await linkSystem(cmk, actorOf(request), change));
    },
  );
  app.post(
    `${systems}/:name/unlink`,
    {
      config: { action: 'system.unlink', permission: 'system.unlink' },
      schema: {
        summary: 'Have the system stand on no key configuration; the links of the tenant stay as they are',
        params: schemas.NamedPath,
        headers: IfMatch,
        response: { 200: System },
      },
    },
    async (request, reply) => {
      const change = { ...request.params, ...ifMatchOf(request) };
      return revised(request, reply, await unlinkSystem(cmk, actorOf(request), change));
    },
  );
  app.delete(
    `${systems}/:name`,
    {
      config: { action: 'system.remove', permission: 'system.remove' },
      schema: {
        summary: 'Forget a system; nothing that it encrypted is touched',
        params: schemas.NamedPath,
        headers: IfMatch,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      await removeSystem(cmk, actorOf(request), { ...request.params, ...ifMatchOf(request) });
      return reply.status(204).send(null);
    },
  );
};
