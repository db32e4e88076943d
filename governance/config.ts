/**
 * The configuration file of a CMK process. It holds database passwords, so `readConfig` refuses one that others may
 * read. Durations are milliseconds.
 */
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const Port = Type.Integer({ minimum: 0, maximum: 65_535 });
const Path = Type.String({ minLength: 1, maxLength: 4096 });
const Url = Type.String({ minLength: 1, maxLength: 2048 });
const MONTH_MS = 31 * 86_400_000;

export const CmkConfig = Type.Object(
  {
    /** Names the installation; a region belongs to one cluster. */
    cluster: Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' }),
    /** The REST API. Plain HTTP: bind to loopback, or put a TLS proxy in front. Port 0 takes a free one. */
    http: Type.Object({ host: Type.String({ minLength: 1, maxLength: 255 }), port: Port }, closed),
    health: Type.Object({ host: Type.String({ minLength: 1, maxLength: 255 }), port: Port }, closed),
    /** The owner migrates and is then no longer used; the app role owns nothing and is held by row-level security. */
    database: Type.Object({ ownerUrl: Url, appUrl: Url }, closed),
    broker: Type.Object({ url: Url }, closed),
    /** Ed25519, PKCS#8 PEM: signs every job. Regions hold the public half under `keyId`. */
    orbital: Type.Object(
      { signingKey: Path, keyId: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' }) },
      closed,
    ),
    /** A private file with the bearer token, or several lines `operator:token`. */
    auth: Type.Object({ developmentToken: Path }, closed),
    /** Files of keystores (software keys, credentials, authorities) lie below it and nowhere else. Default: the directory of the token file. */
    keystoreDirectory: Type.Optional(Path),
    /** PKCS#11 libraries that keystores may name: they are code that runs beside CMK. Default: none. */
    pkcs11Modules: Type.Optional(Type.Array(Path, { maxItems: 16 })),
    /** Must be true: bearer tokens from a file are a development credential, and nothing else is configured here. */
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
  },
  closed,
);
export type CmkConfig = Static<typeof CmkConfig>;
