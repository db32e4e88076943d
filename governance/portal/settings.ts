/** How the portal is configured. */
import { type Static, Type } from 'typebox';
import { OkcmError } from '../../platform/errors.ts';

const closed = { additionalProperties: false } as const;

export const PortalConfig = Type.Object(
  {
    /** Where browsers find CMK, as `https://kms.example.com`. In a development installation by default: where the API listens. */
    origin: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
    /** How providers of `auth.issuers` know the portal; people sign in at those. Each has a redirect URI of its own: ORIGIN/portal/callback/ISSUER. */
    clients: Type.Optional(
      Type.Array(
        Type.Object(
          {
            /** The name of the provider in `auth.issuers`. */
            issuer: Type.String({ minLength: 1, maxLength: 31 }),
            clientId: Type.String({ minLength: 1, maxLength: 255 }),
            /** A private file; left out: a public client, which PKCE alone protects. */
            clientSecretFile: Type.Optional(Type.String({ minLength: 1, maxLength: 4096 })),
            /** Default `openid`. With `offline_access` most providers let a session outlive its first token. */
            scope: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
            /** What the sign-in page calls it. Default: its name. */
            title: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
          },
          closed,
        ),
        { maxItems: 16 },
      ),
    ),
  },
  closed,
);
export type PortalConfig = Static<typeof PortalConfig>;
/** Cookies and codes go there: over TLS, but in a development installation. Errors: CMK_PORTAL. */
export function checkOrigin({ origin }: PortalConfig, development: boolean): void {
  const refuse = (why: string): never => {
    throw new OkcmError('CMK_PORTAL', `portal.origin ${why}`, {
      hint: 'Write where browsers find CMK and nothing more, such as "https://kms.example.com".',
    });
  };
  if (origin === undefined) {
    if (!development) refuse('is missing');
    return;
  }
  if (!URL.canParse(origin)) refuse('is no URL');
  const { protocol, username, password, pathname, search, hash } = new URL(origin);
  if (protocol !== 'https:' && !(development && protocol === 'http:')) refuse('is not https');
  if (pathname !== '/' || `${username}${password}${search}${hash}` !== '') refuse('says more than an origin');
}

export type PortalClientConfig = NonNullable<PortalConfig['clients']>[number];
