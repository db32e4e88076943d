/**
 * A region for tests: Orbital's real operator over a real broker and database, with a keychain in memory that keeps
 * the rules of links (D1): closed epochs stay closed, L2 opens only by the secret under which it stands, and a rotation
 * needs an epoch that lives.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  type AuditHead,
  type Identity,
  identityState,
  issuerState,
  type JobKind,
  type JobPayload,
  type JobResult,
  keysState,
  type ManifestClass,
  type ManifestItem,
  manifestClasses,
  manifestDigest,
  parseRegionId,
  parseTenantId,
  REGION_CHAIN,
  type RegionReport,
  regionLog,
  SERVICE_HELD,
  type Sealed,
  serviceKey,
  type TaskErrorCode,
  taskErrors,
  tenantWord,
} from '../contracts/index.ts';
import { generateHpkeKeyPair, type HpkeKeyPair, openLinkSecret, SealingError } from '../contracts/sealing.ts';
import {
  adoptKeys,
  connectTransport,
  createOperator,
  ExchangeableSigner,
  type HandlerOutcome,
  type JsonValue,
  type KnownKey,
  type Operator,
  orbitalOperatorMigrations,
  publicPemOf,
  type TaskContext,
  type TaskHandler,
  type Transport,
  trustedOf,
} from '../orbital/index.ts';
import { signCheckpoint } from '../platform/chain-checkpoints.ts';
import { createLogger } from '../platform/log.ts';
import { createDatabase, createPool, migrate } from '../platform/postgres.ts';
import { TestKeys } from './test-keys.ts';

// biome-ignore lint/complexity/noBannedTypes: a region of these tests has no tables of its own
type NoTables = {};

interface Tenant {
  /** Under which epoch's secret L2 stands; epoch 0 is the regional secret alone. */
  standsOn: { epoch: number; secret: string };
  open: number;
  closed: number;
  expiresAt: string;
  epochKeys: Map<number, HpkeKeyPair>;
  keys: TestKeys;
}

export interface TestRegion {
  readonly name: string;
  readonly keyId: string;
  readonly publicKeyPem: string;
  readonly tenants: Map<string, Tenant>;
  readonly identities: Map<string, JsonValue>;
  /** Certificates of issuers, by fingerprint. */
  readonly issuers: Map<string, string>;
  /** Kinds in the order in which they were applied. */
  readonly applied: readonly string[];
  /** Whether LINK_PREPARE says which epoch L2 stands on; an older core does not. */
  saysWhatL2StandsOn: boolean;
  /** Such a task is answered with this instead; undefined lets it through. */
  interfere: ((kind: JobKind, payload: JsonValue) => HandlerOutcome | undefined) | undefined;
  /** The same, after the task has been applied: as if the region's own answer had been lost. */
  answerInstead: ((kind: JobKind, payload: JsonValue) => HandlerOutcome | undefined) | undefined;
  /** Who is cut off by a drill, by `tenant` or `tenant/service`. */
  readonly cuts: ReadonlyMap<string, { readonly drill: string; readonly untilMs: number }>;
  /** What the region says of who uses a tenant's keys. */
  use: JobResult<'USE_INSPECT'>;
  /** By which the region signs: a test may exchange it. */
  readonly signer: ExchangeableSigner;
  /** Keys that REGION_KEY_MAKE has made, by name. */
  readonly ownKeys: ReadonlyMap<string, KeyObject>;
  /** The keys of governance that it knows. */
  readonly knownKeys: readonly KnownKey[];
  readonly transport: Transport;
  /** Every link secret that was opened here, in hexadecimal. */
  readonly secrets: readonly string[];
  report(change?: Partial<RegionReport>): Promise<void>;
  /** A report of whatever shape, signed. */
  say(report: unknown): Promise<void>;
  /** All that the region holds, in the order of a manifest. */
  holds(of: ManifestClass): ManifestItem[];
  /** Tells it, a page of each class. */
  tellManifest(): Promise<void>;
  /** The head of a trail, as this region signs it. */
  signTrail(sequence: number, hash: string): AuditHead;
  stop(): Promise<void>;
}

export interface TestRegionOptions {
  readonly name: string;
  readonly databaseUrl: string;
  readonly brokerUrl: string;
  readonly governanceKey: { readonly keyId: string; readonly publicKey: KeyObject };
}

const refused = (code: TaskErrorCode): HandlerOutcome => ({
  failed: { code, message: taskErrors[code].meaning, retryable: taskErrors[code].retryable },
});
const targetOf = (tenant: string, service: string | undefined): string =>
  service === undefined ? tenant : `${tenant}/${service}`;
const done = (result: object): HandlerOutcome => ({ done: result as JsonValue });

export async function startTestRegion(options: TestRegionOptions): Promise<TestRegion> {
  const { name } = options;
  const signing = generateKeyPairSync('ed25519');
  const keyId = `region:${name}`;
  const logger = createLogger({ name, level: 'silent' });
  const db = createDatabase<NoTables>(
    createPool({ url: options.databaseUrl, applicationName: name, max: 16 }),
  );
  await migrate(db, orbitalOperatorMigrations, { table: 'orbital_migrations' });
  const transport: Transport = await connectTransport(options.brokerUrl, { plane: 'region', region: name });
  const tenants = new Map<string, Tenant>();
  const identities = new Map<string, JsonValue>();
  const issuers = new Map<string, string>();
  /** Of tenants that are not there. */
  const closures = new Map<string, number>();
  const applied: string[] = [];
  const secrets: string[] = [];
  const cuts = new Map<string, { drill: string; untilMs: number }>();
  const signer = new ExchangeableSigner({ keyId, privateKey: signing.privateKey });
  const ownKeys = new Map<string, KeyObject>([[keyId, signing.privateKey]]);
  const { governanceKey } = options;
  let knownKeys: readonly KnownKey[] = [
    {
      keyId: governanceKey.keyId,
      publicKey: governanceKey.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      state: 'trusted',
    },
  ];

  const on =
    <K extends JobKind>(
      kind: K,
      handle: (
        payload: JobPayload<K>,
        context: TaskContext<NoTables>,
      ) => Promise<HandlerOutcome> | HandlerOutcome,
    ): TaskHandler<NoTables> =>
    async (payload, context) => {
      const interfered = region.interfere?.(kind, payload);
      if (interfered !== undefined) return interfered;
      const outcome = await handle(payload as unknown as JobPayload<K>, context);
      if ('done' in outcome) applied.push(kind);
      return region.answerInstead?.(kind, payload) ?? outcome;
    };
  /** Undefined when it does not open. */
  const opened = async (
    { tenant, epoch }: { tenant: string; epoch: number },
    job: string,
    sealed: Sealed,
    purpose: 'fresh' | 'previous',
  ): Promise<string | undefined> => {
    const key = tenants.get(tenant)?.epochKeys.get(epoch);
    if (key === undefined) throw new Error('no key');
    const context = { tenant: parseTenantId(tenant), region: parseRegionId(name), epoch, purpose, job };
    try {
      const secret = Buffer.from(await openLinkSecret(key.privateKey, sealed, context)).toString('hex');
      secrets.push(secret);
      return secret;
    } catch (error) {
      if (error instanceof SealingError) return undefined;
      throw error;
    }
  };
  /** What LINK and ROTATE_LINK refuse alike; undefined lets them go on. */
  const refusedEpoch = (known: Tenant, epoch: number, expiresAt: string): HandlerOutcome | undefined => {
    if (epoch <= known.closed || epoch < known.open) return refused('EPOCH_CLOSED');
    if (!known.epochKeys.has(epoch)) return refused('EPOCH_UNKNOWN');
    return Date.parse(expiresAt) <= Date.now() ? refused('LINK_EXPIRED') : undefined;
  };
  const open = (known: Tenant, epoch: number, secret: string, expiresAt: string): HandlerOutcome => {
    known.closed = Math.max(known.closed, known.open);
    known.standsOn = { epoch, secret };
    known.open = epoch;
    known.expiresAt = expiresAt;
    return done({ epoch, expiresAt, l2Version: known.keys.l2.active.version });
  };
  const living = (known: Tenant): TaskErrorCode | undefined =>
    known.open > 0 && Date.parse(known.expiresAt) > Date.now()
      ? undefined
      : known.open > 0
        ? 'LINK_EXPIRED'
        : 'LINK_CLOSED';
  /** L2 can be opened: by its link, or by the regional secret alone as long as there has never been one. */
  const usable = (known: Tenant): TaskErrorCode | undefined =>
    known.open === 0 && known.closed === 0 ? undefined : living(known);

  /** For what needs the key itself: a tenant whose link is closed has none that anybody could use. */
  const withKey = (
    { tenant, service }: { tenant: string; service?: string },
    work: (known: Tenant, key: TestKeys['l2']) => HandlerOutcome,
  ): HandlerOutcome => {
    const known = tenants.get(tenant);
    if (known === undefined) return refused('TENANT_UNKNOWN');
    const key = known.keys.find(service);
    if (key === undefined) return refused('SERVICE_UNKNOWN');
    const dead = usable(known);
    return dead === undefined ? work(known, key) : refused(dead);
  };

  const handlers: Partial<Record<JobKind, TaskHandler<NoTables>>> = {
    TENANT_PROVISION: on('TENANT_PROVISION', ({ tenant }) => {
      if (!tenants.has(tenant))
        tenants.set(tenant, {
          standsOn: { epoch: 0, secret: '' },
          open: 0,
          closed: closures.get(tenant) ?? 0,
          expiresAt: '',
          epochKeys: new Map(),
          keys: new TestKeys(),
        });
      return { done: { l2Version: 1 } };
    }),
    SERVICE_PROVISION: on('SERVICE_PROVISION', ({ tenant, service }) => {
      const known = tenants.get(tenant);
      return known === undefined
        ? refused('TENANT_UNKNOWN')
        : { done: { l3Version: known.keys.provision(service) } };
    }),
    LINK_PREPARE: on('LINK_PREPARE', async ({ tenant, epoch }) => {
      const known = tenants.get(tenant);
      if (known === undefined) return refused('TENANT_UNKNOWN');
      if (epoch <= known.closed) return refused('EPOCH_CLOSED');
      const key = known.epochKeys.get(epoch) ?? (await generateHpkeKeyPair());
      known.epochKeys.set(epoch, key);
      const standsOn = region.saysWhatL2StandsOn ? { standsOnEpoch: known.standsOn.epoch } : {};
      return { done: { epoch, publicKey: Buffer.from(key.publicKey).toString('base64url'), ...standsOn } };
    }),
    LINK: on('LINK', async (payload, { jobId }) => {
      const { tenant, epoch, secret, previous, expiresAt } = payload;
      const known = tenants.get(tenant);
      if (known === undefined) return refused('TENANT_UNKNOWN');
      const refusal = refusedEpoch(known, epoch, expiresAt);
      if (refusal !== undefined) return refusal;
      const fresh = await opened(payload, jobId, secret, 'fresh');
      const old = previous === undefined ? '' : await opened(payload, jobId, previous.secret, 'previous');
      if (
        fresh === undefined ||
        (previous?.epoch ?? 0) !== known.standsOn.epoch ||
        old !== known.standsOn.secret
      )
        return refused('SECRET_REJECTED');
      return open(known, epoch, fresh, expiresAt);
    }),
    ROTATE_LINK: on('ROTATE_LINK', async (payload, { jobId }) => {
      const { tenant, epoch, secret, expiresAt } = payload;
      const known = tenants.get(tenant);
      if (known === undefined) return refused('TENANT_UNKNOWN');
      if (epoch === known.open)
        return done({ epoch, expiresAt: known.expiresAt, l2Version: known.keys.l2.active.version });
      const refusal = refusedEpoch(known, epoch, expiresAt);
      if (refusal !== undefined) return refusal;
      const dead = living(known);
      if (dead !== undefined) return refused(dead);
      const fresh = await opened(payload, jobId, secret, 'fresh');
      return fresh === undefined ? refused('SECRET_REJECTED') : open(known, epoch, fresh, expiresAt);
    }),
    RENEW: on('RENEW', ({ tenant, epoch, expiresAt }) => {
      const known = tenants.get(tenant);
      if (known === undefined || known.open !== epoch) return refused('EPOCH_CLOSED');
      known.expiresAt = expiresAt;
      return { done: { epoch, expiresAt } };
    }),
    UNLINK: on('UNLINK', ({ tenant, epoch }) => {
      const known = tenants.get(tenant);
      if (known === undefined) closures.set(tenant, Math.max(epoch, closures.get(tenant) ?? 0));
      else {
        known.closed = Math.max(known.closed, epoch);
        if (known.open <= epoch) known.open = 0;
        for (const older of [...known.epochKeys.keys()]) if (older <= epoch) known.epochKeys.delete(older);
      }
      return { done: { epoch, closedAt: new Date().toISOString(), gatewaysTold: 1 } };
    }),
    KEY_ROTATE: on('KEY_ROTATE', (payload) =>
      withKey(payload, ({ keys }, key) => ({ done: { version: keys.rotate(key) } })),
    ),
    KEY_COMPROMISE: on('KEY_COMPROMISE', (payload) =>
      withKey(payload, ({ keys }, key) => ({ done: { version: keys.compromise(key) } })),
    ),
    ROTATION_POLICY: on('ROTATION_POLICY', ({ tenant, service, rotateAfterSeconds }) => {
      const known = tenants.get(tenant);
      if (known === undefined) return refused('TENANT_UNKNOWN');
      const key = known.keys.find(service);
      return key === undefined ? refused('SERVICE_UNKNOWN') : done(key.setPolicy(rotateAfterSeconds));
    }),
    KEY_INSPECT: on('KEY_INSPECT', ({ tenant }) => {
      const known = tenants.get(tenant);
      return known === undefined ? refused('TENANT_UNKNOWN') : done(known.keys.inventory());
    }),
    KEY_DESTROY: on('KEY_DESTROY', (payload) =>
      withKey(payload, ({ keys }, key) => {
        const refusal = keys.destroy(key, payload.version, payload.dependents);
        return refusal === undefined ? { done: { version: payload.version } } : refused(refusal);
      }),
    ),
    USE_INSPECT: on('USE_INSPECT', ({ tenant }) =>
      tenants.has(tenant) ? done(region.use) : refused('TENANT_UNKNOWN'),
    ),
    DRILL_CUT: on('DRILL_CUT', ({ drill, tenant, service, until }) => {
      const known = tenants.get(tenant);
      if (known === undefined) return refused('TENANT_UNKNOWN');
      if (service !== undefined && known.keys.find(service) === undefined) return refused('SERVICE_UNKNOWN');
      const untilMs = Date.parse(until);
      if (untilMs <= Date.now()) return refused('CUT_OVER');
      cuts.set(targetOf(tenant, service), { drill, untilMs });
      const cutAt = new Date().toISOString();
      return done({ cutAt, tookMs: 3, gatewaysTold: 1, untold: [], leasesEndBy: until });
    }),
    DRILL_RESTORE: on('DRILL_RESTORE', ({ drill, tenant, service }) => {
      const target = targetOf(tenant, service);
      const cut = cuts.get(target);
      const heldUntilNow = cut?.drill === drill && cut.untilMs > Date.now();
      if (cut?.drill === drill) cuts.delete(target);
      const restoredAt = new Date().toISOString();
      return done({ restoredAt, tookMs: 3, gatewaysTold: 1, untold: [], heldUntilNow });
    }),
    IDENTITY_PUT: on('IDENTITY_PUT', ({ identity }) => {
      identities.set(identity.fingerprint, identity as unknown as JsonValue);
      return { done: { fingerprint: identity.fingerprint } };
    }),
    IDENTITY_REMOVE: on('IDENTITY_REMOVE', ({ fingerprint }) => {
      identities.delete(fingerprint);
      return { done: { fingerprint } };
    }),
    ISSUER_PUT: on('ISSUER_PUT', ({ fingerprint, certificate }) => {
      issuers.set(fingerprint, certificate);
      return { done: { fingerprint } };
    }),
    GOVERNANCE_KEYS: on('GOVERNANCE_KEYS', ({ keys }, { signedBy }) => {
      const adopted = adoptKeys(knownKeys, keys, signedBy);
      if (!adopted.ok) return refused(adopted.why === 'SIGNER_MISSING' ? adopted.why : 'SIGNING_KEY_REFUSED');
      knownKeys = adopted.keys;
      return done({ trusted: trustedOf(knownKeys).map((key) => key.keyId) });
    }),
    REGION_KEY_MAKE: on('REGION_KEY_MAKE', ({ keyId: name }) => {
      const made = ownKeys.get(name) ?? generateKeyPairSync('ed25519').privateKey;
      ownKeys.set(name, made);
      return done({ keyId: name, publicKey: publicPemOf(made) });
    }),
    REGION_KEY_USE: on('REGION_KEY_USE', ({ keyId: name }) => {
      const privateKey = ownKeys.get(name);
      if (privateKey === undefined) return refused('SIGNING_KEY_UNKNOWN');
      signer.use({ keyId: name, privateKey });
      return done({ keyId: name });
    }),
    MANIFEST_READ: on('MANIFEST_READ', ({ class: of, after = '', upTo }) => {
      const items = region.holds(of).filter(({ key }) => key > after && (upTo === undefined || key <= upTo));
      return done({ items });
    }),
  };
  const operator: Operator = createOperator<NoTables>({
    db,
    transport,
    region: name,
    trustedKeys: async () => trustedOf(knownKeys),
    signer,
    handlers,
    logger,
  });
  const region: TestRegion = {
    name,
    keyId,
    publicKeyPem: signing.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    tenants,
    identities,
    issuers,
    applied,
    secrets,
    cuts,
    signer,
    ownKeys,
    get knownKeys() {
      return knownKeys;
    },
    transport,
    use: { gateways: [], applications: [], omitted: 0 },
    saysWhatL2StandsOn: true,
    interfere: undefined,
    answerInstead: undefined,
    signTrail(sequence, hash) {
      const said = { log: regionLog(name), chain: REGION_CHAIN, sequence, hash };
      const {
        log: _log,
        chain: _chain,
        ...head
      } = signCheckpoint({ keyId, privateKey: signing.privateKey }, said);
      return head;
    },
    async report(change = {}) {
      const now = new Date().toISOString();
      const report: RegionReport = {
        region: name,
        at: now,
        core: { instance: 'core-1', startedAt: now, seal: 'unsealed', sealKind: 'test' },
        gateways: [],
        links: [],
        ...change,
      };
      await operator.sendReport(report as unknown as JsonValue);
    },
    say: (report) => operator.sendReport(report as JsonValue),
    holds(of) {
      const items: ManifestItem[] = [];
      for (const [tenant, { open: openEpoch, closed, keys }] of tenants) {
        if (of === 'tenant')
          items.push({ key: tenant, state: tenantWord({ hasKeys: true, open: openEpoch, closed }) });
        if (of === 'key')
          items.push({ key: tenant, state: keysState(keys.l2.versions.length, keys.l2.versions) });
        if (of === 'service')
          for (const service of keys.services.keys())
            items.push({ key: serviceKey(tenant, service), state: SERVICE_HELD });
      }
      if (of === 'tenant')
        for (const [key, closed] of closures)
          if (!tenants.has(key)) items.push({ key, state: tenantWord({ hasKeys: false, open: 0, closed }) });
      if (of === 'identity')
        for (const [key, identity] of identities)
          items.push({ key, state: identityState(identity as unknown as Identity) });
      if (of === 'issuer')
        for (const [key, certificate] of issuers) items.push({ key, state: issuerState(certificate) });
      return items.sort((a, b) => (a.key < b.key ? -1 : 1));
    },
    async tellManifest() {
      const pages = manifestClasses.map((of) => {
        const items = region.holds(of);
        return { class: of, items: items.length, digest: manifestDigest(items) };
      });
      await region.say({ kind: 'manifest', region: name, pages });
    },
    async stop() {
      await operator.stop();
      await transport.close();
      await db.destroy();
    },
  };
  await operator.start();
  return region;
}
