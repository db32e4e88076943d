/**
 * The service keys (L3) that the core has leased to this process (D7): in memory only, for a bounded time that counts
 * from when the request was sent, on grace while the core is out of reach, and then wiped. Whoever asks for a lease
 * gets one that may be used now, or the reason why not. A rotation is followed in the background; a flush or a closure
 * ends the lease at once.
 */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import { sleep } from '../../../platform/backoff.ts';
import { EnvelopeError, type WrapSession } from '../../envelope/index.ts';
import type { HeartbeatResponse } from '../../mesh/index.ts';
import {
  LEASE_REFRESH_MIN_MS,
  LEASE_SWEEP_MS,
  MAX_LEASES,
  MAX_REMEMBERED_SERVICES,
  MAX_STALE_ROUNDS,
  MAX_VERSION_ROUNDS,
  STALE_GRANT_RETRY_MS,
} from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import { Asks } from './asks.ts';
import type { HeldLease, Lease } from './held-lease.ts';
import { LeaseAsker, type LeaseParts } from './lease-asker.ts';
import { leaseNowMs } from './lease-clock.ts';
import {
  isForgettable,
  type LeaseEntry,
  type LeaseName,
  newEntry,
  tell,
  toldVersion,
} from './lease-entry.ts';
import { LeasedMemory } from './leased-memory.ts';
import { Refresher } from './refresher.ts';

export interface LeaseBookOptions extends LeaseParts {
  /** The keys of the service may no longer be used: whatever they opened is to be wiped. */
  readonly onEnded: (tenant: TenantId, service: ServiceName) => void;
  /** Of all leased versions; for tests. */
  readonly memory?: LeasedMemory;
}

/** A lease that a heartbeat asks the core to renew, as it was then. */
export interface AskedLease extends LeaseName {
  /** Since a request last needed it; absent: none has. */
  readonly idleMs?: number;
  readonly lease: HeldLease;
  readonly generation: number;
}

export class LeaseBook {
  readonly #options: LeaseBookOptions;
  readonly #entries = new Map<string, LeaseEntry>();
  readonly #asker: LeaseAsker;
  readonly #refresher: Refresher;
  readonly #memory: LeasedMemory;
  readonly #stopping = new AbortController();
  /** Nobody else's work: a lease that is over is wiped also where everything around it hangs (D7). */
  readonly #deadman: NodeJS.Timeout;
  #size = 0;
  /** The service that was asked for last: the next request is most often for the same. */
  #recent: LeaseEntry | undefined;

  constructor(options: LeaseBookOptions) {
    this.#options = options;
    this.#refresher = new Refresher(options.logger);
    this.#memory = options.memory ?? new LeasedMemory();
    this.#asker = new LeaseAsker({
      ...options,
      memory: this.#memory,
      signal: this.#stopping.signal,
      end: (entry, reason) => this.#end(entry, reason),
      begin: (entry, lease) => {
        entry.lease = lease;
        this.#size += 1;
      },
      onLow: (entry) => this.#refreshSoon(entry),
    });
    this.#deadman = setInterval(() => this.sweep(), LEASE_SWEEP_MS);
    this.#deadman.unref();
  }

  get size(): number {
    return this.#size;
  }

  /** Versions in memory over all leases, and the locked memory that they take. */
  get memory(): Pick<LeasedMemory, 'versions' | 'heldBytes'> {
    return this.#memory;
  }

  /** The lease if it may be used at this instant, which whoever asks many times in a row looks up once (`leaseNowMs`). */
  current(tenant: TenantId, service: ServiceName, nowMs = leaseNowMs()): Lease | undefined {
    const recent = this.#recent;
    if (recent !== undefined && recent.tenant === tenant && recent.service === service)
      return this.#current(recent, nowMs);
    const entry = this.#entries.get(keyOf(tenant, service));
    if (entry === undefined) return undefined;
    this.#recent = entry;
    return this.#current(entry, nowMs);
  }

  /**
   * The lease, asked for where we do not hold it; requests for one service share one question.
   *
   * @throws GatewayRefusal that says why not.
   */
  async acquire(tenant: TenantId, service: ServiceName): Promise<Lease> {
    const { link, tenants, currency } = this.#options;
    if (!currency.isCurrent) {
      if (!link.isUp) throw new GatewayRefusal('NOT_SYNCED');
      await currency.sync();
    }
    if (tenants.isClosed(tenant)) throw new GatewayRefusal('LINK_CLOSED');
    const held = this.current(tenant, service);
    if (held !== undefined) return held;
    const entry = this.#entryOf(tenant, service);
    const { refused } = entry;
    if (refused !== undefined && performance.now() < refused.untilMs)
      throw new GatewayRefusal(refused.reason);
    if (!link.isUp) throw new GatewayRefusal('CORE_UNREACHABLE');
    await entry.asks.join();
    const lease = this.#current(entry);
    if (lease !== undefined) return lease;
    throw new GatewayRefusal(currency.isCurrent ? 'LEASE_LOST' : 'NOT_SYNCED');
  }

  /** The version if it is in memory and its lease may be used this instant: use it before the next `await`. */
  ready({ tenant, service }: LeaseName, version: number): WrapSession | undefined {
    const entry = this.#entries.get(keyOf(tenant, service));
    return entry === undefined ? undefined : this.#current(entry)?.version(version);
  }

  /**
   * Lends a version to `use`, which must not wait; fetched first where it lives and is not in memory.
   *
   * @throws EnvelopeError WRONG_PARENT when no such version lives; GatewayRefusal of the lease; whatever `use` throws.
   */
  async open<T>(
    { tenant, service }: LeaseName,
    version: number,
    use: (session: WrapSession) => T,
  ): Promise<T> {
    for (let round = 0; round < MAX_VERSION_ROUNDS; round++) {
      const entry = this.#entryOf(tenant, service);
      const lease = this.#current(entry);
      if (lease === undefined) {
        await this.acquire(tenant, service);
        continue;
      }
      const session = lease.version(version);
      if (session !== undefined) return use(session);
      if (lease.lists(version)) await this.#fetch(entry, version);
      else if (!(await this.#learn(entry, lease, version))) throw new EnvelopeError('WRONG_PARENT');
    }
    throw new GatewayRefusal('LEASE_LOST');
  }

  /** The service has more versions than we know of: the lease is refreshed, and serves meanwhile (D7). */
  rotated(tenant: TenantId, service: ServiceName, activeVersion = 0): void {
    const entry = this.#remembered(tenant, service);
    if (entry === undefined) return;
    entry.refused = undefined;
    entry.told = tell(entry.told, activeVersion);
    if (entry.lease !== undefined || entry.asks.isRunning) this.#refreshSoon(entry);
  }

  /** The service's lease and all that it opened are not to be used any more, nor is one with an older active version. */
  flushed(tenant: TenantId, service: ServiceName, activeVersion = 0): void {
    const entry = this.#remembered(tenant, service);
    if (entry === undefined) return;
    entry.refused = undefined;
    entry.told = tell(entry.told, activeVersion);
    entry.flushed = tell(entry.flushed, activeVersion);
    if (entry.round?.overtaken === 'no') entry.round.overtaken = 'flushed';
    this.#end(entry, 'FLUSHED');
  }

  /** Ends leases of a tenant, or of one of its services, and any that is on its way. */
  drop(tenant: TenantId, service: ServiceName | undefined, reason: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.tenant !== tenant || (service !== undefined && entry.service !== service)) continue;
      if (entry.round !== undefined) entry.round.overtaken = 'ended';
      this.#end(entry, reason);
    }
  }

  /** What a heartbeat asks the core to renew. */
  held(): readonly AskedLease[] {
    const nowMs = leaseNowMs();
    return this.#leases().map((lease) => {
      const { tenant, service, generation, usedAtMs } = lease;
      const idle = usedAtMs === 0 ? {} : { idleMs: Math.max(0, Math.round(nowMs - usedAtMs)) };
      return { tenant, service, lease, generation, ...idle };
    });
  }

  /** The core's answer to a heartbeat that was sent at `sentAtMs` (`leaseNowMs`) for `asked`. One that is missing has ended. */
  renew(
    asked: readonly AskedLease[],
    { renewed, unknown }: Pick<HeartbeatResponse, 'renewed' | 'unknown'>,
    sentAtMs: number,
  ): void {
    const untold = new Set(unknown.map(({ tenant, service }) => keyOf(tenant, service)));
    const answers = new Map(renewed.map((answer) => [keyOf(answer.tenant, answer.service), answer]));
    for (const { tenant, service, lease, generation } of asked) {
      const entry = this.#entries.get(keyOf(tenant, service));
      // Ended, replaced or refreshed while the heartbeat was under way: its answer is the older one.
      if (entry === undefined || entry.lease !== lease || lease.generation !== generation) continue;
      const answer = answers.get(keyOf(tenant, service));
      if (answer === undefined && untold.has(keyOf(tenant, service))) continue;
      if (answer === undefined) {
        if (entry.round?.overtaken === 'no') entry.round.overtaken = 'flushed';
        this.#end(entry, 'NOT_RENEWED');
        continue;
      }
      lease.renew(sentAtMs, answer.ttlMs);
      // A rotation whose push did not reach us, or that we could not follow.
      if (answer.etag !== lease.etag) this.#refreshSoon(entry);
    }
  }

  /** Wipes what is over, so that a key that nobody asks for does not outlive its lease. Runs by itself each LEASE_SWEEP_MS. */
  sweep(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.lease !== undefined && this.#isOver(entry.lease)) this.#end(entry, 'EXPIRED');
      if (!isForgettable(entry)) continue;
      this.#entries.delete(key);
      if (this.#recent === entry) this.#recent = undefined;
    }
  }

  status() {
    return this.#leases().map((lease) => ({
      tenant: lease.tenant,
      service: lease.service,
      activeVersion: lease.activeVersion,
      living: lease.livingCount,
      held: lease.held.length,
      heldBytes: lease.heldBytes,
      wrapsLeft: lease.wrapsLeft,
      expiresInMs: Math.round(this.#leftMs(lease)),
    }));
  }

  close(): void {
    this.#stopping.abort();
    clearInterval(this.#deadman);
    this.#refresher.close();
    for (const entry of this.#entries.values()) {
      if (entry.round !== undefined) entry.round.overtaken = 'ended';
      entry.lease?.wipe();
    }
    this.#entries.clear();
    this.#recent = undefined;
    this.#size = 0;
    this.#options.keyPair.privateKey.wipe();
  }

  #current(entry: LeaseEntry, nowMs = leaseNowMs()): HeldLease | undefined {
    const { tenants, currency } = this.#options;
    const { lease } = entry;
    if (lease === undefined || tenants.isClosed(entry.tenant) || !currency.isCurrent) return undefined;
    if (this.#leftMs(lease, nowMs) > 0) {
      lease.usedAtMs = nowMs;
      return lease;
    }
    if (this.#isOver(lease)) this.#end(entry, 'EXPIRED');
    return undefined;
  }

  #leases(): HeldLease[] {
    return [...this.#entries.values()].flatMap(({ lease }) => (lease === undefined ? [] : [lease]));
  }

  #entryOf(tenant: TenantId, service: ServiceName): LeaseEntry {
    const key = keyOf(tenant, service);
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry: LeaseEntry = newEntry({ tenant, service }, new Asks(() => this.#ask(entry)));
    this.#entries.set(key, entry);
    return entry;
  }

  /** For what a push tells, which may concern services that nobody uses here. */
  #remembered(tenant: TenantId, service: ServiceName): LeaseEntry | undefined {
    if (this.#entries.size < MAX_REMEMBERED_SERVICES) return this.#entryOf(tenant, service);
    return this.#entries.get(keyOf(tenant, service));
  }

  /** Milliseconds for which the lease may still be used as things stand. */
  #leftMs({ sentAtMs, ttlMs, graceMs }: HeldLease, nowMs = leaseNowMs()): number {
    return sentAtMs + ttlMs + (this.#options.link.isUp ? 0 : graceMs) - nowMs;
  }

  /** Past its TTL a lease waits for the verdict on the core's reach; past its grace nothing can save it. */
  #isOver({ sentAtMs, ttlMs, graceMs }: HeldLease): boolean {
    return leaseNowMs() >= sentAtMs + ttlMs + graceMs;
  }

  #end(entry: LeaseEntry, reason: string): void {
    const { lease, tenant, service } = entry;
    entry.wanted.clear();
    if (lease === undefined) return;
    entry.lease = undefined;
    this.#size -= 1;
    lease.wipe();
    this.#options.logger.info({ tenant, service, reason }, 'lease ended');
    this.#options.onEnded(tenant, service);
  }

  #refreshSoon(entry: LeaseEntry): void {
    this.#refresher.soon(keyOf(entry.tenant, entry.service), {
      run: async () => {
        // Without a lease nobody needs it; without the core the next heartbeat that gets there tells.
        if (entry.lease === undefined && !entry.asks.isRunning) return true;
        if (!this.#options.link.isUp) return true;
        await entry.asks.follow();
        return entry.lease === undefined || entry.lease.activeVersion >= toldVersion(entry.told);
      },
    });
  }

  /** A version that lives, into memory. */
  async #fetch(entry: LeaseEntry, version: number): Promise<void> {
    if (!this.#options.link.isUp) throw new GatewayRefusal('CORE_UNREACHABLE');
    if (entry.coming.has(version)) {
      await entry.asks.join();
      return;
    }
    entry.wanted.add(version);
    // More may be wanted than one question holds: those who came first are first.
    do await entry.asks.follow();
    while (entry.wanted.has(version));
  }

  /**
   * Data under a version that we have not heard of. A younger one may have been made since; an older one that is missing
   * was destroyed. Whoever sends rubbish has us ask once in LEASE_REFRESH_MIN_MS.
   */
  async #learn(entry: LeaseEntry, lease: HeldLease, version: number): Promise<boolean> {
    if (version <= lease.newest) return false;
    if (version <= toldVersion(entry.told)) return this.#awaitTold(entry, version);
    const isVain = performance.now() < entry.vainUntilMs;
    // A refresh that happens anyway costs nothing to wait for.
    const isDue = entry.asks.isRunning || this.#refresher.has(keyOf(entry.tenant, entry.service));
    if (isVain && !isDue) return false;
    if (!this.#options.link.isUp) throw new GatewayRefusal('CORE_UNREACHABLE');
    await (isVain ? entry.asks.join() : entry.asks.follow());
    if (entry.lease?.lists(version) === true) return true;
    if (!isVain) entry.vainUntilMs = performance.now() + LEASE_REFRESH_MIN_MS;
    return false;
  }

  /** A version that a push told of, so that it exists: a core that does not know of it yet will do so in a moment. */
  async #awaitTold(entry: LeaseEntry, version: number): Promise<boolean> {
    for (let round = 0; round < MAX_STALE_ROUNDS; round++) {
      await entry.asks.follow();
      if (entry.lease?.lists(version) === true) return true;
      await sleep(STALE_GRANT_RETRY_MS, this.#stopping.signal);
    }
    return false;
  }

  async #ask(entry: LeaseEntry): Promise<void> {
    if (entry.lease === undefined && this.#size >= MAX_LEASES) throw new GatewayRefusal('TOO_MANY_LEASES');
    await this.#asker.ask(entry);
  }
}

function keyOf(tenant: TenantId, service: ServiceName): string {
  return `${tenant}/${service}`;
}
