/**
 * The entries that the hot path leaves in the trail, encoded as the mesh carries them (execution/mesh/audit.ts) and
 * without a tree: what is the same for all that a caller does is encoded once.
 */
import { randomBytes } from 'node:crypto';
import { Operation, operationName } from '../kmip/index.ts';
import { encodeAuditEvent } from '../mesh/index.ts';
import { VendorTag } from '../objects/index.ts';
import type { Caller, NotedRead } from './audit-ring.ts';
import { enumerationHead, fieldBytes, structureHead, textHead, Writer } from './ttlv-writer.ts';

const EVENT = structureHead(VendorTag.AuditEvent);
const ID = textHead(VendorTag.AuditId);
const AT = textHead(VendorTag.AuditAt);
const NAME = textHead(VendorTag.AuditName);
const OUTCOME = enumerationHead(VendorTag.AuditOutcome);
const TENANT = textHead(VendorTag.AuditTenant);
const APPLICATION = textHead(VendorTag.AuditApplication);
const FINGERPRINT = textHead(VendorTag.AuditFingerprint);
const OPERATION = textHead(VendorTag.AuditOperation);
const UID = textHead(VendorTag.AuditUid);
const PEER = textHead(VendorTag.AuditPeer);
const CORRELATION = textHead(VendorTag.AuditCorrelationId);

/** The first of the words of execution/mesh/audit.ts. */
const SUCCESS = 1;
const COUNTER_DIGITS = 12;
const UUID_LENGTH = 36;

export const hotEvents = {
  OBJECT_READ: operationName(Operation.Get),
  OBJECT_CREATED: operationName(Operation.Create),
} as const;
export type HotEvent = keyof typeof hotEvents;

/** What stands between the time and the UID, and between the UID and the correlation id. */
interface Parts {
  readonly before: Buffer;
  readonly peer: Buffer;
}

export class AuditEncoder {
  readonly #correlationText: (number: number) => string;
  /** With a number behind it, a UUID that no other process gives. */
  readonly #idPrefix: string;
  readonly #parts = {
    OBJECT_READ: new WeakMap<Caller, Parts>(),
    OBJECT_CREATED: new WeakMap<Caller, Parts>(),
  };
  readonly #scratch = new Writer(Buffer.alloc(65_536));
  #atMs = 0;
  #at = '';

  constructor(correlationText: (number: number) => string) {
    this.#correlationText = correlationText;
    const hex = randomBytes(8).toString('hex');
    this.#idPrefix = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13)}-8${randomBytes(2).toString('hex').slice(1)}-`;
  }

  /**
   * All of them, one behind the other. Their numbers tell events of one name apart, and make an event that is encoded
   * again the same event.
   */
  encode(event: HotEvent, reads: readonly NotedRead[]): Uint8Array {
    const writer = this.#scratch;
    writer.at = 0;
    for (const read of reads) this.#write(event, read, writer);
    return Uint8Array.from(writer.out.subarray(0, writer.at));
  }

  #write(event: HotEvent, read: NotedRead, writer: Writer): void {
    const { uid, by, correlation } = read;
    const text = typeof correlation === 'number' ? this.#correlationText(correlation) : correlation;
    const id = this.#idOf(event, read.number);
    const at = this.#timeOf(read.atMs);
    if (!isPlain(uid)) {
      const general = this.#generally(event, read, id, at, text);
      this.#makeRoom(writer, general.length);
      writer.raw(general);
      return;
    }
    const { before, peer } = this.#partsOf(event, by);
    const size =
      fieldBytes(UUID_LENGTH) +
      fieldBytes(at.length) +
      before.length +
      fieldBytes(uid.length) +
      peer.length +
      fieldBytes(text.length);
    this.#makeRoom(writer, 8 + size);
    writer.start(EVENT, size);
    writer.text(ID, id);
    writer.text(AT, at);
    writer.raw(before);
    writer.text(UID, uid);
    writer.raw(peer);
    writer.text(CORRELATION, text);
  }

  #makeRoom({ at, out }: Writer, bytes: number): void {
    if (at + bytes <= out.length) return;
    const larger = Buffer.alloc(2 * (at + bytes));
    larger.set(out.subarray(0, at));
    this.#scratch.place(larger, at);
  }

  /** A UID that is none of ours. */
  #generally(
    event: HotEvent,
    { uid, by }: NotedRead,
    id: string,
    at: string,
    correlationId: string,
  ): Uint8Array {
    const { tenant, application, fingerprint } = by.identity;
    return encodeAuditEvent({
      id,
      at,
      event,
      outcome: 'success',
      tenant,
      application,
      fingerprint,
      operation: hotEvents[event],
      uid: uid.slice(0, 128).toWellFormed().replaceAll('\0', '\uFFFD'),
      peer: by.peer,
      correlationId,
    });
  }

  #partsOf(event: HotEvent, by: Caller): Parts {
    const known = this.#parts[event].get(by);
    if (known !== undefined) return known;
    const { tenant, application, fingerprint } = by.identity;
    const before = new Writer(Buffer.alloc(4096));
    before.text(NAME, event);
    before.number(OUTCOME, SUCCESS);
    before.text(TENANT, tenant);
    before.text(APPLICATION, application);
    before.text(FINGERPRINT, fingerprint);
    before.text(OPERATION, hotEvents[event]);
    const peer = new Writer(Buffer.alloc(fieldBytes(by.peer.length)));
    peer.text(PEER, by.peer);
    const parts = { before: Buffer.from(before.out.subarray(0, before.at)), peer: peer.out };
    this.#parts[event].set(by, parts);
    return parts;
  }

  #idOf(event: HotEvent, number: number): string {
    // Reads and creations are numbered apart: the last bit tells which.
    const own = number * 2 + (event === 'OBJECT_READ' ? 0 : 1);
    return this.#idPrefix + own.toString(16).padStart(COUNTER_DIGITS, '0');
  }

  #timeOf(ms: number): string {
    if (ms !== this.#atMs) {
      this.#atMs = ms;
      this.#at = new Date(ms).toISOString();
    }
    return this.#at;
  }
}

function isPlain(uid: string): boolean {
  if (uid.length > 128) return false;
  for (let i = 0; i < uid.length; i++) {
    const code = uid.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}
