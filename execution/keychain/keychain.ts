/**
 * The keychain's door: everything the core may do with the keys from MasterKey to L3. Methods that take a transaction
 * run inside the caller's (read committed), together with the audit and the pushes that belong to the change.
 */
import type { KeyObject } from 'node:crypto';
import type { RegionId, ServiceName, TenantId } from '../../contracts/index.ts';
import { type Cut, type CutTarget, endCut, putCut } from './cuts.ts';
import { KeychainError } from './errors.ts';
import { type CountDependents, type DestroyRequest, destroyVersion } from './keys/destruction.ts';
import { type Holding, type Standing, takeHoldings, takeStandings } from './keys/holdings.ts';
import { type Inventory, takeInventory } from './keys/inventory.ts';
import { KeyCache } from './keys/key-cache.ts';
import type { KeyEvent } from './keys/key-events.ts';
import { historyOf } from './keys/manifest.ts';
import { type RotationPolicy, setRotationPolicy } from './keys/policy.ts';
import { provisionService, provisionTenant } from './keys/provisioning.ts';
import { compromiseKey, type Rotated, rotateKey } from './keys/rotation.ts';
import { defaultRotation, type RotationDefaults } from './keys/schedule.ts';
import type { ServiceKeys } from './keys/service-keys.ts';
import { findTenant } from './keys/tenant-keys.ts';
import { postpone, tenantsWithWork, upkeep } from './keys/upkeep.ts';
import { defaultLimits, type KeychainLimits } from './limits.ts';
import { stateOf } from './links/link-rules.ts';
import type { LinkStatus } from './links/link-status.ts';
import { type LinkPage, readFacts } from './links/link-store.ts';
import {
  type CloseLinkRequest,
  closeLink,
  type OpenLinkRequest,
  openLink,
  type PreparedLink,
  prepareLink,
  type RenewLinkRequest,
  renewLink,
} from './links/links.ts';
import { recordMissedClosures } from './links/missed-closures.ts';
import type { Realm } from './realm.ts';
import { activeIvkUse, countSeals, destroySpentIvk, rotateIvk } from './root/ivks.ts';
import { type RootOfTrust, readIvks, unseal } from './root/root-of-trust.ts';
import type { SealProvider } from './root/seal-provider.ts';
import { ceremonyKey, resealCeremonyKey } from './root/shamir/ceremony-key.ts';
import type { KeyStore } from './stores/key-store.ts';
import { postgresKeyStore } from './stores/postgres.ts';
import type { Db } from './tables.ts';

/** As much of a logger as is needed here; pino's fits. */
export interface KeychainLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface KeychainOptions {
  readonly db: Db;
  readonly cluster: string;
  readonly region: RegionId;
  readonly seal: SealProvider;
  readonly logger: KeychainLogger;
  /** Where keys are kept. Default: this database. */
  readonly store?: KeyStore;
  readonly rotation?: Partial<RotationDefaults>;
  readonly limits?: Partial<KeychainLimits>;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

/**
 * Opens the region. When its seal does not open it, the keychain is returned sealed, with the reason in the log and
 * in `sealReason`; `unseal` tries again. A database that does not answer is an error.
 */
export async function createKeychain(options: KeychainOptions): Promise<Keychain> {
  const keychain = new Keychain(options);
  try {
    await keychain.unseal();
  } catch (error) {
    if (!(error instanceof KeychainError)) throw error;
    options.logger.warn({ code: error.code, hint: error.hint }, `the region stays sealed: ${error.message}`);
  }
  return keychain;
}

export class Keychain {
  readonly #options: KeychainOptions;
  readonly #realm: Realm;
  readonly #cache: KeyCache;
  readonly #sweeper: NodeJS.Timeout;
  #root: RootOfTrust | null = null;
  #sealReason: string | null = 'not unsealed yet';
  /** Grows with every sealing, so that an unsealing that was under way knows that it came too late. */
  #generation = 0;
  /** The unsealing of this generation. */
  #unsealing: Promise<void> | null = null;
  #closed = false;
  #sweeping = false;

  /** Sealed until `unseal`. */
  constructor(options: KeychainOptions) {
    this.#options = options;
    const limits = { ...defaultLimits, ...options.limits };
    this.#realm = {
      region: options.region,
      limits,
      rotation: { ...defaultRotation, ...options.rotation },
      store: options.store ?? postgresKeyStore,
      now: options.now ?? Date.now,
      root: () => {
        if (this.#root === null || this.#root.isWiped) throw new KeychainError('SEALED');
        return this.#root;
      },
    };
    this.#cache = new KeyCache(options.db, this.#realm);
    this.#sweeper = setInterval(() => void this.#sweep(), limits.sweepMs).unref();
  }

  get sealKind(): string {
    return this.#options.seal.kind;
  }
  get sealState(): 'sealed' | 'unsealed' {
    return this.#root === null || this.#root.isWiped ? 'sealed' : 'unsealed';
  }
  /** Why the region is sealed; null when it is not. */
  get sealReason(): string | null {
    return this.#sealReason;
  }

  /**
   * Calls at the same time share one attempt. A sealing meanwhile wins over it.
   * @throws KeychainError NOT_INITIALISED, WRONG_REGION, SEAL_REJECTED, RECORD_REJECTED, or SEALED when the region was
   * sealed meanwhile or the keychain is closed: the region stays sealed.
   */
  async unseal(): Promise<void> {
    if (this.#closed) throw new KeychainError('SEALED', 'the keychain is closed');
    if (this.sealState === 'unsealed' && this.#unsealing === null) return;
    if (this.#unsealing === null) {
      const attempt: Promise<void> = this.#open(this.#generation).finally(() => {
        if (this.#unsealing === attempt) this.#unsealing = null;
      });
      this.#unsealing = attempt;
    }
    await this.#unsealing;
  }

  async #open(generation: number): Promise<void> {
    const { db, cluster, region, seal, logger } = this.#options;
    try {
      const root = await unseal(db, { cluster, region, seal });
      if (generation !== this.#generation) {
        root.wipe();
        throw new KeychainError('SEALED', 'the region was sealed meanwhile');
      }
      this.#root = root;
      this.#sealReason = null;
    } catch (error) {
      if (generation === this.#generation)
        this.#sealReason = error instanceof KeychainError ? error.code : 'UNAVAILABLE';
      throw error;
    }
    logger.info({ region, seal: seal.kind }, 'the region is unsealed');
    await this.#recordMissedClosures();
  }

  /** What stays unrecorded is recorded by the next unsealing, and holds by the link's head until then. */
  async #recordMissedClosures(): Promise<void> {
    const { db, logger } = this.#options;
    try {
      const rejected = await recordMissedClosures(db, this.#realm);
      if (rejected.length > 0) logger.warn({ tenants: rejected }, 'manifests of closed links do not open');
    } catch (error) {
      logger.warn({ err: error }, 'closures from while the region was sealed are not all in the manifests');
    }
  }

  /** Zeroises the root and every key in memory. */
  seal(reason: string): void {
    this.#generation += 1;
    this.#unsealing = null;
    this.#root?.wipe();
    this.#root = null;
    this.#sealReason = reason;
    this.#cache.forgetAll();
  }

  /** Seals for good and stops the sweep; the database stays the caller's. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeper);
    this.seal('stopped');
  }

  /** What signs the manifests of shares; made when missing. @throws KeychainError SEALED */
  ceremonyKey(tx: Db): Promise<KeyObject> {
    return ceremonyKey(tx, this.#realm);
  }

  /** The tenant's regional secret and first L2. Idempotent. */
  provisionTenant(tx: Db, tenant: TenantId): Promise<{ l2Version: number }> {
    return provisionTenant(tx, this.#realm, tenant);
  }

  /** The service's first L3. Idempotent. @throws KeychainError TENANT_UNKNOWN, LINK_CLOSED, LINK_EXPIRED, SEALED. */
  provisionService(tx: Db, tenant: TenantId, service: ServiceName): Promise<{ l3Version: number }> {
    return provisionService(tx, this.#realm, tenant, service);
  }

  /**
   * A new active version of L2 (`service` null) or of an L3; L3 versions under an older L2 are wrapped anew by `upkeep`.
   * @throws KeychainError TENANT_UNKNOWN, SERVICE_UNKNOWN, LINK_CLOSED, LINK_EXPIRED, SEALED, LIMIT_REACHED.
   */
  rotate(tx: Db, tenant: TenantId, service: ServiceName | null): Promise<Rotated> {
    return rotateKey(tx, this.#realm, tenant, service);
  }

  /** Emergency: as `rotate`, and every older version is Compromised; of an L2, all L3 of the tenant go along. */
  compromise(tx: Db, tenant: TenantId, service: ServiceName | null): Promise<Rotated> {
    return compromiseKey(tx, this.#realm, tenant, service);
  }

  /** @throws KeychainError KEY_VERSION_UNKNOWN, KEY_STATE, DEPENDENTS_CHANGED, TENANT_UNKNOWN, SERVICE_UNKNOWN, SEALED. */
  destroyVersion(tx: Db, request: DestroyRequest, count: CountDependents): Promise<readonly KeyEvent[]> {
    return destroyVersion(tx, this.#realm, request, count);
  }

  /** @throws KeychainError TENANT_UNKNOWN, SERVICE_UNKNOWN, SEALED. */
  setRotationPolicy(tx: Db, policy: RotationPolicy): Promise<{ nextRotationMs: number | null }> {
    return setRotationPolicy(tx, this.#realm, policy);
  }

  /** @throws KeychainError TENANT_UNKNOWN, SEALED. */
  inventory(db: Db, tenant: TenantId, count: CountDependents): Promise<Inventory> {
    return takeInventory(db, this.#realm, tenant, count);
  }

  /** Tenants for whose keys something is to be done; nobody while sealed. */
  async tenantsWithWork(limit: number): Promise<TenantId[]> {
    if (this.sealState === 'sealed') return [];
    return await tenantsWithWork(this.#options.db, this.#realm, limit);
  }

  /** One piece of that work: scheduled rotation, wrapping anew, a newer IVK. @throws KeychainError; then `postpone`. */
  upkeep(tx: Db, tenant: TenantId): Promise<readonly KeyEvent[]> {
    return upkeep(tx, this.#realm, tenant);
  }

  postpone(tenant: TenantId, delayMs: number): Promise<void> {
    return postpone(this.#options.db, this.#realm, tenant, delayMs);
  }

  /** A new active IVK. Learn of it after the commit: `refreshIvks`. @throws KeychainError SEALED */
  rotateIvk(tx: Db, options: { readonly compromised?: boolean } = {}): Promise<number> {
    return rotateIvk(tx, this.#realm, options);
  }

  /** Learns what other cores have made or destroyed, and counts what this one has sealed. */
  async refreshIvks(): Promise<void> {
    const root = this.#root;
    if (root === null || root.isWiped) return;
    const { db } = this.#options;
    await countSeals(db, root);
    const ivks = await readIvks(db);
    if (!root.isWiped) root.learn(ivks);
  }

  /** Whether the active IVK has served its time or its budget (D5). */
  async isIvkDue(): Promise<boolean> {
    const { createdAtMs, seals } = await activeIvkUse(this.#options.db);
    const { rotation, limits, now } = this.#realm;
    const isOld = rotation.ivkAfterMs > 0 && now() >= createdAtMs + rotation.ivkAfterMs;
    return isOld || seals >= limits.ivkSealBudget;
  }

  /** What of the region itself stands under an older IVK; and an IVK under which nothing stands any more. */
  async retireIvks(tx: Db): Promise<number | null> {
    await resealCeremonyKey(tx, this.#realm);
    return await destroySpentIvk(tx, this.#realm);
  }

  /** The HPKE key of a new epoch. Idempotent: the same epoch has the same key. @throws KeychainError EPOCH_CLOSED … */
  prepareLink(tx: Db, tenant: TenantId, epoch: number): Promise<PreparedLink> {
    return prepareLink(tx, this.#realm, tenant, epoch);
  }

  /** Opens the epoch and wraps L2 under it. Idempotent. @throws KeychainError EPOCH_*, SECRET_REJECTED, LINK_EXPIRED … */
  openLink(tx: Db, request: OpenLinkRequest): Promise<{ l2Version: number }> {
    return openLink(tx, this.#realm, request);
  }

  /** Idempotent; returns the expiry that now holds. @throws KeychainError EPOCH_*, LINK_EXPIRED … */
  renewLink(tx: Db, request: RenewLinkRequest): Promise<{ expiresAt: Date }> {
    return renewLink(tx, this.#realm, request);
  }

  /** Closes for ever, sealed or not. Once the transaction is committed, and not before, call `forget`. Idempotent. */
  closeLink(tx: Db, request: CloseLinkRequest): Promise<{ closedAt: Date }> {
    return closeLink(tx, this.#realm, request);
  }

  /**
   * From the commit until its end nobody is handed the target's service keys: LINK_CLOSED. Neither link nor keys are
   * touched. Returns whose keys these are. Idempotent.
   * @throws KeychainError CUT_OVER, INVALID_PAYLOAD, LIMIT_REACHED, TENANT_UNKNOWN, SERVICE_UNKNOWN, SEALED.
   */
  async cut(tx: Db, cut: Cut): Promise<readonly ServiceName[]> {
    const services = await this.#servicesOf(tx, cut);
    await putCut(tx, this.#realm, cut);
    return services;
  }

  /** Before its time; `held`: it had not ended by itself. Idempotent. @throws as `cut`. */
  async endCut(
    tx: Db,
    cut: Omit<Cut, 'untilMs'>,
  ): Promise<{ readonly held: boolean; readonly services: readonly ServiceName[] }> {
    const held = await endCut(tx, this.#realm, cut);
    return { held, services: await this.#servicesOf(tx, cut) };
  }

  async #servicesOf(tx: Db, { tenant, service }: CutTarget): Promise<readonly ServiceName[]> {
    const stored = await findTenant(tx, this.#realm, tenant);
    if (stored === null) throw new KeychainError('TENANT_UNKNOWN', tenant);
    // Names were parsed when the services were provisioned, and are authentic since.
    if (service === null) return Object.keys(stored.manifest.services) as ServiceName[];
    if (historyOf(stored.manifest, service) === undefined)
      throw new KeychainError('SERVICE_UNKNOWN', `${tenant}/${service}`);
    return [service];
  }

  /** Zeroises the tenant's keys in this process. */
  forget(tenant: TenantId): void {
    this.#cache.forget(tenant);
  }

  /** Another transaction, of this core or another, has changed keys or links: facts in memory are read anew. */
  recheck(): void {
    this.#cache.recheck();
  }

  /**
   * The service's L3 versions, if the link lives. Use them before the next `await`: closure wipes them.
   * @throws KeychainError SEALED, TENANT_UNKNOWN, SERVICE_UNKNOWN, LINK_CLOSED, LINK_EXPIRED, RECORD_REJECTED, BUSY.
   */
  serviceKeys(tenant: TenantId, service: ServiceName): Promise<ServiceKeys> {
    return this.#cache.serviceKeys(tenant, service);
  }

  /** Every tenant's link, or a page of them, for region reports; also while sealed. */
  async links(page?: LinkPage): Promise<LinkStatus[]> {
    const nowMs = this.#realm.now();
    const facts = await readFacts(this.#options.db, undefined, page);
    return facts.map(({ tenant, epochs, expiresAtMs }) => ({
      tenant: tenant as TenantId,
      ...stateOf(epochs, expiresAtMs, nowMs),
      ...(expiresAtMs === null ? {} : { expiresAt: new Date(expiresAtMs) }),
    }));
  }

  /** What the region holds of each tenant, in pages, for its manifest; also while sealed. */
  standings(db: Db, page: LinkPage): Promise<Standing[]> {
    return takeStandings(db, page);
  }

  /** The names and versions of each tenant's keys, from one tenant on. @throws KeychainError SEALED, STORE_UNAVAILABLE. */
  holdings(
    db: Db,
    page: { readonly from: string; readonly upTo?: string | undefined; readonly limit: number },
  ): Promise<Holding[]> {
    return takeHoldings(db, this.#realm, page);
  }

  /** @throws KeychainError SEALED: the list of services is authenticated under the IVK. */
  async hasService(tenant: TenantId, service: ServiceName): Promise<boolean> {
    const stored = await findTenant(this.#options.db, this.#realm, tenant);
    return stored !== null && historyOf(stored.manifest, service) !== undefined;
  }

  async tenants(): Promise<TenantId[]> {
    const rows = await this.#options.db
      .selectFrom('keychain.link_heads')
      .select('tenant')
      .where('manifest_counter', 'is not', null)
      .orderBy('tenant')
      .execute();
    return rows.map((row) => row.tenant as TenantId);
  }

  /** Services whose keys are in memory, for gauges. */
  get heldServices(): number {
    return this.#cache.heldServices;
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping || this.#cache.heldServices === 0) return;
    this.#sweeping = true;
    try {
      await this.#cache.sweep();
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'cached keys could not be checked against their links');
    } finally {
      this.#sweeping = false;
    }
  }
}
