/**
 * The service keys (L3) that the core has leased to this process (D7): in memory only, for a bounded time that counts
 * from when the request was sent, on grace while the core is out of reach, and then wiped. Whoever asks for a lease
 * gets one that may be used now, or the reason why not.
 */
import type { RegionId, ServiceName, TenantId } from '../../../contracts/index.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import {
  type KeyPair,
  l3Parent,
  leaseInfo,
  openWith,
  type SecretBytes,
  WrapSession,
} from '../../envelope/index.ts';
import {
  type LeasedVersion,
  type LeaseRefusal,
  type LeaseResponse,
  MeshOperation,
} from '../../mesh/index.ts';
import {
  LEASE_DEADLINE_MS,
  LEASE_REFRESH_MIN_MS,
  LEASE_REFUSAL_CACHE_MS,
  MAX_LEASE_ROUNDS,
  MAX_LEASED_VERSIONS,
  MAX_LEASES,
} from '../limits.ts';
import type { CoreLink } from '../link/core-link.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Tenants } from '../tenants.ts';

/** What the book needs to know of the feed of changes. */
export interface Currency {
  readonly isCurrent: boolean;
  readonly appliedHead: number;
  sync(): Promise<void>;
  observeHead(head: number): void;
}

export interface LeaseBookOptions {
  readonly region: RegionId;
  readonly link: CoreLink;
  readonly tenants: Tenants;
  readonly currency: Currency;
  /** This process's own ephemeral HPKE key (D3). */
  readonly keyPair: KeyPair;
  readonly logger: Logger;
  /** The keys of the service may no longer be used: whatever they opened is to be wiped. */
  readonly onEnded: (tenant: TenantId, service: ServiceName) => void;
}

/** A service's L3 versions. Do not keep it over an `await`: ask the book again. */
export interface Lease {
  readonly tenant: TenantId;
  readonly service: ServiceName;
  /** The version that wraps. */
  readonly active: WrapSession;
  version(version: number): WrapSession | undefined;
}

class HeldLease implements Lease {
  readonly tenant: TenantId;
  readonly service: ServiceName;
  readonly active: WrapSession;
  readonly #sessions: ReadonlyMap<number, WrapSession>;
  readonly graceMs: number;
  readonly grantedAtMs = performance.now();
  sentAtMs: number;
  ttlMs: number;

  constructor(
    name: { tenant: TenantId; service: ServiceName },
    sessions: ReadonlyMap<number, WrapSession>,
    active: WrapSession,
    times: { sentAtMs: number; ttlMs: number; graceMs: number },
  ) {
    this.tenant = name.tenant;
    this.service = name.service;
    this.#sessions = sessions;
    this.active = active;
    this.sentAtMs = times.sentAtMs;
    this.ttlMs = times.ttlMs;
    this.graceMs = times.graceMs;
  }

  get versions(): readonly number[] {
    return [...this.#sessions.keys()].sort((a, b) => a - b);
  }

  version(version: number): WrapSession | undefined {
    return this.#sessions.get(version);
  }

  wipe(): void {
    for (const session of this.#sessions.values()) {
      session.wipe();
      session.parent.key.wipe();
    }
  }
}

type Name = { readonly tenant: TenantId; readonly service: ServiceName };
type Pending = Name & { readonly lease: Promise<HeldLease>; withdrawn: boolean };

export class LeaseBook {
  readonly #options: LeaseBookOptions;
  readonly #leases = new Map<string, HeldLease>();
  readonly #pending = new Map<string, Pending>();
  readonly #refused = new Map<string, { readonly reason: LeaseRefusal; readonly untilMs: number }>();

  constructor(options: LeaseBookOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** The lease if it may be used this instant. */
  current(tenant: TenantId, service: ServiceName): Lease | undefined {
    const { tenants, currency } = this.#options;
    const lease = this.#leases.get(keyOf(tenant, service));
    if (lease === undefined || tenants.isClosed(tenant) || !currency.isCurrent) return undefined;
    if (this.#leftMs(lease) > 0) return lease;
    if (this.#isOver(lease)) this.drop(tenant, service, 'EXPIRED');
    return undefined;
  }

  /**
   * The lease, asked for where we do not hold it; requests for one service share one question.
   *
   * @throws GatewayRefusal that says why not.
   */
  async acquire(tenant: TenantId, service: ServiceName): Promise<Lease> {
    const { link, tenants, currency } = this.#options;
    if (tenants.isClosed(tenant)) throw new GatewayRefusal('LINK_CLOSED');
    if (!currency.isCurrent && !link.isUp) throw new GatewayRefusal('NOT_SYNCED');
    const held = this.current(tenant, service);
    if (held !== undefined) return held;
    const key = keyOf(tenant, service);
    const refused = this.#refused.get(key);
    if (refused !== undefined && performance.now() < refused.untilMs)
      throw new GatewayRefusal(refused.reason);
    return this.refresh(tenant, service);
  }

  /**
   * A lease asked for anew, while the one that we hold stays in use: the core may have made a new version. One that is
   * younger than LEASE_REFRESH_MIN_MS is as good as new, so that rubbish from a caller does not drive us.
   */
  async refresh(tenant: TenantId, service: ServiceName): Promise<Lease> {
    const { link, tenants } = this.#options;
    if (tenants.isClosed(tenant)) throw new GatewayRefusal('LINK_CLOSED');
    const key = keyOf(tenant, service);
    const held = this.current(tenant, service) === undefined ? undefined : this.#leases.get(key);
    if (held !== undefined && performance.now() - held.grantedAtMs < LEASE_REFRESH_MIN_MS) return held;
    if (!link.isUp) throw new GatewayRefusal('CORE_UNREACHABLE');
    const pending = this.#pending.get(key) ?? this.#ask(key, tenant, service);
    const lease = await pending.lease;
    if (pending.withdrawn || tenants.isClosed(tenant)) throw new GatewayRefusal('LEASE_LOST');
    return lease;
  }

  /** Ends leases of a tenant, or of one of its services, and any that is on its way. */
  drop(tenant: TenantId, service: ServiceName | undefined, reason: string): void {
    for (const pending of this.#pending.values()) {
      if (pending.tenant === tenant && (service === undefined || pending.service === service))
        pending.withdrawn = true;
    }
    for (const [key, lease] of this.#leases) {
      if (lease.tenant !== tenant || (service !== undefined && lease.service !== service)) continue;
      this.#leases.delete(key);
      lease.wipe();
      this.#options.logger.info({ tenant, service: lease.service, reason }, 'lease ended');
      this.#options.onEnded(tenant, lease.service);
    }
  }

  /** What a heartbeat asks the core to renew. */
  held(): readonly HeldLease[] {
    return [...this.#leases.values()];
  }

  /** The core's answer to a heartbeat that was sent at `sentAtMs` (monotonic) for `asked`. One that is missing has ended. */
  renew(asked: readonly HeldLease[], renewed: readonly (Name & { ttlMs: number })[], sentAtMs: number): void {
    const ttls = new Map(renewed.map(({ tenant, service, ttlMs }) => [keyOf(tenant, service), ttlMs]));
    for (const lease of asked) {
      const key = keyOf(lease.tenant, lease.service);
      if (this.#leases.get(key) !== lease) continue; // ended or replaced while the heartbeat was under way
      const ttlMs = ttls.get(key);
      if (ttlMs === undefined) {
        this.drop(lease.tenant, lease.service, 'NOT_RENEWED');
      } else {
        lease.sentAtMs = sentAtMs;
        lease.ttlMs = ttlMs;
      }
    }
  }

  /** Wipes what is over. Called each second, so that a key that nobody asks for does not outlive its lease. */
  sweep(): void {
    for (const lease of this.held()) {
      if (this.#isOver(lease)) this.drop(lease.tenant, lease.service, 'EXPIRED');
    }
    const nowMs = performance.now();
    for (const [key, { untilMs }] of this.#refused) if (untilMs <= nowMs) this.#refused.delete(key);
  }

  status(): readonly { tenant: string; service: string; versions: readonly number[]; expiresInMs: number }[] {
    return this.held().map((lease) => ({
      tenant: lease.tenant,
      service: lease.service,
      versions: lease.versions,
      expiresInMs: Math.round(this.#leftMs(lease)),
    }));
  }

  close(): void {
    for (const pending of this.#pending.values()) pending.withdrawn = true;
    for (const lease of this.#leases.values()) lease.wipe();
    this.#leases.clear();
    this.#options.keyPair.privateKey.wipe();
  }

  /** Milliseconds for which the lease may still be used as things stand. */
  #leftMs(lease: HeldLease): number {
    const graceMs = this.#options.link.isUp ? 0 : lease.graceMs;
    return lease.sentAtMs + lease.ttlMs + graceMs - performance.now();
  }

  /** Past its TTL a lease waits for the verdict on the core's reach; past its grace nothing can save it. */
  #isOver(lease: HeldLease): boolean {
    return performance.now() >= lease.sentAtMs + lease.ttlMs + lease.graceMs;
  }

  #ask(key: string, tenant: TenantId, service: ServiceName): Pending {
    const pending: Pending = {
      tenant,
      service,
      withdrawn: false,
      lease: Promise.resolve().then(() => this.#fetch(key, pending)),
    };
    this.#pending.set(key, pending);
    pending.lease
      .catch(() => undefined)
      .finally(() => {
        if (this.#pending.get(key) === pending) this.#pending.delete(key);
      });
    return pending;
  }

  async #fetch(key: string, pending: Pending): Promise<HeldLease> {
    const { tenant, service } = pending;
    if (this.#leases.size >= MAX_LEASES && !this.#leases.has(key))
      throw new GatewayRefusal('TOO_MANY_LEASES');
    const { granted, sentAtMs } = await this.#request(key, tenant, service);
    const sessions = await this.#open(tenant, service, granted.versions);
    const lease = this.#compose({ tenant, service }, granted, sessions, sentAtMs);
    if (pending.withdrawn || this.#options.tenants.isClosed(tenant) || this.#leftMs(lease) <= 0) {
      lease.wipe();
      throw new GatewayRefusal('LEASE_LOST');
    }
    const before = this.#leases.get(key);
    this.#leases.set(key, lease);
    before?.wipe();
    this.#options.logger.info(
      { tenant, service, versions: lease.versions, ttlMs: lease.ttlMs },
      'lease granted',
    );
    return lease;
  }

  async #request(key: string, tenant: TenantId, service: ServiceName) {
    const { link, currency, keyPair } = this.#options;
    for (let round = 0; round < MAX_LEASE_ROUNDS; round++) {
      const sentAtMs = performance.now();
      const response: LeaseResponse = await link.ask(
        'hot',
        MeshOperation.Lease,
        { tenant, service, recipientPublicKey: keyPair.publicKey, appliedHead: currency.appliedHead },
        LEASE_DEADLINE_MS,
      );
      currency.observeHead(response.head);
      if (response.outcome === 'granted') return { granted: response, sentAtMs };
      if (response.outcome === 'refused') {
        this.#refused.set(key, {
          reason: response.reason,
          untilMs: performance.now() + LEASE_REFUSAL_CACHE_MS,
        });
        throw new GatewayRefusal(response.reason);
      }
      await currency.sync();
    }
    throw new GatewayRefusal('NOT_SYNCED');
  }

  /** Each version is sealed to our ephemeral key and bound to its place by HPKE's info. */
  async #open(tenant: TenantId, service: ServiceName, versions: readonly LeasedVersion[]) {
    const { region, keyPair, logger } = this.#options;
    const sessions = new Map<number, { session: WrapSession; use: LeasedVersion['use'] }>();
    const keys: SecretBytes[] = [];
    try {
      if (versions.length > MAX_LEASED_VERSIONS) throw new RangeError('the lease holds too many versions');
      for (const { version, use, enc, ct } of versions) {
        const key = await openWith(
          keyPair.privateKey,
          { enc, ct },
          leaseInfo({ region, tenant, service, version }),
        );
        keys.push(key);
        sessions.set(version, { session: new WrapSession(l3Parent(tenant, service, version, key)), use });
      }
      return sessions;
    } catch (error) {
      for (const key of keys) key.wipe();
      logger.error({ tenant, service, cause: errorMessage(error) }, 'a lease could not be opened');
      throw new GatewayRefusal('LEASE_LOST');
    }
  }

  #compose(
    name: Name,
    granted: { readonly ttlMs: number; readonly graceMs: number },
    opened: ReadonlyMap<number, { session: WrapSession; use: LeasedVersion['use'] }>,
    sentAtMs: number,
  ): HeldLease {
    const active = [...opened.values()].find(({ use }) => use === 'encrypt')?.session;
    const sessions = new Map([...opened].map(([version, { session }]) => [version, session]));
    if (active === undefined) {
      for (const session of sessions.values()) session.parent.key.wipe();
      throw new GatewayRefusal('SERVICE_UNKNOWN');
    }
    return new HeldLease(name, sessions, active, {
      sentAtMs,
      ttlMs: granted.ttlMs,
      graceMs: granted.graceMs,
    });
  }
}

function keyOf(tenant: TenantId, service: ServiceName): string {
  return `${tenant}/${service}`;
}
