/**
 * What governance may ask of a region, and what a region answers. These schemas are the only meaning the two
 * planes share (split record, "Authorization & Boundary Enforcement"): jobs travel one way, status the other.
 * Byte strings are base64url without padding; instants are RFC 3339 in UTC with milliseconds.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { Instant } from './instant.ts';
import { MAX_MANIFEST_ITEMS, ManifestItem, ManifestKey, manifestRange } from './manifest.ts';

const Tenant = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' });
const Service = Tenant;
const Fingerprint = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Bytes = (maxBytes: number) =>
  Type.String({ pattern: '^[A-Za-z0-9_-]*$', maxLength: Math.ceil((maxBytes * 4) / 3) });
/** Epochs start at 1 and never come back (D1). */
const MAX_EPOCH = 2 ** 31 - 1;
const Epoch = Type.Integer({ minimum: 1, maximum: MAX_EPOCH });
const Pem = Type.String({ minLength: 1, maxLength: 16_384 });
const closed = { additionalProperties: false } as const;

/** HPKE output (RFC 9180): the encapsulated key and the ciphertext of a 32-byte link secret. */
const Sealed = Type.Object({ enc: Bytes(2048), ct: Bytes(256) }, closed);
export type Sealed = Static<typeof Sealed>;

/** What an application's certificate may do; `operations` absent means every operation its role allows. */
const Identity = Type.Object(
  {
    fingerprint: Fingerprint,
    role: Type.Union([Type.Literal('application'), Type.Literal('gateway'), Type.Literal('operator')]),
    name: Type.String({ minLength: 1, maxLength: 128 }),
    tenant: Type.Optional(Tenant),
    services: Type.Optional(Type.Array(Service, { maxItems: 64 })),
    operations: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })),
  },
  closed,
);
export type Identity = Static<typeof Identity>;

const SigningKeyId = Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' });
/** Ed25519, SubjectPublicKeyInfo PEM. */
const SigningKey = Type.Object(
  { keyId: SigningKeyId, publicKey: Type.String({ minLength: 1, maxLength: 1024 }) },
  closed,
);
/** Keys by which one side may sign at a time: two while one takes over from the other, and room for an emergency amid that. */
export const MAX_SIGNING_KEYS = 4;

const Version = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 });
const Reason = Type.String({ maxLength: 256 });
/** Ten years. */
export const MAX_ROTATE_AFTER_S = 315_360_000;
/** Versions that an inventory names one by one: the youngest. */
export const MAX_INVENTORY_VERSIONS = 64;

/** KMIP 1.4 §3.22, NIST SP 800-57 part 1 §7. */
export const keyStates = [
  'pre-active',
  'active',
  'deactivated',
  'compromised',
  'destroyed',
  'destroyed-compromised',
] as const;
export type KeyState = (typeof keyStates)[number];

const KeyInventory = Type.Object(
  {
    /** All that are not destroyed; `versions` may name fewer. */
    living: Type.Integer({ minimum: 0 }),
    versions: Type.Array(
      Type.Object(
        {
          version: Version,
          state: Type.Enum([...keyStates]),
          createdAt: Instant,
          /** Of an L2: versions of L3 under it. Of an L3: objects that the core knows under it. */
          dependents: Type.Integer({ minimum: 0 }),
        },
        closed,
      ),
      { maxItems: MAX_INVENTORY_VERSIONS },
    ),
    rotateAfterSeconds: Type.Integer({ minimum: 0 }),
    nextRotationAt: Type.Optional(Instant),
  },
  closed,
);
export type KeyInventory = Static<typeof KeyInventory>;
const ServiceInventory = Type.Object({ service: Service, l3: KeyInventory }, closed);

const GatewayName = Type.String({ maxLength: 128 });
/** A gateway that holds service keys of the tenant, as it told with its heartbeats. */
const GatewayUse = Type.Object(
  {
    name: GatewayName,
    /** Heard of a moment ago: what it holds is renewed each second, and ends with one push. */
    connected: Type.Boolean(),
    lastSeenAt: Instant,
    /** Should it hear nothing from the core any more: when its leases end at the latest, and the grace behind them. */
    leasesEndBy: Instant,
    graceEndsBy: Instant,
    leases: Type.Array(
      Type.Object(
        {
          service: Service,
          /** Absent where the gateway does not say: the key was not used since it was leased, or nobody counts. */
          lastUsedAt: Type.Optional(Instant),
        },
        closed,
      ),
      { maxItems: 256 },
    ),
  },
  closed,
);
export type GatewayUse = Static<typeof GatewayUse>;
/** Of the last events in the region's trail that name the application's key; one that asks only for Encrypt leaves none. */
const ApplicationUse = Type.Object({ fingerprint: Fingerprint, lastSeenAt: Instant }, closed);

/** Identifies one drill, so that the end of an older one ends no other. */
const Drill = Type.String({ pattern: '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });
/** The longest time for which a region cuts anybody off, whatever it is asked. */
export const MAX_CUT_MS = 4 * 3_600_000 + 60_000;
/** What gateways made of it. */
const drillOutcome = {
  /** From the job's beginning until the last connected gateway had acknowledged, or was waited for no longer. */
  tookMs: Type.Integer({ minimum: 0 }),
  gatewaysTold: Type.Integer({ minimum: 0 }),
  /** Gateways that hold keys of the target, or are connected, and have not acknowledged. */
  untold: Type.Array(GatewayName, { maxItems: 256 }),
};

export const jobs = {
  /** Create the tenant's regional secret and first L2. Result: the active L2 version. */
  TENANT_PROVISION: {
    payload: Type.Object({ tenant: Tenant }, closed),
    result: Type.Object({ l2Version: Type.Integer({ minimum: 1 }) }, closed),
  },
  /** Create the service's first L3. Result: the active L3 version. */
  SERVICE_PROVISION: {
    payload: Type.Object({ tenant: Tenant, service: Service }, closed),
    result: Type.Object({ l3Version: Type.Integer({ minimum: 1 }) }, closed),
  },
  /**
   * Make the HPKE key pair of an epoch; its public half comes back, the private half never leaves (D1).
   * `standsOnEpoch` is the epoch whose secret the LINK must carry as `previous`; 0: none.
   */
  LINK_PREPARE: {
    payload: Type.Object({ tenant: Tenant, epoch: Epoch }, closed),
    result: Type.Object(
      {
        epoch: Epoch,
        publicKey: Bytes(2048),
        standsOnEpoch: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_EPOCH })),
      },
      closed,
    ),
  },
  /**
   * Open a signed epoch. `secret` is the fresh link secret; `previous` carries the last epoch's once more, so
   * that L2 can be opened and wrapped anew. `expiresAt` is absolute: time of proof + TTL, never counted from receipt.
   */
  LINK: {
    payload: Type.Object(
      {
        tenant: Tenant,
        epoch: Epoch,
        provedAt: Instant,
        expiresAt: Instant,
        secret: Sealed,
        previous: Type.Optional(Type.Object({ epoch: Epoch, secret: Sealed }, closed)),
      },
      closed,
    ),
    result: Type.Object(
      { epoch: Epoch, expiresAt: Instant, l2Version: Type.Integer({ minimum: 1 }) },
      closed,
    ),
  },
  /**
   * Open a newer epoch while the last one lives: a fresh link secret, L2 wrapped anew, the old epoch closed. It carries
   * no older secret, since the region still holds one; where it does not, the answer is LINK_CLOSED: a rotation
   * never brings a closed link back.
   */
  ROTATE_LINK: {
    payload: Type.Object(
      { tenant: Tenant, epoch: Epoch, provedAt: Instant, expiresAt: Instant, secret: Sealed },
      closed,
    ),
    result: Type.Object({ epoch: Epoch, expiresAt: Instant, l2Version: Version }, closed),
  },
  /** The L1 was proved afresh: carry the epoch to a later expiry. */
  RENEW: {
    payload: Type.Object({ tenant: Tenant, epoch: Epoch, provedAt: Instant, expiresAt: Instant }, closed),
    result: Type.Object({ epoch: Epoch, expiresAt: Instant }, closed),
  },
  /** Close the epoch for ever, then zeroise. Overtakes and cancels every older job of its entity; has no deadline. */
  UNLINK: {
    payload: Type.Object({ tenant: Tenant, epoch: Epoch, reason: Type.String({ maxLength: 256 }) }, closed),
    result: Type.Object(
      { epoch: Epoch, closedAt: Instant, gatewaysTold: Type.Integer({ minimum: 0 }) },
      closed,
    ),
  },
  /**
   * A new active version of the tenant's L2 or, with `service`, of that service's L3; the version before it only
   * decrypts from then on. Result: the new version.
   */
  KEY_ROTATE: {
    payload: Type.Object({ tenant: Tenant, service: Type.Optional(Service) }, closed),
    result: Type.Object({ version: Version }, closed),
  },
  /**
   * Emergency rotation: as KEY_ROTATE, but every older version is Compromised from then on (NIST SP 800-57 part 1
   * §8.3.5) and every gateway drops what it holds. Of an L2 it takes all the tenant's L3 with it: who had that L2 may have
   * had them too.
   */
  KEY_COMPROMISE: {
    payload: Type.Object({ tenant: Tenant, service: Type.Optional(Service), reason: Reason }, closed),
    result: Type.Object({ version: Version }, closed),
  },
  /** What the region does by itself: a new version this long after the last. 0: never; absent: the region's default. */
  ROTATION_POLICY: {
    payload: Type.Object(
      {
        tenant: Tenant,
        service: Type.Optional(Service),
        rotateAfterSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_ROTATE_AFTER_S })),
      },
      closed,
    ),
    result: Type.Object({ nextRotationAt: Type.Optional(Instant) }, closed),
  },
  /** Numbers of a tenant's keys, never material: versions, states, what depends on each. */
  KEY_INSPECT: {
    payload: Type.Object({ tenant: Tenant }, closed),
    result: Type.Object(
      { l2: KeyInventory, services: Type.Array(ServiceInventory, { maxItems: 256 }) },
      closed,
    ),
  },
  /**
   * Destroy one version that is not active. `dependents` is the number that was told before: where something else
   * depends on the version by now, the region refuses with DEPENDENTS_CHANGED.
   */
  KEY_DESTROY: {
    payload: Type.Object(
      {
        tenant: Tenant,
        service: Type.Optional(Service),
        version: Version,
        dependents: Type.Integer({ minimum: 0 }),
        reason: Reason,
      },
      closed,
    ),
    result: Type.Object({ version: Version }, closed),
  },
  /**
   * Who would miss the tenant's keys: gateways that hold leases, when those end, when each key was last used, when
   * applications were last heard of. It reads, and changes nothing; names are left out where the answer would not fit.
   */
  USE_INSPECT: {
    payload: Type.Object({ tenant: Tenant }, closed),
    result: Type.Object(
      {
        gateways: Type.Array(GatewayUse, { maxItems: 256 }),
        applications: Type.Array(ApplicationUse, { maxItems: 1000 }),
        /** Leases, and applications, that are not named. */
        omitted: Type.Integer({ minimum: 0 }),
      },
      closed,
    ),
  },
  /**
   * A drill: until `until`, an absolute time, the region hands the service's keys (or all of the tenant's) to nobody, and
   * gateways wipe what they hold. It touches neither the link nor a key, so it is over at that time whatever becomes of
   * governance; a message that comes later is refused with CUT_OVER.
   */
  DRILL_CUT: {
    payload: Type.Object(
      { drill: Drill, tenant: Tenant, service: Type.Optional(Service), until: Instant },
      closed,
    ),
    result: Type.Object(
      {
        cutAt: Instant,
        ...drillOutcome,
        /** When leases that no push has reached end at the latest, grace included. */
        leasesEndBy: Instant,
      },
      closed,
    ),
  },
  /** Ends that drill's cut before its time; `heldUntilNow` is false where it was over already. */
  DRILL_RESTORE: {
    payload: Type.Object({ drill: Drill, tenant: Tenant, service: Type.Optional(Service) }, closed),
    result: Type.Object({ restoredAt: Instant, ...drillOutcome, heldUntilNow: Type.Boolean() }, closed),
  },
  /** Make a certificate's key known to the region. */
  IDENTITY_PUT: {
    payload: Type.Object({ identity: Identity }, closed),
    result: Type.Object({ fingerprint: Fingerprint }, closed),
  },
  IDENTITY_REMOVE: {
    payload: Type.Object({ fingerprint: Fingerprint, reason: Type.String({ maxLength: 256 }) }, closed),
    result: Type.Object({ fingerprint: Fingerprint }, closed),
  },
  /** Trust a CA as issuer of application certificates. Trust in an issuer alone lets nobody in: the key is registered too. */
  ISSUER_PUT: {
    payload: Type.Object({ fingerprint: Fingerprint, certificate: Pem }, closed),
    result: Type.Object({ fingerprint: Fingerprint }, closed),
  },
  /**
   * The keys by which governance signs from now on, and no others: what was trusted and is not named is retired for ever.
   * The key that signed this message has to be among them, so nobody locks themselves out.
   */
  GOVERNANCE_KEYS: {
    payload: Type.Object(
      { keys: Type.Array(SigningKey, { minItems: 1, maxItems: MAX_SIGNING_KEYS }) },
      closed,
    ),
    result: Type.Object(
      { trusted: Type.Array(SigningKeyId, { minItems: 1, maxItems: MAX_SIGNING_KEYS }) },
      closed,
    ),
  },
  /** Make the pair of keys by which the region will sign under that name; the private half never leaves the region. */
  REGION_KEY_MAKE: {
    payload: Type.Object({ keyId: SigningKeyId }, closed),
    result: Type.Object(SigningKey.properties, closed),
  },
  /** Sign by that key from now on. Governance knows its public half by then. */
  REGION_KEY_USE: {
    payload: Type.Object({ keyId: SigningKeyId }, closed),
    result: Type.Object({ keyId: SigningKeyId }, closed),
  },
  /**
   * What the region holds in a range of its manifest (manifest.ts), in the order of keys. It reads, and changes nothing.
   * Where there is more than fits, the answer ends with `upTo`.
   */
  MANIFEST_READ: {
    payload: Type.Object(manifestRange, closed),
    result: Type.Object(
      {
        items: Type.Array(ManifestItem, { maxItems: MAX_MANIFEST_ITEMS }),
        upTo: Type.Optional(ManifestKey),
      },
      closed,
    ),
  },
} as const satisfies Record<string, { payload: TSchema; result: TSchema }>;

export type JobKind = keyof typeof jobs;
export type JobPayload<K extends JobKind> = Static<(typeof jobs)[K]['payload']>;
export type JobResult<K extends JobKind> = Static<(typeof jobs)[K]['result']>;

export const jobKinds = Object.keys(jobs) as readonly JobKind[];

/**
 * The thing whose jobs are applied in order. A link's life is one entity, so that UNLINK can overtake and cancel
 * exactly the link jobs before it and nothing else.
 */
export function entityOf<K extends JobKind>(kind: K, payload: JobPayload<K>): string {
  const p = payload as Partial<{
    tenant: string;
    service: string;
    fingerprint: string;
    identity: Identity;
    class: string;
  }>;
  switch (kind) {
    case 'TENANT_PROVISION':
      return `tenant:${p.tenant}`;
    case 'SERVICE_PROVISION':
      return `service:${p.tenant}/${p.service}`;
    case 'LINK_PREPARE':
    case 'LINK':
    case 'ROTATE_LINK':
    case 'RENEW':
    case 'UNLINK':
      return `link:${p.tenant}`;
    case 'KEY_ROTATE':
    case 'KEY_COMPROMISE':
    case 'ROTATION_POLICY':
    case 'KEY_DESTROY':
      // Each key has an order of its own: what is asked of one waits for nothing that another has not done.
      return p.service === undefined ? `keys:${p.tenant}` : `keys:${p.tenant}/${p.service}`;
    case 'KEY_INSPECT':
      return `inventory:${p.tenant}`;
    case 'USE_INSPECT':
      return `use:${p.tenant}`;
    case 'DRILL_CUT':
    case 'DRILL_RESTORE':
      // Apart from the link: neither waits for the other, and an UNLINK cancels no drill.
      return `drill:${p.tenant}`;
    case 'MANIFEST_READ':
      return `manifest:${p.class}`;
    case 'IDENTITY_PUT':
      return `identity:${p.identity?.fingerprint}`;
    case 'IDENTITY_REMOVE':
      return `identity:${p.fingerprint}`;
    case 'GOVERNANCE_KEYS':
      return 'governance-keys';
    case 'REGION_KEY_MAKE':
    case 'REGION_KEY_USE':
      return 'region-key';
    default:
      return `issuer:${p.fingerprint}`;
  }
}

/** Lanes are separate queues: revocation never waits behind bulk work (D11). A drill takes its road, to measure it. */
export type Lane = 'urgent' | 'normal';
const URGENT: ReadonlySet<JobKind> = new Set([
  'UNLINK',
  'IDENTITY_REMOVE',
  'KEY_COMPROMISE',
  'DRILL_CUT',
  'DRILL_RESTORE',
  'GOVERNANCE_KEYS',
]);
export function laneOf(kind: JobKind): Lane {
  return URGENT.has(kind) ? 'urgent' : 'normal';
}

/** Why a region could not do a task. `retryable` ones are tried again until the task's deadline. */
export const taskErrors = {
  SEALED: { retryable: true, meaning: 'the region is sealed; unseal its MasterKey' },
  TENANT_UNKNOWN: { retryable: true, meaning: 'the tenant has not been provisioned in this region yet' },
  LINK_CLOSED: { retryable: true, meaning: 'the tenant has no living link in this region; link its L1 key' },
  EPOCH_CLOSED: { retryable: false, meaning: 'this epoch, or a later one, has been closed for ever' },
  EPOCH_UNKNOWN: {
    retryable: false,
    meaning: 'the region has no HPKE key for this epoch; prepare the link again',
  },
  LINK_EXPIRED: { retryable: false, meaning: 'the message carries an expiry that has passed' },
  SECRET_REJECTED: { retryable: false, meaning: 'the sealed link secret does not open, or does not open L2' },
  SERVICE_UNKNOWN: { retryable: true, meaning: 'the service has not been provisioned in this region yet' },
  KEY_VERSION_UNKNOWN: { retryable: false, meaning: 'the key has no such version' },
  KEY_STATE: { retryable: false, meaning: 'the version’s state does not permit this' },
  DEPENDENTS_CHANGED: {
    retryable: false,
    meaning: 'other objects depend on the version than was said; look at the inventory again',
  },
  LIMIT_REACHED: { retryable: false, meaning: 'a limit of the region is reached' },
  CUT_OVER: { retryable: false, meaning: 'the drill is over: a cut that comes late cuts nobody off' },
  SIGNING_KEY_REFUSED: {
    retryable: false,
    meaning: 'the signing keys cannot be taken over: one was retired, or stands for another',
  },
  SIGNER_MISSING: {
    retryable: true,
    meaning: 'the key that signed this is not among those that shall count; one of them has to say so',
  },
  SIGNING_KEY_UNKNOWN: { retryable: false, meaning: 'the region has no signing key of that name' },
  INVALID_PAYLOAD: { retryable: false, meaning: 'the payload does not follow its schema' },
  UNAVAILABLE: { retryable: true, meaning: 'something the region needs is away; it will be tried again' },
} as const;
export type TaskErrorCode = keyof typeof taskErrors;
