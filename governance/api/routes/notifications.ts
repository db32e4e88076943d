/** Where a tenant is told of decisions and of what happens to its keys: webhooks and mail. */
import { Type } from 'typebox';
import { MAX_EVENT_PATTERNS, MAX_MAIL_ADDRESSES } from '../../limits.ts';
import {
  listChannels,
  putChannel,
  removeChannel,
  replaceSecret,
  retryChannel,
} from '../../notifications/channels.ts';
import { defaultEvents, eventPattern } from '../../notifications/message.ts';
import { actorOf, type Routes } from '../api.ts';
import * as schemas from '../schemas.ts';

const { closed, Instant, nullable } = schemas;
const Text = Type.String();

const Events = Type.Optional(
  Type.Array(Type.String({ pattern: eventPattern, maxLength: 64 }), {
    minItems: 1,
    maxItems: MAX_EVENT_PATTERNS,
    description: `Actions of audit events, such as proposal.* or key.state. Default: ${defaultEvents.join(', ')}`,
  }),
);
const ChannelRequest = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('webhook'),
      url: schemas.freeText({ minLength: 1, maxLength: 2048, description: 'https, on the public internet' }),
      events: Events,
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('email'),
      to: Type.Array(
        Type.String({ pattern: '^[^\\s<>,;:"()\\\\@]{1,64}@[A-Za-z0-9.-]{1,255}$', maxLength: 320 }),
        { minItems: 1, maxItems: MAX_MAIL_ADDRESSES },
      ),
      events: Events,
    },
    closed,
  ),
]);
const Channel = schemas.model('NotificationChannel', {
  name: Text,
  kind: Type.Enum(['webhook', 'email']),
  url: nullable(Text),
  to: nullable(Type.Array(Text)),
  events: Type.Array(Text),
  behind: Type.Integer({ description: 'Audit events that it has not come to yet' }),
  attempts: Type.Integer({ description: 'Failures in a row of the event that comes next' }),
  error: nullable(Text),
  nextAttemptAt: nullable(Instant),
  deliveredAt: nullable(Instant),
  lost: Type.Integer({ description: 'Events that were given up' }),
  createdAt: Instant,
});
const Secret = Type.String({
  description: 'Of Standard Webhooks, whsec_…: told once, and never again',
});

export const notificationRoutes: Routes = (app, cmk) => {
  app.get(
    '/v1/tenants/:tenant/notifications',
    {
      config: { permission: 'notification.read' },
      schema: {
        params: schemas.TenantPath,
        response: { 200: Type.Object({ items: Type.Array(Channel) }, closed) },
      },
    },
    async (request) => ({ items: await listChannels(cmk, request.params.tenant) }),
  );
  app.put(
    '/v1/tenants/:tenant/notifications/:name',
    {
      config: { action: 'notification.put', permission: 'notification.configure', answerIsSecret: true },
      schema: {
        summary: 'Make a channel, or change it; a webhook’s secret is in the answer that makes it',
        params: schemas.NamedPath,
        body: ChannelRequest,
        response: { 200: Type.Object({ channel: Channel, secret: nullable(Secret) }, closed) },
      },
    },
    (request) => {
      const { events, ...config } = request.body;
      return putChannel(cmk, actorOf(request), {
        ...request.params,
        config,
        ...(events === undefined ? {} : { events }),
      });
    },
  );
  app.post(
    '/v1/tenants/:tenant/notifications/:name/secret',
    {
      config: { action: 'notification.secret', permission: 'notification.configure', answerIsSecret: true },
      schema: {
        summary: 'Replace the secret of a webhook; the one before signs nothing from here on',
        params: schemas.NamedPath,
        response: { 200: Type.Object({ secret: Secret }, closed) },
      },
    },
    (request) => replaceSecret(cmk, actorOf(request), request.params.tenant, request.params.name),
  );
  app.post(
    '/v1/tenants/:tenant/notifications/:name/retry',
    {
      config: { action: 'notification.retry', permission: 'notification.retry' },
      schema: {
        summary: 'Try the event that is waiting now instead of later',
        params: schemas.NamedPath,
        response: { 202: Channel },
      },
    },
    async (request, reply) => {
      const { tenant, name } = request.params;
      return reply.status(202).send(await retryChannel(cmk, actorOf(request), tenant, name));
    },
  );
  app.delete(
    '/v1/tenants/:tenant/notifications/:name',
    {
      config: { action: 'notification.remove', permission: 'notification.configure' },
      schema: { params: schemas.NamedPath, response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      await removeChannel(cmk, actorOf(request), request.params.tenant, request.params.name);
      return reply.status(204).send(null);
    },
  );
};
