/**
 * L3 keys in the core's memory. What makes it delicate is closure: a reading that began before a closure must not put
 * a key here after it (each reading holds a ticket, which `forget` cancels), and another core of the region may close
 * a link without telling this one (no key is handed out on facts older than `recheckMs`, and a sweep zeroises
 * what nobody asks for).
 */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import type { ParentKey } from '../../envelope/index.ts';
import { CutBook } from '../cuts.ts';
import { KeychainError } from '../errors.ts';
import { MAX_READ_ATTEMPTS } from '../limits.ts';
import { openLease } from '../links/lease.ts';
import { livingEpoch } from '../links/link-rules.ts';
import { type LinkFacts, readFacts } from '../links/link-store.ts';
import type { Realm } from '../realm.ts';
import { L2 } from '../stores/key-store.ts';
import type { Db } from '../tables.ts';
import { activeOf, living } from './key-history.ts';
import { type OpenL2, openLivingL2 } from './l2-access.ts';
import { historyOf } from './manifest.ts';
import { ServiceKeys } from './service-keys.ts';
import { loadTenant, openL3, recordOf, type StoredTenant } from './tenant-keys.ts';

interface Ticket {
  readonly tenant: TenantId;
  cancelled: boolean;
}
interface KnownFacts {
  readonly facts: LinkFacts;
  /** Monotonic, taken before the reading began. */
  readonly readAtMs: number;
}
/** What a reading found: all living versions, or those that are not held yet. */
interface ReadKeys {
  readonly facts: LinkFacts;
  readonly isWhole: boolean;
  readonly added: readonly ParentKey[];
  readonly living: ReadonlySet<number>;
  readonly activeVersion: number;
}
interface Held {
  readonly keys: ServiceKeys;
  /** The facts that were proved when the keys were opened; others must be proved anew. */
  proved: LinkFacts;
  /** Locked memory, when it was last looked at. */
  footprintBytes: number;
}

export class KeyCache {
  readonly #db: Db;
  readonly #realm: Realm;
  readonly #cuts: CutBook;
  readonly #facts = new Map<TenantId, KnownFacts>();
  /** By `tenant/service`, least recently used first; neither name can hold a slash. */
  readonly #held = new Map<string, Held>();
  /** How many services of each tenant are held. */
  readonly #servicesOf = new Map<TenantId, number>();
  #heldBytes = 0;
  readonly #tickets = new Set<Ticket>();
  /** Monotonic: facts read before it are not believed any more. */
  #believedSinceMs = 0;

  constructor(db: Db, realm: Realm) {
    this.#db = db;
    this.#realm = realm;
    this.#cuts = new CutBook(db, realm);
  }

  /** @throws KeychainError SEALED, TENANT_UNKNOWN, SERVICE_UNKNOWN, LINK_CLOSED, LINK_EXPIRED, RECORD_REJECTED, BUSY. */
  async serviceKeys(tenant: TenantId, service: ServiceName): Promise<ServiceKeys> {
    for (let attempt = 0; attempt < MAX_READ_ATTEMPTS; attempt++) {
      this.#realm.root();
      const ticket: Ticket = { tenant, cancelled: false };
      this.#tickets.add(ticket);
      try {
        await this.#refuseCut(tenant, service);
        const facts = await this.#freshFacts(ticket);
        if (ticket.cancelled) continue;
        const keys =
          this.#lookUp(facts, service) ??
          (await this.#renewed(ticket, facts, service)) ??
          (await this.#hydrate(ticket, service));
        if (keys !== null) return keys;
      } finally {
        this.#tickets.delete(ticket);
      }
    }
    throw new KeychainError('BUSY', tenant);
  }

  /** Zeroises what memory holds of the tenant, and keeps every reading that is under way from bringing it back. */
  forget(tenant: TenantId): void {
    for (const ticket of this.#tickets) if (ticket.tenant === tenant) ticket.cancelled = true;
    this.#facts.delete(tenant);
    for (const [name, held] of this.#held) if (held.keys.tenant === tenant) this.#drop(name, held);
  }

  /** Somebody has changed keys or links: the next who asks for any is answered by the database. */
  recheck(): void {
    this.#believedSinceMs = performance.now();
    this.#cuts.recheck();
  }

  forgetAll(): void {
    for (const ticket of this.#tickets) ticket.cancelled = true;
    this.#facts.clear();
    for (const [name, held] of this.#held) this.#drop(name, held);
  }

  /** Zeroises what has expired by this clock or has outgrown the memory, then what another core has closed. */
  async sweep(): Promise<void> {
    this.#weigh();
    this.#evict();
    for (const { facts } of this.#facts.values()) this.#forgetUnlessLiving(facts);
    const tenants = [...this.#facts.keys()];
    const tickets = tenants.map((tenant): Ticket => ({ tenant, cancelled: false }));
    for (const ticket of tickets) this.#tickets.add(ticket);
    try {
      const readAtMs = performance.now();
      const read = new Map((await readFacts(this.#db, tenants)).map((facts) => [facts.tenant, facts]));
      for (const ticket of tickets) {
        if (ticket.cancelled) continue;
        const facts = read.get(ticket.tenant);
        if (facts === undefined) this.forget(ticket.tenant);
        else if (this.#forgetUnlessLiving(facts) && this.#servicesOf.has(ticket.tenant))
          this.#facts.set(ticket.tenant, { facts, readAtMs });
      }
    } finally {
      for (const ticket of tickets) this.#tickets.delete(ticket);
    }
  }

  get heldServices(): number {
    return this.#held.size;
  }

  /** Sessions derive subkeys while they are held: what that adds is seen here, once for each sweep. */
  #weigh(): void {
    for (const held of this.#held.values()) {
      const footprintBytes = held.keys.footprintBytes;
      this.#heldBytes += footprintBytes - held.footprintBytes;
      held.footprintBytes = footprintBytes;
    }
  }

  async #freshFacts(ticket: Ticket): Promise<LinkFacts> {
    const { tenant } = ticket;
    const readAtMs = performance.now();
    const known = this.#facts.get(tenant);
    const isFresh =
      known !== undefined &&
      known.readAtMs >= this.#believedSinceMs &&
      readAtMs - known.readAtMs <= this.#realm.limits.recheckMs;
    if (isFresh) {
      this.#assertLiving(known.facts);
      return known.facts;
    }
    const [facts] = await readFacts(this.#db, [tenant]);
    if (facts === undefined) throw new KeychainError('TENANT_UNKNOWN', tenant);
    this.#assertLiving(facts);
    // Facts are kept only beside keys, so that this map is as bounded as the other.
    if (!ticket.cancelled && known !== undefined) this.#facts.set(tenant, { facts, readAtMs });
    return facts;
  }

  /**
   * To whoever is served a cut looks as a closed link does: that is what a drill is for.
   * @throws KeychainError LINK_CLOSED, with nothing of the service left in memory.
   */
  async #refuseCut(tenant: TenantId, service: ServiceName): Promise<void> {
    if (!(await this.#cuts.isCut(tenant, service))) return;
    const name = `${tenant}/${service}`;
    const held = this.#held.get(name);
    if (held !== undefined) this.#drop(name, held);
    throw new KeychainError('LINK_CLOSED', `${name} is cut off by a drill`);
  }

  #lookUp(facts: LinkFacts, service: ServiceName): ServiceKeys | null {
    const name = `${facts.tenant}/${service}`;
    const held = this.#held.get(name);
    if (held === undefined || !sameFacts(held.proved, facts)) return null;
    this.#held.delete(name);
    this.#held.set(name, held);
    return held.keys;
  }

  /**
   * A renewal has moved the expiry and nothing else: what is held is as good as before, once the lease has proved the new
   * expiry, to which it is bound. The store of keys is not asked, so that a renewal drops nothing while that is away.
   */
  async #renewed(ticket: Ticket, facts: LinkFacts, service: ServiceName): Promise<ServiceKeys | null> {
    const held = this.#held.get(`${ticket.tenant}/${service}`);
    if (held === undefined || facts.epochs.open === 0 || !sameKeys(held.proved, facts)) return null;
    (await openLease(this.#db, this.#realm, ticket.tenant, facts)).wipe();
    if (ticket.cancelled || held.keys.isWiped) return null;
    this.#assertLiving(facts);
    held.proved = facts;
    return held.keys;
  }

  /** Null: the link changed meanwhile, start over. */
  async #hydrate(ticket: Ticket, service: ServiceName): Promise<ServiceKeys | null> {
    const readAtMs = performance.now();
    const known = this.#sameLink(ticket.tenant, service);
    const read = await this.#readKeys(ticket.tenant, service, known);
    const { facts } = read;
    if (ticket.cancelled) {
      wipeAll(read.added);
      return null;
    }
    try {
      // Time has passed while reading.
      this.#assertLiving(facts);
    } catch (error) {
      wipeAll(read.added);
      throw error;
    }
    const faster = this.#lookUp(facts, service);
    if (faster !== null) {
      // Another reading was faster, and its keys may be in use.
      wipeAll(read.added);
      return faster;
    }
    return this.#keep(read, readAtMs, service, known);
  }

  /** Keys that were opened under the link that is still open: a rotation only adds to them. */
  #sameLink(tenant: TenantId, service: ServiceName): Held | undefined {
    const held = this.#held.get(`${tenant}/${service}`);
    return held === undefined || held.keys.isWiped ? undefined : held;
  }

  /** Null: what this reading counted on has changed meanwhile, start over. */
  #keep(read: ReadKeys, readAtMs: number, service: ServiceName, known: Held | undefined): ServiceKeys | null {
    const { facts, added, living, activeVersion } = read;
    const tenant = facts.tenant as TenantId;
    const name = `${tenant}/${service}`;
    const stale = this.#held.get(name);
    let keys: ServiceKeys;
    if (read.isWhole) {
      keys = new ServiceKeys(tenant, service, activeVersion, added);
      if (stale !== undefined) this.#drop(name, stale);
    } else {
      if (stale === undefined || stale !== known || stale.keys.isWiped) {
        wipeAll(added);
        return null;
      }
      keys = stale.keys;
      keys.update(activeVersion, added, living);
      this.#forgetName(name, stale);
    }
    this.#hold(name, { keys, proved: facts, footprintBytes: keys.footprintBytes });
    this.#facts.set(tenant, { facts, readAtMs });
    this.#evict(keys);
    return keys;
  }

  /** Least recently used first; `inUse` stays, whatever it takes, since its caller is about to use it. */
  #evict(inUse?: ServiceKeys): void {
    const { maxCachedServices, keyMemoryBytes } = this.#realm.limits;
    for (const [name, held] of this.#held) {
      if (this.#held.size <= maxCachedServices && this.#heldBytes <= keyMemoryBytes) return;
      if (held.keys !== inUse) this.#drop(name, held);
    }
  }

  /**
   * One snapshot, so that link, manifest and records belong together whatever commits meanwhile. Of keys that are held
   * under the same link, only the versions that are new are opened.
   */
  async #readKeys(tenant: TenantId, service: ServiceName, known: Held | undefined): Promise<ReadKeys> {
    const realm = this.#realm;
    return this.#db
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only')
      .execute(async (tx) => {
        const [facts] = await readFacts(tx, [tenant]);
        if (facts === undefined) throw new KeychainError('TENANT_UNKNOWN', tenant);
        const stored = await loadTenant(tx, realm, tenant, [L2, service]);
        const history = historyOf(stored.manifest, service);
        if (history === undefined) throw new KeychainError('SERVICE_UNKNOWN', `${tenant}/${service}`);
        const entries = living(history);
        const isWhole = known === undefined || !sameEpochs(known.proved, facts);
        const wanted = isWhole
          ? entries
          : entries.filter(({ version }) => known.keys.byVersion(version) === undefined);
        const parents = new Set(wanted.map((entry) => entry.parent));
        using l2 = await this.#openL2(tx, facts, stored, parents);
        const added: ParentKey[] = [];
        try {
          for (const entry of wanted) {
            const wrapped = recordOf(stored, service, entry.version);
            added.push(openL3(realm, tenant, service, l2.version(entry.parent), entry, wrapped));
          }
          const activeVersion = activeOf(history).version;
          return { facts, added, isWhole, activeVersion, living: new Set(entries.map((e) => e.version)) };
        } catch (error) {
          wipeAll(added);
          throw error;
        }
      });
  }

  /** A store of its own may be read between its write and the commit that belongs to it: that is no damage. */
  async #openL2(
    tx: Db,
    facts: LinkFacts,
    stored: StoredTenant,
    versions: ReadonlySet<number>,
  ): Promise<OpenL2> {
    const realm = this.#realm;
    try {
      return await openLivingL2(tx, realm, facts, stored, ({ version }) => versions.has(version));
    } catch (error) {
      const isBetween = !realm.store.isTransactional && stored.counter > (facts.manifestCounter ?? 0);
      if (isBetween && error instanceof KeychainError && error.code === 'RECORD_REJECTED')
        throw new KeychainError('BUSY', stored.tenant, { cause: error });
      throw error;
    }
  }

  /** @throws KeychainError LINK_CLOSED, LINK_EXPIRED, with nothing of the tenant left in memory. */
  #assertLiving(facts: LinkFacts): void {
    try {
      livingEpoch(facts.epochs, facts.expiresAtMs, this.#realm.now());
    } catch (error) {
      this.forget(facts.tenant as TenantId);
      throw error;
    }
  }

  #forgetUnlessLiving(facts: LinkFacts): boolean {
    try {
      this.#assertLiving(facts);
      return true;
    } catch {
      return false;
    }
  }

  #hold(name: string, held: Held): void {
    this.#held.set(name, held);
    this.#heldBytes += held.footprintBytes;
    const { tenant } = held.keys;
    this.#servicesOf.set(tenant, (this.#servicesOf.get(tenant) ?? 0) + 1);
  }

  #drop(name: string, held: Held): void {
    this.#forgetName(name, held);
    held.keys.wipe();
  }

  /** Facts go with the last of a tenant's services, so that their map is as bounded as the other. */
  #forgetName(name: string, held: Held): void {
    if (!this.#held.delete(name)) return;
    this.#heldBytes -= held.footprintBytes;
    const { tenant } = held.keys;
    const left = (this.#servicesOf.get(tenant) ?? 1) - 1;
    if (left > 0) this.#servicesOf.set(tenant, left);
    else {
      this.#servicesOf.delete(tenant);
      this.#facts.delete(tenant);
    }
  }
}

/** The link is the one that the keys were opened under. */
function sameEpochs(a: LinkFacts, b: LinkFacts): boolean {
  return a.epochs.open === b.epochs.open && a.epochs.closed === b.epochs.closed;
}

function wipeAll(keys: readonly ParentKey[]): void {
  for (const { key } of keys) key.wipe();
}

/** Everything that the right to these keys depends on. */
function sameFacts(a: LinkFacts, b: LinkFacts): boolean {
  return sameKeys(a, b) && a.expiresAtMs === b.expiresAtMs;
}

/** The same link, and no key was added or taken away. */
function sameKeys(a: LinkFacts, b: LinkFacts): boolean {
  return sameEpochs(a, b) && a.manifestCounter === b.manifestCounter;
}
