/** The gateway's configuration file: JSON, private to its owner, checked field by field before anything starts. */
import { type Static, Type } from 'typebox';
import { KeyExchangeField, MinVersion, ServerTlsConfig } from '../../platform/tls-config.ts';
import { MAX_SECRET_MEMORY_BYTES } from '../envelope/index.ts';
import { MAX_CONNECTIONS, MAX_WORKERS } from './limits.ts';

const closed = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 4096 });
const Host = Type.String({ minLength: 1, maxLength: 255 });
const Port = Type.Integer({ minimum: 0, maximum: 65_535 });
const Label = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' });

const Level = Type.Union([
  Type.Literal('trace'),
  Type.Literal('debug'),
  Type.Literal('info'),
  Type.Literal('warn'),
  Type.Literal('error'),
  Type.Literal('fatal'),
  Type.Literal('silent'),
]);

/**
 * Where the keys lie. A file (the default kind) also holds callers, closed tenants and audit events that the core has not taken
 * yet; beside Redis it holds these alone. In memory nothing outlives the process: keys not yet announced are lost with it.
 */
const Store = Type.Union([
  Type.Object({ kind: Type.Optional(Type.Literal('sqlite')), path: Path }, closed),
  Type.Object({ kind: Type.Literal('memory') }, closed),
  Type.Object(
    {
      kind: Type.Literal('redis'),
      /** The local file. */
      path: Path,
      host: Host,
      port: Type.Integer({ minimum: 1, maximum: 65_535 }),
      database: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_023 })),
      username: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
      /** A private file (0600) that holds the password and nothing else. */
      passwordFile: Type.Optional(Path),
      /** Absent: no TLS, for loopback alone. `cert` and `key`: where Redis asks for a certificate of its client. */
      tls: Type.Optional(
        Type.Object(
          {
            ca: Path,
            servername: Type.Optional(Host),
            cert: Type.Optional(Path),
            key: Type.Optional(Path),
          },
          closed,
        ),
      ),
      /** Replicas that must have a key before it is acknowledged; default none. */
      replicas: Type.Optional(Type.Integer({ minimum: 0, maximum: 5 })),
      /** Also start on a server that may lose acknowledged keys (no AOF, or none that is flushed in time). */
      allowLoss: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
]);
export type StoreConfig = Static<typeof Store>;
export type RedisStoreConfig = Extract<StoreConfig, { readonly kind: 'redis' }>;

export const GatewayConfig = Type.Object(
  {
    region: Label,
    name: Type.String({ minLength: 1, maxLength: 128 }),
    /** Where applications connect; port 0 takes a free one. */
    kmip: Type.Object({ host: Host, port: Port }, closed),
    /** Where applications speak KMIP over HTTPS, in TTLV, XML or JSON; absent: nowhere. */
    https: Type.Optional(Type.Object({ host: Host, port: Port }, closed)),
    /** `hosts`: further names by which probes may ask, where the port is not for loopback alone. */
    health: Type.Object(
      { host: Host, port: Port, hosts: Type.Optional(Type.Array(Host, { maxItems: 64 })) },
      closed,
    ),
    /**
     * The gateway's own server certificate. `ca` is the first trusted issuer of applications; the others are pushed. All
     * files of this and the next field are read anew when they change.
     */
    tls: ServerTlsConfig,
    /** The region's core, and the client certificate by which it knows this gateway. */
    core: Type.Object(
      {
        host: Host,
        port: Port,
        cert: Path,
        key: Path,
        ca: Path,
        servername: Host,
        minVersion: Type.Optional(MinVersion),
        keyExchange: Type.Optional(KeyExchangeField),
      },
      closed,
    ),
    store: Store,
    /** Processes that serve applications, on one port and one store; default one for each CPU. With 1 there is no other. */
    workers: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_WORKERS })),
    /**
     * `backlog`: keys that may wait for their announcement before Create is refused; default 1,000,000. `keysPerTenant`:
     * keys that one tenant may have here before its Create is refused; default 1,000,000. `keyMemoryBytes`: locked memory
     * for L4 keys that are kept open, of each worker, least recently used out first; default 16 MiB. `connectionsPerIdentity`: at once,
     * dealt out to the workers in equal shares; default 512.
     */
    limits: Type.Object(
      {
        backlog: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000 })),
        keysPerTenant: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000 })),
        keyMemoryBytes: Type.Optional(Type.Integer({ minimum: 65_536, maximum: MAX_SECRET_MEMORY_BYTES })),
        connectionsPerIdentity: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_CONNECTIONS })),
      },
      closed,
    ),
    /**
     * `whenFull`: what happens to a Get or Create whose entry in the audit trail has no room, because the core has been away,
     * or the store out of order, for too long: it is refused (default), or goes on and the lost entry is counted, logged
     * and told of later. `maxWaiting`: events that wait for the core before that; default 2,000,000.
     */
    audit: Type.Optional(
      Type.Object(
        {
          whenFull: Type.Optional(Type.Union([Type.Literal('refuse'), Type.Literal('drop')])),
          maxWaiting: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000 })),
        },
        closed,
      ),
    ),
    /** Off: all requests take the general path, at a fraction of the speed. For measurement and diagnosis. Default: on. */
    hotPath: Type.Optional(Type.Union([Type.Literal('on'), Type.Literal('off')])),
    /** `allowWeak`: also serve weak algorithms, for data that is there already; the cores have the same switch. */
    cryptography: Type.Optional(Type.Object({ allowWeak: Type.Boolean({ default: false }) }, closed)),
    log: Type.Object({ level: Level }, closed),
  },
  closed,
);
export type GatewayConfig = Static<typeof GatewayConfig>;
