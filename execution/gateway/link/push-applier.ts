/**
 * Applies what the core pushes (D7). Each push and the head it brings us to are one transaction, and whatever takes
 * something away takes effect in memory before that. Applying a push twice, or an old one late, changes nothing.
 */
import type { KeyFingerprint, ServiceName, TenantId } from '../../../contracts/index.ts';
import type { Logger } from '../../../platform/log.ts';
import { type NumberedPush, type Push, UNNUMBERED } from '../../mesh/index.ts';
import { isGatewayKey, type ManagedObject } from '../../objects/index.ts';
import type { Identities } from '../identities.ts';
import type { Store } from '../store/store.ts';
import type { Tenants } from '../tenants.ts';

/** What a push ends or changes in memory. */
export interface PushEffects {
  tenantClosed(tenant: TenantId): void;
  /** `version`: the active one since then, where one became so. */
  serviceFlushed(tenant: TenantId, service: ServiceName, version: number | undefined): void;
  /** Nothing ends, and nothing waits: the lease is to be refreshed. */
  serviceRotated(tenant: TenantId, service: ServiceName, version: number | undefined): void;
  /** `now`: as the core says it is; absent when it is no more. */
  objectChanged(uid: string, now?: ManagedObject): void;
  identityRemoved(fingerprint: KeyFingerprint): void;
  issuersChanged(): void;
}

export interface PushApplierOptions {
  readonly store: Store;
  readonly tenants: Tenants;
  readonly identities: Identities;
  readonly effects: PushEffects;
  readonly logger: Logger;
  /** Whether other processes apply the same pushes to the same store. */
  readonly isShared?: boolean;
  /** The head up to which `tenants` and `identities` have been loaded: read before them. Default: the store's. */
  readonly appliedHead?: number;
}

export class PushApplier {
  readonly #store: Store;
  readonly #isShared: boolean;
  readonly #tenants: Tenants;
  readonly #identities: Identities;
  readonly #effects: PushEffects;
  readonly #logger: Logger;
  #appliedHead: number;

  constructor(options: PushApplierOptions) {
    this.#store = options.store;
    this.#tenants = options.tenants;
    this.#identities = options.identities;
    this.#effects = options.effects;
    this.#logger = options.logger;
    this.#isShared = options.isShared ?? false;
    this.#appliedHead = options.appliedHead ?? options.store.appliedHead;
  }

  get appliedHead(): number {
    return this.#appliedHead;
  }

  /**
   * Applies pushes that follow the head without a gap, in one transaction. Returns false, and leaves the head where
   * it is, when one of them does not follow: what restricts is then applied all the same, the rest waits for a sync.
   */
  applyInOrder(pushes: readonly NumberedPush[]): boolean {
    const fresh = pushes.filter(({ number }) => number > this.#appliedHead);
    const gapless = fresh.every(({ number }, index) => number === this.#appliedHead + 1 + index);
    if (!gapless) {
      this.#applyAll(fresh.filter(({ push }) => restricts(push)));
      return false;
    }
    const head = fresh.at(-1)?.number ?? this.#appliedHead;
    this.#applyAll(fresh, head);
    return true;
  }

  /** What came with an answer: applied before the answer is relayed (D6). The head moves only with the feed itself. */
  applyEffects(pushes: readonly NumberedPush[]): void {
    if (pushes.length > 0) this.#applyAll(pushes);
  }

  /** Part of a sync, whose numbers the core answers for; `head` is given with the last part only. */
  applySynced(pushes: readonly NumberedPush[], head?: number): void {
    this.#applyAll(pushes, head);
  }

  /** The end of a snapshot: whoever it did not name is no longer there. */
  retainOnly(
    snapshot: {
      fingerprints: ReadonlySet<string>;
      issuers: ReadonlySet<string>;
      tenants: ReadonlySet<string>;
    },
    head: number,
  ): void {
    const { registry } = this.#store;
    const identities = registry.identities();
    const gone = identities.filter(({ fingerprint }) => !snapshot.fingerprints.has(fingerprint));
    const issuers = registry.issuers().filter(({ fingerprint }) => snapshot.issuers.has(fingerprint));
    const tenants = registry.tenants().filter(({ tenant }) => snapshot.tenants.has(tenant));
    this.#store.transaction(() => {
      registry.clear();
      for (const identity of identities) if (!gone.includes(identity)) registry.putIdentity(identity);
      for (const issuer of issuers) registry.putIssuer(issuer);
      for (const epochs of tenants) registry.putTenant(epochs);
      this.#store.setAppliedHead(head);
    });
    this.#appliedHead = head;
    this.#identities.reload();
    this.#tenants.reload();
    for (const { fingerprint } of gone) this.#effects.identityRemoved(fingerprint);
    this.#effects.issuersChanged();
  }

  #applyAll(pushes: readonly NumberedPush[], head?: number): void {
    const after: (() => void)[] = [];
    try {
      const durable = this.#isShared ? this.#store.appliedHead : 0;
      // Whoever shares the store was first: nothing is left to write.
      if ((head ?? 0) <= durable && pushes.every(({ number }) => isWithin(durable, number)))
        for (const { push } of pushes) this.#adopt(push, after);
      else this.#store.transaction(() => this.#write(pushes, head, after));
    } catch (error) {
      // Memory must not grant what the disk does not hold; what it refuses in excess, a restart or a sync mends.
      this.#identities.reload();
      throw error;
    }
    if (head !== undefined) this.#appliedHead = head;
    for (const effect of after) effect();
  }

  /** In a transaction. What others have written before is not written again: it may be old news by now. */
  #write(pushes: readonly NumberedPush[], head: number | undefined, after: (() => void)[]): void {
    const durable = this.#isShared ? this.#store.appliedHead : 0;
    for (const { number, push } of pushes) {
      if (isWithin(durable, number)) this.#adopt(push, after);
      else this.#applyOne(push, after);
    }
    if (head !== undefined && head >= durable) this.#store.setAppliedHead(head);
  }

  /** The effects of a push that stands in the store already, with whatever came after it. */
  #adopt(push: Push, after: (() => void)[]): true {
    switch (push.kind) {
      case 'identity.put':
        if (!this.#identities.adopt(push.identity.fingerprint))
          this.#effects.identityRemoved(push.identity.fingerprint);
        return true;
      case 'identity.remove':
        this.#identities.adopt(push.fingerprint);
        this.#effects.identityRemoved(push.fingerprint);
        return true;
      case 'issuer.put':
        if (this.#identities.adoptIssuer(push.fingerprint)) after.push(() => this.#effects.issuersChanged());
        return true;
      case 'tenant.closed':
        this.#tenants.adopt(push.tenant);
        // Also when it is open again: what was opened before the closure must not live on.
        this.#effects.tenantClosed(push.tenant);
        return true;
      case 'tenant.opened':
        this.#tenants.adopt(push.tenant);
        return true;
      case 'service.flush':
      case 'service.rotated':
        this.#applyOne(push, after);
        return true;
      case 'object.put':
        this.#effects.objectChanged(push.object.uid, push.object.wrapped === null ? undefined : push.object);
        return true;
      case 'object.destroyed':
        this.#effects.objectChanged(push.uid);
        return true;
      case 'announce.asked':
        return true;
    }
  }

  #applyOne(push: Push, after: (() => void)[]): void {
    const { keys } = this.#store;
    switch (push.kind) {
      case 'identity.put':
        this.#identities.put(push.identity);
        return;
      case 'identity.remove':
        this.#identities.remove(push.fingerprint);
        this.#effects.identityRemoved(push.fingerprint);
        return;
      case 'issuer.put':
        if (this.#identities.putIssuer({ fingerprint: push.fingerprint, pem: push.certificatePem })) {
          after.push(() => this.#effects.issuersChanged());
        }
        return;
      case 'tenant.closed':
        if (this.#tenants.close(push.tenant, push.epoch)) {
          this.#logger.warn(
            { tenant: push.tenant, epoch: push.epoch, reason: 'LINK_CLOSED' },
            'tenant closed',
          );
        }
        // Also when it was closed before: wiping twice is cheaper than reasoning about what came in between.
        if (this.#tenants.isClosed(push.tenant)) this.#effects.tenantClosed(push.tenant);
        return;
      case 'tenant.opened':
        this.#tenants.open(push.tenant, push.epoch);
        return;
      case 'service.flush':
        this.#effects.serviceFlushed(push.tenant, push.service, push.version);
        return;
      case 'service.rotated':
        // After the head has moved: the core must see that we know all that came before.
        after.push(() => this.#effects.serviceRotated(push.tenant, push.service, push.version));
        return;
      case 'object.put': {
        const { object } = push;
        if (object.wrapped === null) {
          this.#applyOne({ kind: 'object.destroyed', tenant: object.tenant, uid: object.uid }, after);
          return;
        }
        // Only plain symmetric keys are served here (D9); other objects stay with the core.
        if (!isGatewayKey(object)) return;
        // Where others write to the store, what it knew says nothing of this process's memory.
        if (keys.apply(object) || this.#isShared)
          after.push(() => this.#effects.objectChanged(object.uid, object));
        return;
      }
      case 'announce.asked':
        // The feed has seen to it: there is nothing to apply.
        return;
      case 'object.destroyed':
        this.#effects.objectChanged(push.uid);
        keys.destroy(push.tenant, push.uid);
        after.push(() => this.#effects.objectChanged(push.uid));
        return;
    }
  }
}

/** Whether a store with that head holds the push. A key that comes with an answer (D6) has no number, and no head tells of it. */
function isWithin(durable: number, number: number): boolean {
  return number !== UNNUMBERED && number <= durable;
}

/** Whether a push takes something away: it may be applied early, and applying it again in its turn is harmless. */
function restricts(push: Push): boolean {
  return (
    push.kind === 'tenant.closed' ||
    push.kind === 'identity.remove' ||
    push.kind === 'object.destroyed' ||
    push.kind === 'service.flush'
  );
}
