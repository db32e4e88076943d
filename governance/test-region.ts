/**
 * A region for tests: Orbital's real operator over a real broker and database, with a keychain in memory that keeps
 * the rules of links (D1): closed epochs stay closed, and L2 opens only by the secret under which it stands.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  type JobKind,
  type JobPayload,
  parseRegionId,
  parseTenantId,
  type RegionReport,
  type Sealed,
} from '../contracts/index.ts';
import { generateHpkeKeyPair, type HpkeKeyPair, openLinkSecret } from '../contracts/sealing.ts';
import {
  connectTransport,
  createOperator,
  type HandlerOutcome,
  type JsonValue,
  type Operator,
  orbitalOperatorMigrations,
  type TaskContext,
  type TaskHandler,
  type Transport,
} from '../orbital/index.ts';
import { createLogger } from '../platform/log.ts';
import { createDatabase, createPool, migrate } from '../platform/postgres.ts';

// biome-ignore lint/complexity/noBannedTypes: a region of these tests has no tables of its own
type NoTables = {};

interface Tenant {
  /** Under which epoch's secret L2 stands; epoch 0 is the regional secret alone. */
  standsOn: { epoch: number; secret: string };
  open: number;
  closed: number;
  expiresAt: string;
  keys: Map<number, HpkeKeyPair>;
}

export interface TestRegion {
  readonly name: string;
  readonly keyId: string;
  readonly publicKeyPem: string;
  readonly tenants: ReadonlyMap<string, Tenant>;
  readonly identities: ReadonlyMap<string, JsonValue>;
  /** Kinds in the order in which they were applied. */
  readonly applied: readonly string[];
  /** Whether LINK_PREPARE says which epoch L2 stands on; an older core does not. */
  saysWhatL2StandsOn: boolean;
  /** Such a task is answered with this instead; undefined lets it through. */
  interfere: ((kind: JobKind, payload: JsonValue) => HandlerOutcome | undefined) | undefined;
  /** The same, after the task has been applied: as if the region's own answer had been lost. */
  answerInstead: ((kind: JobKind, payload: JsonValue) => HandlerOutcome | undefined) | undefined;
  /** Every link secret that was opened here, in hexadecimal. */
  readonly secrets: readonly string[];
  report(change?: Partial<RegionReport>): Promise<void>;
  stop(): Promise<void>;
}

export interface TestRegionOptions {
  readonly name: string;
  readonly databaseUrl: string;
  readonly brokerUrl: string;
  readonly governanceKey: { readonly keyId: string; readonly publicKey: KeyObject };
}

const failure = (code: string, retryable: boolean): HandlerOutcome => ({
  failed: { code, message: code, retryable },
});

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
  const applied: string[] = [];
  const secrets: string[] = [];

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
  const opened = async (
    { tenant, epoch }: JobPayload<'LINK'>,
    job: string,
    sealed: Sealed,
    purpose: 'fresh' | 'previous',
  ) => {
    const key = tenants.get(tenant)?.keys.get(epoch);
    if (key === undefined) throw new Error('no key');
    const context = { tenant: parseTenantId(tenant), region: parseRegionId(name), epoch, purpose, job };
    const secret = Buffer.from(await openLinkSecret(key.privateKey, sealed, context)).toString('hex');
    secrets.push(secret);
    return secret;
  };

  const handlers: Partial<Record<JobKind, TaskHandler<NoTables>>> = {
    TENANT_PROVISION: on('TENANT_PROVISION', ({ tenant }) => {
      if (!tenants.has(tenant))
        tenants.set(tenant, {
          standsOn: { epoch: 0, secret: '' },
          open: 0,
          closed: 0,
          expiresAt: '',
          keys: new Map(),
        });
      return { done: { l2Version: 1 } };
    }),
    SERVICE_PROVISION: on('SERVICE_PROVISION', ({ tenant }) =>
      tenants.has(tenant) ? { done: { l3Version: 1 } } : failure('TENANT_UNKNOWN', true),
    ),
    LINK_PREPARE: on('LINK_PREPARE', async ({ tenant, epoch }) => {
      const known = tenants.get(tenant);
      if (known === undefined) return failure('TENANT_UNKNOWN', true);
      if (epoch <= known.closed) return failure('EPOCH_CLOSED', false);
      const key = known.keys.get(epoch) ?? (await generateHpkeKeyPair());
      known.keys.set(epoch, key);
      const standsOn = region.saysWhatL2StandsOn ? { standsOnEpoch: known.standsOn.epoch } : {};
      return { done: { epoch, publicKey: Buffer.from(key.publicKey).toString('base64url'), ...standsOn } };
    }),
    LINK: on('LINK', async (payload, { jobId }) => {
      const { tenant, epoch, secret, previous, expiresAt } = payload;
      const known = tenants.get(tenant);
      if (known === undefined) return failure('TENANT_UNKNOWN', true);
      if (epoch <= known.closed || epoch < known.open) return failure('EPOCH_CLOSED', false);
      const fresh = await opened(payload, jobId, secret, 'fresh');
      const old = previous === undefined ? '' : await opened(payload, jobId, previous.secret, 'previous');
      if ((previous?.epoch ?? 0) !== known.standsOn.epoch || old !== known.standsOn.secret)
        return failure('SECRET_REJECTED', false);
      known.standsOn = { epoch, secret: fresh };
      known.open = epoch;
      known.expiresAt = expiresAt;
      return { done: { epoch, expiresAt, l2Version: 1 } };
    }),
    RENEW: on('RENEW', ({ tenant, epoch, expiresAt }) => {
      const known = tenants.get(tenant);
      if (known === undefined || known.open !== epoch) return failure('EPOCH_CLOSED', false);
      known.expiresAt = expiresAt;
      return { done: { epoch, expiresAt } };
    }),
    UNLINK: on('UNLINK', ({ tenant, epoch }) => {
      const known = tenants.get(tenant);
      if (known !== undefined) {
        known.closed = Math.max(known.closed, epoch);
        known.open = 0;
        known.keys.clear();
      }
      return { done: { epoch, closedAt: new Date().toISOString(), gatewaysTold: 1 } };
    }),
    IDENTITY_PUT: on('IDENTITY_PUT', ({ identity }) => {
      identities.set(identity.fingerprint, identity as unknown as JsonValue);
      return { done: { fingerprint: identity.fingerprint } };
    }),
    IDENTITY_REMOVE: on('IDENTITY_REMOVE', ({ fingerprint }) => {
      identities.delete(fingerprint);
      return { done: { fingerprint } };
    }),
    ISSUER_PUT: on('ISSUER_PUT', ({ fingerprint }) => {
      identities.set(fingerprint, 'issuer');
      return { done: { fingerprint } };
    }),
  };
  const operator: Operator = createOperator<NoTables>({
    db,
    transport,
    region: name,
    trustedKeys: [options.governanceKey],
    signer: { keyId, privateKey: signing.privateKey },
    handlers,
    logger,
  });
  const region: TestRegion = {
    name,
    keyId,
    publicKeyPem: signing.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    tenants,
    identities,
    applied,
    secrets,
    saysWhatL2StandsOn: true,
    interfere: undefined,
    answerInstead: undefined,
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
    async stop() {
      await operator.stop();
      await transport.close();
      await db.destroy();
    },
  };
  await operator.start();
  return region;
}
