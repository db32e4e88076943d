/** How the portal is configured. */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

export const PortalConfig = Type.Object(
  {
    /** Where browsers find CMK, as `https://kms.example.com`. Default: where the API listens. */
    origin: Type.Optional(Type.String({ minLength: 1, maxLength: 1024 })),
    /** How providers of `auth.issuers` know the portal; people sign in at those. Its redirect URI is ORIGIN/portal/callback. */
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
export type PortalClientConfig = NonNullable<PortalConfig['clients']>[number];
