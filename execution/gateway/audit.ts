/**
 * What this gateway sees and the region's audit trail must hold: kept in the store until the core has acknowledged it
 * with a heartbeat. A flood of refusals is recorded as a sum, so that nobody can fill the trail from outside.
 */
import { randomUUID } from 'node:crypto';
import type { CorrelationId } from '../../contracts/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { AuditEvent, GatewayIdentity } from '../mesh/index.ts';
import type { ManagedObject } from '../objects/index.ts';
import {
  MAX_AUDIT_TEXT_LENGTH,
  MAX_GATHERED_READS,
  MAX_NOTED_CLIENT_IVS,
  MAX_REFUSAL_EVENTS_PER_SECOND,
  READ_GATHER_MS,
} from './limits.ts';
import type { Store } from './store/store.ts';

export type NewAuditEvent = Omit<AuditEvent, 'id' | 'at'>;

/** Who did it: the context of a request is one. */
export interface Actor {
  readonly requester: { readonly identity: GatewayIdentity; readonly peer: string };
  readonly correlationId: CorrelationId;
}

export class Audit {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #notedIvs = new Set<string>();
  #second = 0;
  #inSecond = 0;
  #suppressed = 0;
  #reads: AuditEvent[] = [];
  #readTimer: NodeJS.Timeout | undefined;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Whether there is no room for what must be recorded. */
  get isFull(): boolean {
    return this.#store.audit.isFull;
  }

  /** Inside the transaction that makes the object durable: no key without its entry. */
  created(object: ManagedObject, by: Actor): void {
    this.#store.audit.append(
      stamped({
        event: 'OBJECT_CREATED',
        outcome: 'success',
        uid: object.uid,
        operation: 'Create',
        ...whoOf(by),
      }),
    );
  }

  /** `created` has been written, and the key could not be; or nobody knows. */
  notCreated(object: ManagedObject, by: Actor, reason: string): void {
    const event = 'OBJECT_CREATED';
    this.#write({ event, outcome: 'failed', reason, uid: object.uid, operation: 'Create', ...whoOf(by) });
  }

  /**
   * A key is given out. Reads are on the hot path: they are gathered, so that many share one flush to disk, and the
   * answer does not wait for it.
   */
  read(object: ManagedObject, by: Actor): void {
    this.#reads.push(
      stamped({
        event: 'OBJECT_READ',
        outcome: 'success',
        uid: object.uid,
        operation: 'Get',
        ...whoOf(by),
      }),
    );
    if (this.#reads.length >= MAX_GATHERED_READS) void this.flush();
    else this.#readTimer ??= setTimeout(() => void this.flush(), READ_GATHER_MS).unref();
  }

  /** Resolves when the reads so far are durable; a failure is logged with what it lost. */
  async flush(): Promise<void> {
    clearTimeout(this.#readTimer);
    this.#readTimer = undefined;
    const reads = this.#reads;
    if (reads.length === 0) return;
    this.#reads = [];
    try {
      await this.#store.commit(() => {
        for (const read of reads) this.#store.audit.append(read);
      });
    } catch (error) {
      this.#logger.error(
        { event: 'OBJECT_READ', uids: reads.map(({ uid }) => uid), cause: errorMessage(error) },
        'audit events could not be stored',
      );
    }
  }

  /** A client's own IV is obeyed and noted (D5), once for each key and start: what matters is that it happens. */
  clientIv(object: ManagedObject, by: Actor): void {
    if (this.#notedIvs.has(object.uid)) return;
    if (this.#notedIvs.size >= MAX_NOTED_CLIENT_IVS) this.#notedIvs.clear();
    this.#notedIvs.add(object.uid);
    this.#write({
      event: 'CLIENT_IV_USED',
      outcome: 'success',
      uid: object.uid,
      operation: 'Encrypt',
      ...whoOf(by),
    });
  }

  /** A refusal, of a connection or of an operation. */
  refused(event: NewAuditEvent): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
      this.#flushSuppressed();
    }
    if (++this.#inSecond > MAX_REFUSAL_EVENTS_PER_SECOND) this.#suppressed += 1;
    else this.#write(event);
  }

  note(event: NewAuditEvent): void {
    this.#write(event);
  }

  #flushSuppressed(): void {
    if (this.#suppressed === 0) return;
    const reason = `${this.#suppressed} further refusals in the same second`;
    this.#suppressed = 0;
    this.#write({ event: 'REFUSALS_SUPPRESSED', outcome: 'refused', reason });
  }

  #write(event: NewAuditEvent): void {
    if (this.isFull) {
      this.#logger.error({ reason: 'AUDIT_FULL', event: event.event }, 'an audit event could not be kept');
      return;
    }
    this.#store
      .commit(() => this.#store.audit.append(stamped(event)))
      .catch((error: unknown) => {
        this.#logger.error(
          { event: event.event, cause: errorMessage(error) },
          'an audit event could not be stored',
        );
      });
  }
}

function stamped(event: NewAuditEvent): AuditEvent {
  const texts = Object.entries(event).map(([field, text]) => [field, harmless(text)]);
  return { id: randomUUID(), at: new Date().toISOString(), ...(Object.fromEntries(texts) as NewAuditEvent) };
}

/** Some texts come from clients. Neither KMIP nor PostgreSQL takes all of them, and one that is stuck stops the rest. */
function harmless(text: string): string {
  return text.slice(0, MAX_AUDIT_TEXT_LENGTH).toWellFormed().replaceAll('\0', '\uFFFD');
}

function whoOf({ requester, correlationId }: Actor) {
  const { tenant, application, fingerprint } = requester.identity;
  return { tenant, application, fingerprint, peer: requester.peer, correlationId };
}
