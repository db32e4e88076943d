/** The core's configuration file: JSON, private to its owner, since it holds the database password. */
import { type Static, Type } from 'typebox';
import { MAX_ROTATE_AFTER_S } from '../../contracts/index.ts';
import { BrokerConfig } from '../../orbital/index.ts';
import { ServerTlsConfig } from '../../platform/tls-config.ts';
import { TracingConfig } from '../../platform/tracing-config.ts';
import { MAX_SECRET_MEMORY_BYTES } from '../envelope/index.ts';

const closed = { additionalProperties: false } as const;
const Label = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' });
const Path = Type.String({ minLength: 1, maxLength: 4096 });
const Address = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 255 }),
    port: Type.Integer({ minimum: 0, maximum: 65_535 }),
  },
  closed,
);
const KeyId = Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' });
const HOUR_MS = 3_600_000;

const MINUTE_MS = 60_000;
const DAY_S = 86_400;
/** Up to ten years. */
const Seconds = (byDefault: number) =>
  Type.Integer({ minimum: 0, maximum: MAX_ROTATE_AFTER_S, default: byDefault });

const Seal = Type.Union([
  Type.Object({ kind: Type.Literal('development-key-file'), path: Path }, closed),
  Type.Object(
    {
      kind: Type.Literal('pkcs11'),
      /** The vendor's PKCS#11 library. */
      module: Path,
      tokenLabel: Type.String({ minLength: 1, maxLength: 32 }),
      keyLabel: Type.String({ minLength: 1, maxLength: 64 }),
      pinFile: Path,
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('openbao-transit'),
      url: Type.String({ pattern: '^https?://[^/]+$', maxLength: 2048 }),
      mount: Type.String({ pattern: '^[A-Za-z0-9._/-]{1,128}$', default: 'transit' }),
      key: Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' }),
      tokenFile: Path,
      ca: Type.Optional(Path),
      namespace: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9._/-]{1,256}$' })),
      timeoutMs: Type.Integer({ minimum: 100, maximum: MINUTE_MS, default: 5_000 }),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('shamir'),
      /** How long shares that were presented wait for the others. */
      progressTtlMs: Type.Integer({ minimum: 1_000, maximum: HOUR_MS, default: 10 * MINUTE_MS }),
    },
    closed,
  ),
]);
export type SealConfig = Static<typeof Seal>;

/** A transaction of the core waits while its keys are written, in up to four calls; PostgreSQL ends it after 60 s. */
const MAX_STORE_TIMEOUT_MS = 10_000;
/** Paths in OpenBao: no part is empty or begins with a dot, so that none climbs. */
const PLAIN = '[A-Za-z0-9_-][A-Za-z0-9._-]*';
const BaoPath = Type.String({ pattern: `^${PLAIN}(?:/${PLAIN})*$`, maxLength: 256 });
/** The same with `{tenant}` in it, once. */
const BaoTemplate = Type.String({
  pattern: `^(?:${PLAIN}/)*(?:${PLAIN})?\\{tenant\\}[A-Za-z0-9._-]*(?:/${PLAIN})*$`,
  maxLength: 256,
});
const openbaoStore = {
  kind: Type.Literal('openbao'),
  url: Type.String({ pattern: '^https?://[^/]+$', maxLength: 2048 }),
  /** Before region and tenant in every path; the cluster's name when left out. */
  prefix: Type.Optional(BaoPath),
  tokenFile: Path,
  ca: Type.Optional(Path),
  timeoutMs: Type.Integer({ minimum: 100, maximum: MAX_STORE_TIMEOUT_MS, default: 5_000 }),
};

const KeyStore = Type.Union(
  [
    Type.Object({ kind: Type.Literal('postgresql') }, closed),
    Type.Object(
      {
        ...openbaoStore,
        layout: Type.Literal('shared', { default: 'shared' }),
        mount: BaoPath,
        namespace: Type.Optional(BaoPath),
      },
      closed,
    ),
    Type.Object(
      {
        ...openbaoStore,
        layout: Type.Literal('mount-per-tenant'),
        mount: BaoTemplate,
        namespace: Type.Optional(BaoPath),
      },
      closed,
    ),
    Type.Object(
      {
        ...openbaoStore,
        layout: Type.Literal('namespace-per-tenant'),
        mount: BaoPath,
        namespace: BaoTemplate,
      },
      closed,
    ),
  ],
  { default: { kind: 'postgresql' } },
);
export type KeyStoreConfig = Static<typeof KeyStore>;

const Admin = Type.Object(
  {
    ...Address.properties,
    /** The authority of operators' certificates; that of the gateways when left out. */
    ca: Type.Optional(Path),
    /** Hex SHA-256 of the public key of each operator's certificate. */
    operators: Type.Array(
      Type.Object(
        {
          name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$' }),
          fingerprint: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        },
        closed,
      ),
      { minItems: 1, maxItems: 64 },
    ),
  },
  closed,
);

export const CoreConfig = Type.Object(
  {
    cluster: Label,
    region: Label,
    /** This process among the cores of its region. */
    instance: Label,
    /** For gateways only. */
    kmip: Address,
    health: Address,
    /**
     * `ca`: the authority that issues gateway certificates. The key must be registered besides (D10). The files are read
     * anew when they change.
     */
    tls: ServerTlsConfig,
    database: Type.Object({ url: Type.String({ pattern: '^postgres(ql)?://' }) }, closed),
    broker: BrokerConfig,
    /** What protects the unseal key, or shall (D2). */
    seal: Seal,
    /** What protected it before: needed until `okcm region migrate-seal` has moved the region to `seal`. */
    previousSeal: Type.Optional(Seal),
    /** Where tenants' keys lie: all of them, for good. Links, leases and objects stay in PostgreSQL whatever it says. */
    keyStore: Type.Optional(KeyStore),
    /**
     * `shareKeys`: every gateway of the region is given the keys that the others make, so that each serves them while no core
     * is in reach (D6). One row of the outbox for each key, for good: the same on every core of the region.
     */
    gateways: Type.Optional(Type.Object({ shareKeys: Type.Boolean({ default: false }) }, closed)),
    /** Where operators unseal the region and change its seal; without it, a region of shares cannot be unsealed. */
    admin: Type.Optional(Admin),
    orbital: Type.Object(
      {
        /** Ed25519, PKCS#8 PEM. */
        signingKey: Path,
        /** Where keys lie that a rotation makes. Default: `signing-keys` beside `signingKey`. Cores of one region share it. */
        keyDirectory: Type.Optional(Path),
        keyId: KeyId,
        /** Governance's keys; `publicKey` is a path or the PEM itself. */
        trusted: Type.Array(
          Type.Object({ keyId: KeyId, publicKey: Type.String({ minLength: 1, maxLength: 16_384 }) }, closed),
          { minItems: 1, maxItems: 16 },
        ),
      },
      closed,
    ),
    lease: Type.Object(
      {
        ttlMs: Type.Integer({ minimum: 1000, maximum: 24 * HOUR_MS, default: 300_000 }),
        graceMs: Type.Integer({ minimum: 0, maximum: 24 * HOUR_MS, default: 900_000 }),
      },
      { ...closed, default: {} },
    ),
    /** When keys are replaced by themselves, unless a tenant's policy says otherwise. In seconds; 0: never. */
    rotation: Type.Object(
      {
        l2AfterSeconds: Seconds(90 * DAY_S),
        l3AfterSeconds: Seconds(30 * DAY_S),
        ivkAfterSeconds: Seconds(365 * DAY_S),
        /** A scheduled L3 is made this long before it becomes active. */
        leadSeconds: Seconds(60),
      },
      { ...closed, default: {} },
    ),
    /** Bytes of locked memory for L3 keys that are kept open (D14), least recently used out first. Default 32 MiB. */
    keyMemoryBytes: Type.Optional(Type.Integer({ minimum: 65_536, maximum: MAX_SECRET_MEMORY_BYTES })),
    /**
     * `allowWeak`: also serve what no new application should use (MD5, RIPEMD-160, DES with one key, CBC-MAC), and
     * make key pairs of less than 112 bits of security (RSA, DSA and DH below 2048 bits, curves below 224); for data and
     * clients that are there already. The gateways of the region have the same switch.
     */
    cryptography: Type.Optional(Type.Object({ allowWeak: Type.Boolean({ default: false }) }, closed)),
    /** How often governance is told a part of what the region holds. Default 10 s. */
    manifest: Type.Optional(
      Type.Object({ everyMs: Type.Integer({ minimum: 50, maximum: HOUR_MS }) }, closed),
    ),
    log: Type.Object(
      {
        level: Type.Union(
          [
            Type.Literal('trace'),
            Type.Literal('debug'),
            Type.Literal('info'),
            Type.Literal('warn'),
            Type.Literal('error'),
            Type.Literal('silent'),
          ],
          { default: 'info' },
        ),
      },
      { ...closed, default: {} },
    ),
    /** Where spans of jobs are sent; left out: none are recorded. */
    tracing: Type.Optional(TracingConfig),
  },
  closed,
);
export type CoreConfig = Static<typeof CoreConfig>;
