/**
 * The heartbeat (D7): each second it tells the core how far we are, renews the leases that we hold, hands over audit
 * events, and learns of changes that did not reach us. It alone decides whether the core is in reach.
 */
import { backoffMs } from '../../../platform/backoff.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import { KmipError } from '../../kmip/index.ts';
import { type AuditEvent, encodeMeshRequest, MAX_AUDIT_EVENTS, MeshOperation } from '../../mesh/index.ts';
import type { LeaseBook } from '../keys/lease-book.ts';
import { leaseNowMs } from '../keys/lease-clock.ts';
import {
  HEARTBEAT_INTERVAL_MS,
  HEARTBEAT_JITTER,
  HEARTBEAT_TIMEOUT_MS,
  MIN_RECONNECT_MS,
  RECONNECT,
} from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Store } from '../store/store.ts';
import type { CoreLink } from './core-link.ts';
import type { PushApplier } from './push-applier.ts';
import type { PushFeed } from './push-feed.ts';

export interface HeartOptions {
  readonly link: CoreLink;
  readonly store: Store;
  readonly applier: PushApplier;
  readonly feed: PushFeed;
  readonly leases: LeaseBook;
  readonly logger: Logger;
  /** Whether this process hands over audit events: of several on one store one does. Default: it does. */
  readonly leads?: () => boolean;
}

const NONE: ReturnType<Store['audit']['oldest']> = {
  events: [],
  upTo: 0,
  encoded: [],
  encodedEvents: 0,
  encodedUpTo: 0,
};

export class Heart {
  readonly #options: HeartOptions;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #stopped = false;
  /** The core has just answered with audit events as its trouble: they wait for the next regular beat. */
  #auditIsStuck = false;
  /** Beats in a row that have found no core. */
  #failures = 0;

  constructor(options: HeartOptions) {
    this.#options = options;
    // Whichever lane noticed it: a line that broke for a moment is not given up for a second.
    options.link.onDown(() => {
      if (this.#beating === undefined) this.#schedule();
    });
  }

  get #leads(): boolean {
    return this.#options.leads?.() ?? true;
  }

  /** Resolves after the first beat, whether the core answered or not. */
  async start(): Promise<void> {
    await this.beat();
  }

  /** One beat now; beats never overlap. */
  beat(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
      this.#schedule();
    });
    return this.#beating;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.beat(), this.#pauseMs());
  }

  #pauseMs(): number {
    const { link, store } = this.#options;
    if (!link.isUp) return MIN_RECONNECT_MS + backoffMs(this.#failures, RECONNECT);
    // More audit events than one beat takes do not wait a second for the next.
    if (this.#leads && !this.#auditIsStuck && store.audit.size >= MAX_AUDIT_EVENTS) return 0;
    return HEARTBEAT_INTERVAL_MS * (1 - HEARTBEAT_JITTER * Math.random());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
  }

  async #beat(): Promise<void> {
    const { link, store, logger } = this.#options;
    store.refresh();
    const { events, encoded, upTo, encodedUpTo } = this.#leads ? store.audit.oldest(MAX_AUDIT_EVENTS) : NONE;
    this.#auditIsStuck = false;
    try {
      try {
        await this.#ask(this.#sendable(events), encoded);
        if (upTo > 0 || encodedUpTo > 0) await store.commit(() => store.audit.acknowledge(upTo, encodedUpTo));
      } catch (error) {
        // Only what the core itself answered: it is in reach, and what it fails on may be the events.
        if (
          events.length + encoded.length === 0 ||
          error instanceof GatewayRefusal ||
          !(error instanceof KmipError)
        )
          throw error;
        await this.#ask([], []);
        this.#auditIsStuck = true;
        logger.error(
          { reason: 'AUDIT_NOT_TAKEN', waiting: store.audit.size, cause: errorMessage(error) },
          'the core does not take audit events; they are kept',
        );
      }
      this.#failures = 0;
      link.markUp();
    } catch (error) {
      this.#failures += 1;
      link.markDown(error);
      logger.debug({ cause: errorMessage(error) }, 'heartbeat failed');
    }
  }

  async #ask(audit: readonly AuditEvent[], encoded: readonly Uint8Array[]): Promise<void> {
    const { link, store, applier, feed, leases } = this.#options;
    const held = leases.held();
    const sentAtMs = leaseNowMs();
    const response = await link.ask(
      'heart',
      MeshOperation.Heartbeat,
      {
        appliedHead: applier.appliedHead,
        backlog: store.keys.backlog,
        leases: held.map(({ tenant, service, idleMs }) => ({ tenant, service, idleMs })),
        audit,
      },
      HEARTBEAT_TIMEOUT_MS,
      encoded,
    );
    leases.renew(held, response, sentAtMs);
    feed.observeHead(response.head);
  }

  /** One event that no message can carry must not keep the others, nor the heartbeat itself, from the core. */
  #sendable(events: readonly AuditEvent[]): readonly AuditEvent[] {
    if (isSendable(events)) return events;
    return events.filter((event) => {
      if (isSendable([event])) return true;
      this.#options.logger.error({ reason: 'AUDIT_UNSENDABLE', dropped: event }, 'an audit event is dropped');
      return false;
    });
  }
}

function isSendable(audit: readonly AuditEvent[]): boolean {
  if (audit.length === 0) return true;
  try {
    encodeMeshRequest(MeshOperation.Heartbeat, { appliedHead: 0, backlog: 0, leases: [], audit });
    return true;
  } catch {
    return false;
  }
}
