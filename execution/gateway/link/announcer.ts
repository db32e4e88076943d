/**
 * Tells the core of the keys that this gateway made (D6): in the background, oldest first, in batches, again and again
 * until the core has answered for each; a refusal is an answer too. It survives restarts, since what waits is in the store.
 */
import type { TenantId } from '../../../contracts/index.ts';
import { backoffMs, withDeadline } from '../../../platform/backoff.ts';
import { errorMessage } from '../../../platform/errors.ts';
import type { Logger } from '../../../platform/log.ts';
import {
  type AnnounceOutcome,
  MAX_ANNOUNCE_BYTES,
  MeshOperation,
  type MeshResponse,
} from '../../mesh/index.ts';
import { encodeObject, type ManagedObject } from '../../objects/index.ts';
import type { Audit } from '../audit.ts';
import {
  ANNOUNCE_BATCH,
  BACKOFF,
  FLUSH_DEADLINE_MS,
  MIN_ANNOUNCE_BATCH,
  TUNNEL_TIMEOUT_MS,
} from '../limits.ts';
import { GatewayRefusal } from '../refusals.ts';
import type { Settlement, WaitingKeys } from '../store/key-store.ts';
import type { Store } from '../store/store.ts';
import type { CoreLink } from './core-link.ts';

export interface AnnouncerOptions {
  readonly link: CoreLink;
  readonly store: Store;
  readonly audit: Audit;
  readonly logger: Logger;
  /** The core has changed or destroyed an object that we announced. */
  readonly onChanged: (uid: string) => void;
  /** Whether this process announces: of several on one store one does. Default: it does. */
  readonly leads?: () => boolean;
}

/** How long new keys gather before they are announced. */
const GATHER_MS = 20;

export class Announcer {
  readonly #options: AnnouncerOptions;
  /** Announcements go one after another: the tail of the line. */
  #line: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #attempt = 0;
  /** Keys of the next announcement. */
  #batch = ANNOUNCE_BATCH;
  #stopped = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    options.link.onUp(() => this.kick());
  }

  /** There is, or may be, something to announce. */
  kick(): void {
    this.#schedule(GATHER_MS);
  }

  /**
   * Resolves when the core knows every key of the tenant that was durable when this was called, but for those that it
   * has refused to take.
   *
   * @throws GatewayRefusal CORE_UNREACHABLE, CORE_BUSY
   */
  async flush(tenant: TenantId): Promise<void> {
    const { store, link } = this.#options;
    const counted = store.keys.backlogOf(tenant);
    let left = typeof counted === 'number' ? counted : await counted;
    if (left === 0) return;
    if (!link.isUp) throw new GatewayRefusal('CORE_UNREACHABLE');
    const work = async (signal: AbortSignal): Promise<void> => {
      while (left > 0 && !signal.aborted) {
        const announced = await this.#inLine(() => this.#announceSome(tenant));
        if (announced === 0) return;
        left -= announced;
      }
    };
    try {
      await withDeadline(FLUSH_DEADLINE_MS, 'announcing new keys to the core', work);
    } catch (error) {
      if (error instanceof GatewayRefusal)
        throw error.refusal === 'STORE_UNREACHABLE' ? error : new GatewayRefusal('CORE_UNREACHABLE');
      this.#options.logger.warn(
        { tenant, cause: errorMessage(error) },
        'new keys could not be announced in time',
      );
      throw new GatewayRefusal('CORE_BUSY');
    }
  }

  /** Announces all that waits; resolves when nothing does, when the core is away, or after `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    const { link, store, logger } = this.#options;
    const work = async (signal: AbortSignal): Promise<void> => {
      while (link.isUp && store.keys.backlog > 0 && !signal.aborted) {
        if ((await this.#inLine(() => this.#announceSome())) === 0) return;
      }
    };
    await withDeadline(withinMs, 'announcing what waits', work).catch((error: unknown) => {
      logger.info(
        { cause: errorMessage(error), backlog: store.keys.backlog },
        'keys wait for the next start',
      );
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#line;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#round();
    }, delayMs);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const { link, store, logger, leads } = this.#options;
    if (leads?.() === false) return;
    // Of a store that is asked over a line, another process may have put a key there just now.
    if (!link.isUp || (store.keys.answersAtOnce && store.keys.backlog === 0)) return;
    try {
      await this.#inLine(() => this.#announceSome());
      this.#attempt = 0;
      if (store.keys.backlog > 0) this.#schedule(0);
    } catch (error) {
      logger.warn({ cause: errorMessage(error), backlog: store.keys.backlog }, 'announcing new keys failed');
      this.#schedule(backoffMs(this.#attempt++, BACKOFF));
    }
  }

  #inLine<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#line.then(work);
    this.#line = next.catch(() => undefined);
    return next;
  }

  /** One batch; returns how many keys no longer wait, since the core has answered for them or they cannot be sent. */
  async #announceSome(tenant?: TenantId): Promise<number> {
    const { store } = this.#options;
    if (this.#stopped) return 0;
    const waiting = await store.keys.waiting(this.#batch, tenant);
    await this.#setAside(waiting.damaged);
    const objects = withinSize(waiting.objects);
    if (objects.length === 0) return waiting.damaged.length;
    const { outcomes } = await this.#ask(objects);
    const asked = new Map(objects.map((object) => [object.uid, object]));
    const answers = outcomes.flatMap((outcome) => {
      const object = asked.get(outcome.uid);
      return object === undefined ? [] : [{ object, outcome }];
    });
    if (answers.length === 0) throw new Error('the core answered for none of the keys announced');
    await store.keys.settle(answers.map(({ object, outcome }) => settlementOf(object, outcome)));
    for (const { object, outcome } of answers) {
      if (outcome.outcome === 'tombstone' || outcome.outcome === 'name-conflict')
        this.#options.onChanged(object.uid);
      if (outcome.outcome === 'refused') this.#reportRefused(object, outcome.reason);
    }
    return answers.length + waiting.damaged.length;
  }

  /** A core that has too much to do for many keys at once may have time for few. */
  async #ask(objects: readonly ManagedObject[]): Promise<MeshResponse<typeof MeshOperation.Announce>> {
    const { link } = this.#options;
    try {
      const answer = await link.ask('bulk', MeshOperation.Announce, { objects }, TUNNEL_TIMEOUT_MS);
      this.#batch = Math.min(ANNOUNCE_BATCH, 2 * this.#batch);
      return answer;
    } catch (error) {
      this.#batch = Math.max(MIN_ANNOUNCE_BATCH, Math.floor(this.#batch / 2));
      throw error;
    }
  }

  async #setAside(damaged: WaitingKeys['damaged']): Promise<void> {
    if (damaged.length === 0) return;
    await this.#options.store.keys.settle(damaged.map((key) => ({ outcome: 'refused', ...key })));
    for (const key of damaged) this.#reportRefused(key, 'OBJECT_MALFORMED');
  }

  #reportRefused({ uid, tenant }: { readonly uid: string; readonly tenant: string }, reason: string): void {
    const { logger, audit } = this.#options;
    logger.error(
      { uid, tenant, reason },
      'the core does not take a key: it exists at this gateway only, and is offered again when the gateway starts',
    );
    audit.refused({
      event: 'ANNOUNCE_REFUSED',
      outcome: 'refused',
      reason,
      tenant,
      uid,
    });
  }
}

function settlementOf(known: ManagedObject, answer: AnnounceOutcome): Settlement {
  const { tenant, uid } = known;
  switch (answer.outcome) {
    case 'accepted':
    case 'known':
      return { outcome: 'announced', known };
    case 'tombstone':
      return { outcome: 'destroyed', tenant, uid };
    case 'name-conflict':
      return { outcome: 'changed', known, object: answer.object };
    case 'refused':
      return { outcome: 'refused', tenant, uid };
  }
}

/** As many as fit one message, one at least. */
function withinSize(objects: readonly ManagedObject[]): readonly ManagedObject[] {
  let sizeBytes = 0;
  const end = objects.findIndex((object, index) => {
    sizeBytes += encodeObject(object).length;
    return index > 0 && sizeBytes > MAX_ANNOUNCE_BYTES;
  });
  return end < 0 ? objects : objects.slice(0, end);
}
