/**
 * Asks the core for one service's lease until there is an answer that counts (D7). Whatever is applied here while a
 * question is on its way finds its `round`: an answer from before a closure is thrown away, one from before a flush is
 * asked for again.
 */
import type { RegionId } from '../../../contracts/index.ts';
import { sleep } from '../../../platform/backoff.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { type KeyPair, l3Parent, openLeasedKeys, WrapSession } from '../../envelope/index.ts';
import {
  type LeaseRefusal,
  type LeaseResponse,
  MAX_WANTED_VERSIONS,
  MeshOperation,
} from '../../mesh/index.ts';
import {
  LEASE_DEADLINE_MS,
  LEASE_REFUSAL_CACHE_MS,
  MAX_LEASE_ROUNDS,
  MAX_STALE_ROUNDS,
  STALE_GRANT_RETRY_MS,
} from '../limits.ts';
import type { CoreLink } from '../link/core-link.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Tenants } from '../tenants.ts';
import { type Grant, HeldLease, wipeSession } from './held-lease.ts';
import { leaseNowMs } from './lease-clock.ts';
import { type LeaseEntry, type Round, toldVersion } from './lease-entry.ts';
import type { LeasedMemory } from './leased-memory.ts';

/** What a lease needs to know of the feed of changes. */
export interface Currency {
  readonly isCurrent: boolean;
  readonly appliedHead: number;
  sync(): Promise<void>;
  observeHead(head: number): void;
}

export interface LeaseParts {
  readonly region: RegionId;
  readonly link: CoreLink;
  readonly tenants: Tenants;
  readonly currency: Currency;
  /** This process's own ephemeral HPKE key (D3). */
  readonly keyPair: KeyPair;
  readonly logger: Logger;
}

export interface LeaseAskerOptions extends LeaseParts {
  readonly memory: LeasedMemory;
  readonly signal: AbortSignal;
  /** The lease of the entry is over. */
  readonly end: (entry: LeaseEntry, reason: string) => void;
  /** The entry has a lease where it had none. */
  readonly begin: (entry: LeaseEntry, lease: HeldLease) => void;
  readonly onLow: (entry: LeaseEntry) => void;
}

export class LeaseAsker {
  readonly #options: LeaseAskerOptions;

  constructor(options: LeaseAskerOptions) {
    this.#options = options;
  }

  /** Resolves when the entry's lease is as the core has it. @throws GatewayRefusal */
  async ask(entry: LeaseEntry): Promise<void> {
    const wanted = [...entry.wanted].slice(0, MAX_WANTED_VERSIONS);
    for (const version of wanted) {
      entry.wanted.delete(version);
      entry.coming.add(version);
    }
    try {
      for (let rounds = 0, stale = 0; rounds < MAX_LEASE_ROUNDS; ) {
        // Before anything is sent: whatever is applied from now on finds it.
        const round: Round = { overtaken: 'no' };
        entry.round = round;
        const sentAtMs = leaseNowMs();
        const response = await this.#request(entry, wanted);
        if (response.outcome === 'refused') this.#refuse(entry, response.reason);
        if (response.outcome === 'granted') {
          if (isStale(entry, response) && stale++ < MAX_STALE_ROUNDS) {
            await sleep(STALE_GRANT_RETRY_MS, this.#options.signal);
            continue;
          }
          if (await this.#take(entry, round, response, sentAtMs)) return;
        } else {
          await this.#options.currency.sync();
        }
        rounds += 1;
      }
      throw new GatewayRefusal('NOT_SYNCED');
    } finally {
      entry.round = undefined;
      entry.coming.clear();
    }
  }

  async #request({ tenant, service, lease }: LeaseEntry, wanted: readonly number[]): Promise<LeaseResponse> {
    const { link, currency, keyPair } = this.#options;
    const response = await link.ask(
      'hot',
      MeshOperation.Lease,
      {
        tenant,
        service,
        recipientPublicKey: keyPair.publicKey,
        appliedHead: currency.appliedHead,
        held: lease?.held ?? [],
        wanted,
        ...(lease === undefined ? {} : { wraps: { version: lease.activeVersion, left: lease.wrapsLeft } }),
      },
      LEASE_DEADLINE_MS,
    );
    currency.observeHead(response.head);
    return response;
  }

  /** A core that is sealed says nothing about the lease; any other refusal ends it. */
  #refuse(entry: LeaseEntry, reason: LeaseRefusal): never {
    entry.refused = { reason, untilMs: performance.now() + LEASE_REFUSAL_CACHE_MS };
    if (reason !== 'SEALED') this.#options.end(entry, reason);
    throw new GatewayRefusal(reason);
  }

  /** False: it must be asked for again. @throws GatewayRefusal LEASE_LOST */
  async #take(entry: LeaseEntry, round: Round, grant: Grant, sentAtMs: number): Promise<boolean> {
    const { tenants, link, memory, onLow, begin, logger, signal } = this.#options;
    const { tenant, service } = entry;
    const opened = await this.#openKeys(entry, grant);
    // From here on nothing waits: what has come in until now is known.
    const graceMs = link.isUp ? 0 : grant.graceMs;
    const isLate = leaseNowMs() >= sentAtMs + grant.ttlMs + graceMs;
    const isEnded = round.overtaken === 'ended' || tenants.isClosed(tenant) || signal.aborted;
    const lease = entry.lease ?? new HeldLease({ tenant, service, memory, onLow: () => onLow(entry) });
    if (isEnded || isLate || round.overtaken === 'flushed' || !lease.hasActive(grant, opened)) {
      for (const session of opened.values()) wipeSession(session);
      if (isEnded || isLate) throw new GatewayRefusal('LEASE_LOST');
      return false;
    }
    lease.take(grant, opened, sentAtMs);
    entry.refused = undefined;
    const { activeVersion, ttlMs } = grant;
    const line = { tenant, service, activeVersion, living: grant.living.length, ttlMs };
    if (entry.lease === undefined) {
      begin(entry, lease);
      logger.info(line, 'lease granted');
    } else {
      logger.debug(line, 'lease refreshed');
    }
    return true;
  }

  async #openKeys({ tenant, service }: LeaseEntry, grant: Grant): Promise<Map<number, WrapSession>> {
    const { region, keyPair, logger } = this.#options;
    const sessions = new Map<number, WrapSession>();
    const { leaseKey, keys } = grant;
    if (leaseKey === undefined) return sessions;
    try {
      const place = { region, tenant, service };
      const opened = await openLeasedKeys(keyPair.privateKey, place, { leaseKey, keys });
      for (const [version, key] of opened) {
        sessions.set(version, new WrapSession(l3Parent(tenant, service, version, key)));
      }
      return sessions;
    } catch (error) {
      logger.error({ tenant, service, cause: errorMessage(error) }, 'a lease could not be opened');
      throw new GatewayRefusal('LEASE_LOST');
    }
  }
}

/**
 * The core's memory is older than a flush that we have applied, or than what it, or another core, has granted before:
 * version numbers only grow. Taking it would wipe what our own data stands under.
 */
function isStale({ flushed, lease }: LeaseEntry, { activeVersion, living }: Grant): boolean {
  if (activeVersion < toldVersion(flushed)) return true;
  if (lease === undefined) return false;
  return activeVersion < lease.activeVersion || (living.at(-1) ?? 0) < lease.newest;
}
