/**
 * What this gateway sees and the region's audit trail must hold: kept in the store until the core has acknowledged it
 * with a heartbeat. A flood of refusals is recorded as a sum, so that nobody can fill the trail from outside.
 *
 * Keys given out are noted in memory and written together. When neither memory nor store has room, because the store cannot
 * be written or the core has been away for too long, what must be recorded is refused, or goes on and is counted as lost:
 * whoever installs the gateway chooses.
 */
import { randomUUID } from 'node:crypto';
import type { CorrelationId } from '../../contracts/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { AuditEvent } from '../mesh/index.ts';
import type { ManagedObject } from '../objects/index.ts';
import { AuditEncoder, type HotEvent } from './audit-encoder.ts';
import { AuditRing, type Caller, type Correlation, type NotedRead } from './audit-ring.ts';
import {
  AUDIT_LOSS_REPORT_MS,
  AUDIT_RETRY_MS,
  MAX_AUDIT_BACKLOG,
  MAX_AUDIT_TEXT_LENGTH,
  MAX_EVENTS_PER_ENTRY,
  MAX_NOTED_CLIENT_IVS,
  MAX_NOTED_READS,
  MAX_READS_PER_WRITE,
  MAX_REFUSAL_EVENTS_PER_SECOND,
  READ_GATHER_MS,
} from './limits.ts';
import { GatewayRefusal } from './refusals.ts';
import type { Store } from './store/store.ts';

export type NewAuditEvent = Omit<AuditEvent, 'id' | 'at'>;

/** Who did it: the context of a request is one. */
export interface Actor {
  readonly requester: Caller;
  readonly correlationId: CorrelationId;
}

/** What happens to what must be recorded when there is no room for its entry. */
export type WhenAuditFull = 'refuse' | 'drop';

export interface AuditOptions {
  /** Default `refuse`. */
  readonly whenFull?: WhenAuditFull | undefined;
  /** Events that may wait in the store; default MAX_AUDIT_BACKLOG. */
  readonly maxWaiting?: number | undefined;
  /** Reads that may wait in memory; default MAX_NOTED_READS. */
  readonly maxNoted?: number | undefined;
  /** Hears of each event that is let go. */
  readonly onLost?: ((event: string) => void) | undefined;
  /** Puts a number that stands for a correlation id into words. */
  readonly correlationText?: ((number: number) => string) | undefined;
}

export class Audit {
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #options: AuditOptions;
  readonly #maxWaiting: number;
  readonly #encoder: AuditEncoder;
  readonly #notedIvs = new Set<string>();
  #second = 0;
  #inSecond = 0;
  #suppressed = 0;
  readonly #reads: AuditRing;
  #readTimer: NodeJS.Timeout | undefined;
  #writing: Promise<boolean> | undefined;
  #created = 0;
  #lost = 0;
  #lossTimer: NodeJS.Timeout | undefined;

  constructor(store: Store, logger: Logger, options: AuditOptions = {}) {
    this.#store = store;
    this.#logger = logger;
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? MAX_AUDIT_BACKLOG;
    this.#encoder = new AuditEncoder(options.correlationText ?? String);
    this.#reads = new AuditRing(options.maxNoted ?? MAX_NOTED_READS);
  }

  /** Whether what must be recorded is to be refused, since there is no room for its entry. */
  get isFull(): boolean {
    return this.#options.whenFull !== 'drop' && !this.#hasRoom;
  }

  /** Events that have not been handed over, in memory and in the store. */
  get waiting(): number {
    return this.#store.audit.size + this.#reads.size;
  }

  /** Keys given out and made whose entries were taken, since the start. */
  get noted(): number {
    return this.#reads.total + this.#created;
  }

  get #hasRoom(): boolean {
    return !this.#reads.isFull && this.#store.audit.size < this.#maxWaiting;
  }

  /** Inside the transaction that makes the object durable: no key without its entry. */
  created(object: ManagedObject, by: Actor): void {
    const entry = this.createdEntry(object.uid, by.requester, by.correlationId);
    if (entry !== undefined) this.#store.audit.appendEncoded(entry, 1);
  }

  /** `created` has been written, and the key could not be; or nobody knows. */
  notCreated(object: ManagedObject, by: Actor, reason: string): void {
    const event = 'OBJECT_CREATED';
    this.#write({ event, outcome: 'failed', reason, uid: object.uid, operation: 'Create', ...whoOf(by) });
  }

  /**
   * The entry of a new key, for the transaction that makes it durable; undefined when it is let go.
   *
   * @throws GatewayRefusal AUDIT_FULL
   */
  createdEntry(uid: string, by: Caller, correlation: Correlation): Uint8Array | undefined {
    if (!this.#hasRoom) {
      this.#refuseOrLose('OBJECT_CREATED');
      return undefined;
    }
    const noted = { number: this.#created++, uid, by, correlation, atMs: Date.now() };
    return this.#encoder.encode('OBJECT_CREATED', [noted]);
  }

  /**
   * A key is given out. Reads are on the hot path: they are noted, and written together soon after, so that many share one
   * entry and one flush to disk; the answer does not wait for it.
   *
   * @throws GatewayRefusal AUDIT_FULL
   */
  read(object: ManagedObject, by: Actor): void {
    this.noteRead(object.uid, by.requester, by.correlationId);
  }

  noteRead(uid: string, by: Caller, correlation: Correlation): void {
    if (!this.#hasRoom) {
      this.#refuseOrLose('OBJECT_READ');
      return;
    }
    this.#reads.add(uid, by, correlation);
    if (this.#readTimer === undefined && this.#writing === undefined) this.#writeSoon(READ_GATHER_MS);
  }

  /** Resolves when the reads so far are durable, or cannot be written; those stay noted. */
  async flush(): Promise<void> {
    await this.#writing;
    while (this.#reads.size > 0 && (await this.#writeReads())) {
      // The next lot.
    }
  }

  /** Nothing is written any more. */
  close(): void {
    clearTimeout(this.#readTimer);
    clearTimeout(this.#lossTimer);
  }

  #writeSoon(delayMs: number): void {
    this.#readTimer = setTimeout(() => {
      this.#readTimer = undefined;
      void this.#writeReads();
    }, delayMs);
    this.#readTimer.unref();
  }

  /** One lot of the reads that are noted. False: it could not be written, and is tried again. */
  #writeReads(): Promise<boolean> {
    this.#writing ??= this.#writeLot().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeLot(): Promise<boolean> {
    clearTimeout(this.#readTimer);
    this.#readTimer = undefined;
    const reads = this.#reads.oldest(MAX_READS_PER_WRITE);
    if (reads.length === 0) return true;
    const entries = this.#entriesOf('OBJECT_READ', reads);
    try {
      await this.#store.commit(() => {
        for (const { bytes, events } of entries) this.#store.audit.appendEncoded(bytes, events);
      });
    } catch (error) {
      this.#logger.error(
        { reason: 'AUDIT_UNWRITTEN', noted: this.#reads.size, cause: errorMessage(error) },
        'audit events could not be stored; they are kept in memory and tried again',
      );
      this.#writeSoon(AUDIT_RETRY_MS);
      return false;
    }
    this.#reads.drop(reads.length);
    if (this.#reads.size > 0) this.#writeSoon(READ_GATHER_MS);
    return true;
  }

  #entriesOf(event: HotEvent, reads: readonly NotedRead[]) {
    const entries: { readonly bytes: Uint8Array; readonly events: number }[] = [];
    for (let from = 0; from < reads.length; from += MAX_EVENTS_PER_ENTRY) {
      const some = reads.slice(from, from + MAX_EVENTS_PER_ENTRY);
      entries.push({ bytes: this.#encoder.encode(event, some), events: some.length });
    }
    return entries;
  }

  /** The room may have gone since the request was let in. @throws GatewayRefusal AUDIT_FULL */
  #refuseOrLose(event: HotEvent): void {
    if (this.#options.whenFull !== 'drop') throw new GatewayRefusal('AUDIT_FULL');
    this.#lose(event);
  }

  /** The trail is incomplete: counted, logged at once and then as sums, and recorded when there is room again. */
  #lose(event: string): void {
    this.#options.onLost?.(event);
    this.#lost += 1;
    if (this.#lossTimer !== undefined) return;
    this.#logger.error({ reason: 'AUDIT_LOST', event }, 'there is no room for an audit event: it is let go');
    this.#reportLossSoon();
  }

  #reportLossSoon(): void {
    this.#lossTimer = setTimeout(() => {
      this.#lossTimer = undefined;
      this.#reportLoss();
    }, AUDIT_LOSS_REPORT_MS);
    this.#lossTimer.unref();
  }

  #reportLoss(): void {
    if (!this.#hasRoom) {
      this.#reportLossSoon();
      return;
    }
    const lost = this.#lost;
    this.#lost = 0;
    this.#logger.error({ reason: 'AUDIT_LOST', lost }, 'there is room for audit events again');
    this.#write({ event: 'AUDIT_LOST', outcome: 'failed', reason: `${lost} audit events were let go` });
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
    if (!this.#hasRoom) {
      this.#lose(event.event);
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
