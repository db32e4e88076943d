/** Where people and machines get tokens, for whoever wants to log in; and the provider of a development installation. */
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { DEVELOPMENT_ISSUER_PATH, type DevelopmentIssuer } from '../../access/development-issuer.ts';
import { OAuthError } from '../../access/development-oauth.ts';
import type { Issuer } from '../../access/issuer.ts';
import type { Api, Routes } from '../api.ts';
import { closed } from '../schemas.ts';

const Text = Type.String();
const Login = Type.Object(
  {
    issuers: Type.Array(
      Type.Object(
        {
          name: Text,
          issuer: Text,
          audience: Text,
          clientId: Type.Union([Text, Type.Null()], {
            description: 'For the command line; null: use one of your own',
          }),
        },
        closed,
      ),
    ),
  },
  closed,
);

export const loginRoutes =
  (issuers: readonly Issuer[], development: DevelopmentIssuer | undefined): Routes =>
  (app) => {
    app.get(
      '/v1/login',
      {
        config: { public: true },
        schema: {
          summary: 'Who issues the tokens that are accepted here',
          security: [],
          response: { 200: Login },
        },
      },
      () => ({
        issuers: issuers.map(({ config: { name, issuer, audience, loginClientId } }) => ({
          name,
          issuer,
          audience,
          clientId: loginClientId ?? null,
        })),
      }),
    );
    if (development !== undefined) developmentIssuerRoutes(app, development);
  };

const MAX_FORM_BYTES = 4 * 1024;
const FORM = 'application/x-www-form-urlencoded';
const open = { config: { public: true }, schema: { hide: true } } as const;

/** Its forms are parsed here alone: the API itself takes nothing but JSON. */
function developmentIssuerRoutes(app: Api, issuer: DevelopmentIssuer): void {
  void app.register(
    async (scope) => {
      scope.addContentTypeParser(
        FORM,
        { parseAs: 'string', bodyLimit: MAX_FORM_BYTES },
        (_request, body, done) => done(null, new URLSearchParams(String(body))),
      );
      scope.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'));
      const formOf = ({ body }: { body: unknown }): URLSearchParams =>
        body instanceof URLSearchParams ? body : new URLSearchParams();

      scope.get('/.well-known/openid-configuration', open, () => issuer.discovery());
      scope.get('/keys', open, () => issuer.keys());
      scope.post('/device', open, async (request, reply) => {
        try {
          return reply.send(issuer.beginLogin(formOf(request)));
        } catch (error) {
          return refuse(error, reply);
        }
      });
      scope.post('/token', open, async (request, reply) => {
        try {
          return reply.send(await issuer.token(formOf(request), request.headers.authorization));
        } catch (error) {
          return refuse(error, reply);
        }
      });
      scope.get('/login', open, async (request, reply) => {
        const { code } = request.query as { code?: unknown };
        return reply.type(HTML).send(page(typeof code === 'string' ? code : '', ''));
      });
      scope.post('/login', open, async (request, reply) => {
        const form = formOf(request);
        const right = issuer.confirmLogin(form);
        return reply
          .status(right ? 200 : 403)
          .type(HTML)
          .send(right ? DONE : page(form.get('code') ?? '', 'That name, password or code is not right.'));
      });
      scope.get('/authorize', open, async (request, reply) => {
        const asked = new URLSearchParams(request.url.split('?', 2)[1] ?? '');
        try {
          issuer.authorization(asked);
          return reply.type(HTML).send(signInPage(asked, ''));
        } catch (error) {
          return refuse(error, reply);
        }
      });
      scope.post('/authorize', open, async (request, reply) => {
        const asked = formOf(request);
        try {
          const back = issuer.confirmAuthorization(asked);
          if (back !== undefined) return reply.redirect(back.href, 303);
          return reply.status(403).type(HTML).send(signInPage(asked, 'That name or password is not right.'));
        } catch (error) {
          return refuse(error, reply);
        }
      });
    },
    { prefix: DEVELOPMENT_ISSUER_PATH },
  );
}

/** RFC 6749 §5.2; written out here, since every other refusal of this API is a problem document. */
function refuse(error: unknown, reply: FastifyReply): FastifyReply {
  if (!(error instanceof OAuthError)) throw error;
  const body = { error: error.code, error_description: error.message };
  return reply.status(400).type('application/json').send(JSON.stringify(body));
}

const HTML = 'text/html; charset=utf-8';
const frame = (content: string): string => `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>OpenKCM development login</title>
<body style="font: 16px system-ui; max-width: 24rem; margin: 4rem auto">${content}</body></html>`;
const DONE = frame('<h1>Logged in</h1><p>You can close this page and go back to where you came from.</p>');
const page = (code: string, trouble: string): string =>
  frame(`<h1>Development login</h1><p role="alert">${trouble}</p><form method="post">
<p><label>Code <input name="code" required value="${/^[A-Z-]{9}$/.test(code) ? code : ''}"></label></p>
<p><label>Name <input name="name" required autocomplete="username"></label></p>
<p><label>Password <input name="password" type="password" required autocomplete="current-password"></label></p>
<p><button>Log in</button></p></form>`);

/** What the portal has asked for goes along in the form; nothing of the person but what they type. */
const ASKED = [
  'response_type',
  'client_id',
  'redirect_uri',
  'state',
  'code_challenge',
  'code_challenge_method',
  'audience',
  'resource',
];
const signInPage = (asked: URLSearchParams, trouble: string): string =>
  frame(`<h1>Development sign-in</h1><p role="alert">${trouble}</p><form method="post">
${ASKED.filter((name) => asked.has(name))
  .map((name) => `<input type="hidden" name="${name}" value="${escaped(asked.get(name) ?? '')}">`)
  .join('\n')}
<p><label>Name <input name="name" required autofocus autocomplete="username"></label></p>
<p><label>Password <input name="password" type="password" required autocomplete="current-password"></label></p>
<p><button>Sign in</button></p></form>`);
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`);
