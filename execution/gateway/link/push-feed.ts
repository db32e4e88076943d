/**
 * Keeps this gateway at the head of the region's changes (D7): a subscription brings each push as it happens, a sync
 * fetches what was missed, and a gap that does not close within MAX_GAP_MS stops the serving of leased keys.
 */
import { backoffMs } from '../../../platform/backoff.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { MeshOperation, type NumberedPush, UNNUMBERED } from '../../mesh/index.ts';
import { BACKOFF, LEASE_DEADLINE_MS, MAX_GAP_MS, MAX_OPEN_GAPS } from '../limits.ts';
import type { CoreLink } from './core-link.ts';
import type { PushApplier } from './push-applier.ts';
import type { Subscription, SubscriptionHandlers } from './subscription.ts';

export interface PushFeedOptions {
  readonly link: CoreLink;
  readonly applier: PushApplier;
  /** Opens the second connection; `after` is the head that we have. */
  readonly subscribe: (after: number, handlers: SubscriptionHandlers) => Subscription;
  /** The core asks for all keys that were made here by now to be announced. */
  readonly onAsked?: (asked: number) => void;
  readonly logger: Logger;
}

interface Gap {
  head: number;
  readonly sinceMs: number;
}

export class PushFeed {
  readonly #link: CoreLink;
  readonly #applier: PushApplier;
  readonly #subscribe: PushFeedOptions['subscribe'];
  readonly #onAsked: PushFeedOptions['onAsked'];
  readonly #logger: Logger;
  #subscription: Subscription | undefined;
  #syncing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  /** Highest head that the core has told us of. */
  #knownHead = 0;
  /**
   * Heads that we have not reached, ascending, each with the moment (monotonic) since when we have known of it. One
   * for each observation: where changes come all the time, we are never at the newest head, and yet never late.
   */
  readonly #gaps: Gap[] = [];
  #closed = false;

  constructor(options: PushFeedOptions) {
    this.#link = options.link;
    this.#applier = options.applier;
    this.#subscribe = options.subscribe;
    this.#onAsked = options.onAsked;
    this.#logger = options.logger;
    options.link.onUp(() => this.#restart());
  }

  get knownHead(): number {
    return Math.max(this.#knownHead, this.#applier.appliedHead);
  }

  /**
   * Whether leased keys may be served. A gap that was known when the core went out of reach stays a gap: what we
   * missed may be a revocation.
   */
  get isCurrent(): boolean {
    const oldest = this.#oldestGap();
    return oldest === undefined || performance.now() - oldest.sinceMs <= MAX_GAP_MS;
  }

  /** The core has told us of its head, in a heartbeat or beside a lease. */
  observeHead(head: number): void {
    this.#knownHead = Math.max(this.#knownHead, head);
    this.#note(head);
    const oldest = this.#oldestGap();
    // With each heartbeat, until one sync succeeds.
    if (oldest !== undefined && performance.now() - oldest.sinceMs > MAX_GAP_MS / 2) this.#closeGap();
  }

  /** Resolves when we have all that the core had when this was called. Rejects with the refusal to give the client. */
  sync(): Promise<void> {
    this.#syncing ??= this.#runSync().finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#subscription?.close();
  }

  #oldestGap(): Gap | undefined {
    const { appliedHead } = this.#applier;
    while (this.#gaps[0] !== undefined && this.#gaps[0].head <= appliedHead) this.#gaps.shift();
    return this.#gaps[0];
  }

  #note(head: number): void {
    const last = this.#gaps.at(-1);
    if (head <= Math.max(this.#applier.appliedHead, last?.head ?? 0)) return;
    if (last !== undefined && this.#gaps.length >= MAX_OPEN_GAPS) {
      // It counts from earlier than it should, which errs on the safe side.
      last.head = head;
      return;
    }
    const gap: Gap = { head, sinceMs: performance.now() };
    this.#gaps.push(gap);
    // The push is probably on its way; if not, a sync fetches it well before MAX_GAP_MS.
    setTimeout(() => {
      if (gap.head > this.#applier.appliedHead) this.#closeGap();
    }, MAX_GAP_MS / 2).unref();
  }

  #closeGap(): void {
    if (this.#oldestGap() === undefined || !this.#link.isUp || this.#closed) return;
    this.sync().catch((error: unknown) => {
      this.#logger.warn(
        { reason: 'NOT_SYNCED', cause: errorMessage(error) },
        'changes of the core could not be fetched',
      );
    });
  }

  /** Fetches what was missed, then listens from there. */
  #restart(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#subscription?.close();
    this.#subscription = undefined;
    this.sync().then(
      () => {
        if (this.#closed || this.#subscription !== undefined) return;
        const subscription = this.#subscribe(this.#applier.appliedHead, {
          onPushes: (pushes) => this.#receive(pushes),
          onClosed: (cause) => {
            if (this.#subscription === subscription) this.#later(cause);
          },
        });
        this.#subscription = subscription;
      },
      (error: unknown) => this.#later(error),
    );
  }

  #later(cause: unknown): void {
    this.#subscription = undefined;
    if (this.#closed) return;
    this.#logger.warn(
      { reason: 'SUBSCRIPTION_LOST', cause: errorMessage(cause) },
      'the subscription to the core has ended',
    );
    clearTimeout(this.#retry);
    this.#retry = setTimeout(
      () => {
        if (this.#link.isUp) this.#restart();
      },
      backoffMs(this.#attempt++, BACKOFF),
    );
    this.#retry.unref();
  }

  #receive(received: readonly NumberedPush[]): void {
    this.#attempt = 0;
    const changes = received.filter(({ number }) => number !== UNNUMBERED);
    if (changes.length > 0) {
      const inOrder = this.#applier.applyInOrder(changes);
      this.observeHead(Math.max(...changes.map(({ number }) => number)));
      if (!inOrder) this.#closeGap();
    }
    for (const { push } of received) if (push.kind === 'announce.asked') this.#onAsked?.(push.asked);
  }

  async #runSync(): Promise<void> {
    const seen = { fingerprints: new Set<string>(), issuers: new Set<string>(), tenants: new Set<string>() };
    let after = this.#applier.appliedHead;
    let isSnapshot = false;
    for (;;) {
      const page = await this.#link.ask('hot', MeshOperation.Sync, { after }, LEASE_DEADLINE_MS);
      isSnapshot ||= page.snapshot;
      const last = page.pushes.at(-1)?.number ?? page.head;
      if (isSnapshot) {
        for (const { push } of page.pushes) note(push, seen);
        // The head moves with the last page only: an interrupted snapshot starts anew.
        this.#applier.applySynced(page.pushes);
        if (!page.more) this.#applier.retainOnly(seen, Math.max(last, after));
      } else if (last > this.#applier.appliedHead) {
        this.#applier.applySynced(page.pushes, page.more ? last : Math.max(last, page.head));
      }
      if (!page.more) {
        this.observeHead(page.head);
        return;
      }
      if (last <= after) throw new Error('a page of changes brought us no further');
      after = last;
    }
  }
}

function note(
  push: NumberedPush['push'],
  seen: { fingerprints: Set<string>; issuers: Set<string>; tenants: Set<string> },
): void {
  if (push.kind === 'identity.put') seen.fingerprints.add(push.identity.fingerprint);
  else if (push.kind === 'issuer.put') seen.issuers.add(push.fingerprint);
  else if (push.kind === 'tenant.closed' || push.kind === 'tenant.opened') seen.tenants.add(push.tenant);
}
