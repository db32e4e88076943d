/**
 * A region for tests: a real core over a real database, a broker inside the process, governance's signature on every
 * job, and TLS clients that act as gateways. The database and a directory are the caller's.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { entityOf, type JobKind, type JobPayload, type JobResult, laneOf } from '../../../contracts/index.ts';
import { publicPemOf, type Signer, type Transport, type TrustedKey } from '../../../orbital/index.ts';
import { signMessage, verifyMessage } from '../../../orbital/messages.ts';
import { writePrivate } from '../../../platform/config-file.ts';
import { createLogger } from '../../../platform/log.ts';
import { createCa, issue, type KeyAndCertificate } from '../../../platform/pki.ts';
import { keyFingerprint } from '../../../platform/tls-identity.ts';
import type { CoreConfig } from '../config.ts';
import { initialiseRegion } from '../init.ts';
import { type RunningCore, startCore } from '../start.ts';
import { GatewayClient } from './gateway-client.ts';

const JOB_TIMEOUT_MS = 10_000;
const REGION = 'eu-test-1';
const quiet = createLogger({ name: 'test', level: 'silent' });

export interface TestIdentity extends KeyAndCertificate {
  readonly fingerprint: string;
}

/** A job that the region refused. */
export class JobFailedError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

export class TestRegion {
  readonly config: CoreConfig;
  readonly ca: KeyAndCertificate;
  /** The latest report that the region sent. */
  report: unknown;
  /** The keys by which the region has signed last. */
  lastStatusKey: string | undefined;
  lastReportKey: string | undefined;
  #core: RunningCore | undefined;
  readonly #broker = new Broker();
  readonly #region = generateKeyPairSync('ed25519');
  /** By which jobs are signed: a test may exchange it. */
  governance: Signer = { keyId: 'cmk', privateKey: generateKeyPairSync('ed25519').privateKey };
  /** By which the region may sign, beside the key of its configuration. */
  readonly furtherKeys: TrustedKey[] = [];
  readonly #sequences = new Map<string, number>();
  readonly #clients = new Set<GatewayClient>();
  readonly #others = new Set<RunningCore>();

  private constructor(config: CoreConfig, ca: KeyAndCertificate) {
    this.config = config;
    this.ca = ca;
  }

  /** Initialised, but not started; `initialise` may change the configuration first. */
  static async create(
    databaseUrl: string,
    directory: string,
    initialise: (config: CoreConfig) => Promise<unknown> = (config) => initialiseRegion(config, quiet),
  ): Promise<TestRegion> {
    const ca = await createCa({ commonName: 'gateways of the test region', days: 2 });
    const server = await issue({
      ca,
      commonName: 'core',
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
      usages: ['server'],
      days: 1,
    });
    const path = (name: string) => join(directory, name);
    const config: CoreConfig = {
      cluster: 'test',
      region: REGION,
      instance: 'core-1',
      kmip: { host: '127.0.0.1', port: 0 },
      health: { host: '127.0.0.1', port: 0 },
      tls: { cert: path('core.pem'), key: path('core.key'), ca: path('ca.pem') },
      database: { url: databaseUrl },
      broker: { url: 'postgres://unused' },
      seal: { kind: 'development-key-file', path: path('seal.key') },
      orbital: { signingKey: path('orbital.key'), keyId: `region:${REGION}`, trusted: [] },
      rotation: { l2AfterSeconds: 0, l3AfterSeconds: 0, ivkAfterSeconds: 0, leadSeconds: 0 },
      lease: { ttlMs: 300_000, graceMs: 900_000 },
      log: { level: 'silent' },
    };
    const region = new TestRegion(config, ca);
    const { keyId, privateKey } = region.governance;
    config.orbital.trusted.push({ keyId, publicKey: publicPemOf(privateKey) });
    await writePrivate(config.tls.cert, server.certificatePem);
    await writePrivate(config.tls.key, server.privateKeyPem);
    await writePrivate(config.tls.ca, ca.certificatePem);
    await writePrivate(
      config.orbital.signingKey,
      region.#region.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    );
    await initialise(config);
    return region;
  }

  get core(): RunningCore {
    if (this.#core === undefined) throw new Error('the core is not running');
    return this.#core;
  }

  async start(): Promise<void> {
    this.#core = await startCore(this.config, { transport: this.#broker });
  }

  /** A second core over the same database, which gets no jobs. */
  async startAnother(instance: string): Promise<RunningCore> {
    const core = await startCore({ ...this.config, instance }, { transport: new Broker() });
    this.#others.add(core);
    return core;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#clients.clear();
    for (const other of this.#others) await other.close();
    this.#others.clear();
    await this.#core?.close();
    this.#core = undefined;
  }

  /** A client certificate of the region's authority, or of another one. Not registered yet. */
  async identity(commonName: string, ca = this.ca): Promise<TestIdentity> {
    const pair = await issue({ ca, commonName, usages: ['client'], days: 1 });
    return { ...pair, fingerprint: keyFingerprint(pair.certificatePem) };
  }

  async gateway(name = 'gateway-1'): Promise<TestIdentity> {
    const identity = await this.identity(name);
    await this.job('IDENTITY_PUT', {
      identity: { fingerprint: identity.fingerprint, role: 'gateway', name },
    });
    return identity;
  }

  async application(name: string, tenant: string, services: readonly string[]): Promise<TestIdentity> {
    const identity = await this.identity(name);
    const { fingerprint } = identity;
    await this.job('IDENTITY_PUT', {
      identity: { fingerprint, role: 'application', name, tenant, services: [...services] },
    });
    return identity;
  }

  connect(identity?: KeyAndCertificate, port = this.core.port): GatewayClient {
    const client = new GatewayClient(port, this.ca.certificatePem, identity);
    this.#clients.add(client);
    return client;
  }

  /** Sends one job and waits for its end. Throws JobFailedError. */
  async job<K extends JobKind>(
    kind: K,
    payload: JobPayload<K>,
    jobId: string = randomUUID(),
  ): Promise<JobResult<K>> {
    const entity = entityOf(kind, payload);
    const entitySequence = (this.#sequences.get(entity) ?? 0) + 1;
    this.#sequences.set(entity, entitySequence);
    const taskId = randomUUID();
    const answered = this.#broker.next((frame) => this.#statusOf(frame, taskId));
    const frame = signMessage(this.governance, {
      type: 'task',
      messageId: randomUUID(),
      jobId,
      taskId,
      kind,
      entity,
      entitySequence,
      target: REGION,
      lane: laneOf(kind),
      etag: 1,
      attempt: 1,
      payload: JSON.parse(JSON.stringify(payload)),
      correlationId: `test-${taskId}`,
      issuedAt: new Date().toISOString(),
    });
    await this.#broker.deliver(`okcm.tasks.${REGION}.${laneOf(kind)}`, frame);
    const status = await answered;
    if (status.error !== undefined) throw new JobFailedError(status.error.code, status.error.message);
    return status.result as unknown as JobResult<K>;
  }

  async #statusOf(frame: Uint8Array, taskId: string) {
    const { keyId } = this.config.orbital;
    const trusted = [{ keyId, publicKey: this.#region.publicKey }, ...this.furtherKeys];
    const status = await verifyMessage('status', frame, () => trusted);
    if (status.ok && status.body.taskId === taskId) {
      this.lastStatusKey = status.keyId;
      return status.body;
    }
    const report = await verifyMessage('report', frame, () => trusted);
    if (report.ok) {
      this.report = report.body.report;
      this.lastReportKey = report.keyId;
    }
    return undefined;
  }
}

/** A broker without a broker: hands frames over, loses nothing. */
class Broker implements Transport {
  readonly #handlers = new Map<string, (message: Uint8Array) => Promise<void>>();
  readonly #listeners = new Set<(message: Uint8Array) => void>();

  async publish(_channel: string, message: Uint8Array): Promise<void> {
    for (const listener of this.#listeners) listener(message);
  }
  async consume(channel: string, handler: (message: Uint8Array) => Promise<void>) {
    this.#handlers.set(channel, handler);
    return { close: async () => void this.#handlers.delete(channel) };
  }
  async close(): Promise<void> {}
  healthy(): boolean {
    return true;
  }
  async deliver(channel: string, message: Uint8Array): Promise<void> {
    const handler = this.#handlers.get(channel);
    if (handler === undefined) throw new Error(`nobody consumes ${channel}`);
    await handler(message);
  }
  /** The first frame for which `find` finds something. */
  next<T>(find: (message: Uint8Array) => Promise<T | undefined>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error('the region did not answer the job'));
      }, JOB_TIMEOUT_MS);
      const listener = (message: Uint8Array) => {
        find(message).then((found) => {
          if (found === undefined) return;
          end();
          resolve(found);
        }, reject);
      };
      this.#listeners.add(listener);
    });
  }
}
