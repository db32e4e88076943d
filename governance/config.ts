/**
 * The configuration file of a CMK process. It holds database passwords, so `readConfig` refuses one that others may
 * read. Durations are milliseconds.
 */
import { type Static, Type } from 'typebox';
import { BrokerConfig } from '../orbital/index.ts';
import { ServerTlsConfig } from '../platform/tls-config.ts';
import { TracingConfig } from '../platform/tracing-config.ts';
import { IssuerConfig } from './access/issuer.ts';
import { AuditConfig } from './audit/config.ts';
import { MAX_CONNECTIONS, MAX_ISSUERS_OF_PEOPLE } from './limits.ts';
import { NotificationsConfig } from './notifications/settings.ts';
import { PortalConfig } from './portal/settings.ts';

const closed = { additionalProperties: false } as const;
const Port = Type.Integer({ minimum: 0, maximum: 65_535 });
const Path = Type.String({ minLength: 1, maxLength: 4096 });
const Url = Type.String({ minLength: 1, maxLength: 2048 });
const MONTH_MS = 31 * 86_400_000;

export const CmkConfig = Type.Object(
  {
    /** Names the installation; a region belongs to one cluster. */
    cluster: Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' }),
    /**
     * The REST API. With `tls` it speaks HTTPS and takes machines' certificates of the authorities in `ca`; without, `host` is
     * loopback, unless `behindProxy` says that only a TLS proxy reaches it, or `development` is true. Port 0 takes a free one.
     */
    http: Type.Object(
      {
        host: Type.String({ minLength: 1, maxLength: 255 }),
        port: Port,
        tls: Type.Optional(ServerTlsConfig),
        behindProxy: Type.Optional(Type.Boolean()),
        /** Open at once. Default: 64 for each address but loopback's, and no bound behind a proxy. */
        connectionsPerAddress: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_CONNECTIONS })),
      },
      closed,
    ),
    health: Type.Object({ host: Type.String({ minLength: 1, maxLength: 255 }), port: Port }, closed),
    /** The owner migrates and is then no longer used; the app role owns nothing and is held by row-level security. */
    database: Type.Object({ ownerUrl: Url, appUrl: Url }, closed),
    broker: BrokerConfig,
    /** Ed25519, PKCS#8 PEM: signs every job. Regions hold the public half under `keyId`. */
    orbital: Type.Object(
      {
        signingKey: Path,
        keyId: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' }),
        /** Where keys lie that a rotation makes. Default: `signing-keys` beside `signingKey`. All processes of CMK share it. */
        keyDirectory: Type.Optional(Path),
      },
      closed,
    ),
    auth: Type.Object(
      {
        /** A private file with a bearer token, or several lines `operator:token`. Needs `development`. */
        developmentToken: Type.Optional(Path),
        /** A private JSON file of people and machines whom CMK itself issues tokens to. Needs `development`. */
        developmentIssuer: Type.Optional(Path),
        /** OpenID Connect providers whose access tokens are accepted. */
        issuers: Type.Optional(Type.Array(IssuerConfig, { maxItems: MAX_ISSUERS_OF_PEOPLE })),
        /** Who runs the platform: ids of principals (`ISSUER:SUBJECT`), and groups (`ISSUER:GROUP`). */
        operators: Type.Optional(
          Type.Object(
            {
              principals: Type.Optional(Type.Array(Type.String({ maxLength: 255 }), { maxItems: 1000 })),
              groups: Type.Optional(Type.Array(Type.String({ maxLength: 255 }), { maxItems: 100 })),
            },
            closed,
          ),
        ),
      },
      closed,
    ),
    /** Files of keystores (software keys, credentials, authorities) lie below it and nowhere else. Default: the directory of the token file, or else of the signing key. */
    keystoreDirectory: Type.Optional(Path),
    /** PKCS#11 libraries that keystores may name: they are code that runs beside CMK. Default: none. */
    pkcs11Modules: Type.Optional(Type.Array(Path, { maxItems: 16 })),
    /** True accepts credentials that are good for development alone, and warns of it. */
    development: Type.Boolean(),
    link: Type.Object(
      {
        /** How long a region may go on after the last proof of the L1 (D1). */
        ttlMs: Type.Integer({ minimum: 1000, maximum: MONTH_MS }),
        renewEveryMs: Type.Integer({ minimum: 100, maximum: MONTH_MS }),
        /** How soon a key that was disabled at its provider is noticed. */
        probeEveryMs: Type.Integer({ minimum: 50, maximum: 86_400_000 }),
      },
      closed,
    ),
    log: Type.Object(
      {
        level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
      },
      closed,
    ),
    /** Webhooks and mail to tenants (notifications/settings.ts); left out: none are sent. */
    notifications: Type.Optional(NotificationsConfig),
    audit: Type.Optional(AuditConfig),
    /** The page for people at /portal/ (portal/settings.ts). Left out: served by development installations alone. */
    portal: Type.Optional(PortalConfig),
    /** Where spans of requests and jobs are sent; left out: none are recorded. */
    tracing: Type.Optional(TracingConfig),
    /** When what regions hold is compared with what they should (drift/). Default 1 s, a minute, ten minutes. */
    drift: Type.Optional(
      Type.Object(
        {
          checkEveryMs: Type.Integer({ minimum: 50, maximum: 86_400_000 }),
          /** What has changed so shortly before a region was asked is left alone. */
          settleMs: Type.Integer({ minimum: 0, maximum: 86_400_000 }),
          /** What is still wrong so long after it was mended is mended again. */
          retryMs: Type.Integer({ minimum: 50, maximum: 86_400_000 }),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type CmkConfig = Static<typeof CmkConfig>;
