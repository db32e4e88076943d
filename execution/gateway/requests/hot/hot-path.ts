/**
 * The plainest and commonest requests, answered from the bytes in one pass: Encrypt and Decrypt with AES-GCM under an L4
 * whose key is open in memory, and both under a leased L3; Get of such an L4; Create of an AES key (split record §1). No
 * tree, no promise, nothing that waits, but for Create, which waits for its commit.
 *
 * It only ever says yes. Whatever is not plainly allowed and plainly possible — a refusal, an error, an option, a key that
 * must be opened first — is left to the general path, which then finds out by itself and gives the answer; so that there
 * is one place for every reason, and the two cannot disagree about one. A property test holds both to the same bytes.
 */

import { performance } from 'node:perf_hooks';
import { writeRandomIv } from '../../../cipher/index.ts';
import { GCM_IV_BYTES, gcm, MAX_GCM_IV_BYTES } from '../../../envelope/index.ts';
import {
  CryptographicUsageMask,
  KeyFormatType,
  Operation,
  operationName,
  type PlainAnswers,
  Tag,
} from '../../../kmip/index.ts';
import { nowSeconds, usageRefusal } from '../../../objects/index.ts';
import { isL3Address, serviceOfL3Address } from '../../../routing/index.ts';
import type { Lease } from '../../keys/held-lease.ts';
import type { HeldKey } from '../../keys/key-cache.ts';
import { leaseNowMs } from '../../keys/lease-clock.ts';
import { MAX_L3_DATA_BYTES } from '../../limits.ts';
import type { GatewayMetrics } from '../../metrics.ts';
import { GatewayRefusal } from '../../refusals.ts';
import {
  bytesHead,
  enumerationHead,
  fieldBytes,
  integerHead,
  NUMBER_BYTES,
  structureHead,
  textHead,
  Writer,
} from '../../ttlv-writer.ts';
import type { Requester, Services } from '../context.ts';
import type { Correlations } from '../correlation.ts';
import { type L3Place, unwrapDataNow, wrapData } from '../l3-data.ts';
import { answerBytes, beginAnswer } from './answer.ts';
import { HotCreate, type HotCreateOptions } from './hot-create.ts';
import { plainOf } from './plain.ts';
import { Repeats } from './repeats.ts';
import { newScan, type Scan, scanRequest } from './scan.ts';
import { Uids } from './uids.ts';

/** Bytes of Data. Larger ones gain nothing here. */
const MAX_HOT_DATA_BYTES = 16_384;
/** What an answer has beside Data, and beside a wrapped key. */
const MAX_OVERHEAD_BYTES = 1_024;
const GCM_TAG_BYTES = 16;
/** Clients before KMIP 1.4 have no field for the tag: it is the end of Data. */
const FIRST_WITH_TAG_FIELD = 4;
const NOTHING = new Uint8Array(0);
const EMPTY = Buffer.alloc(0);
/** Not for here. */
const NO = -1;

const OBJECT_TYPE = enumerationHead(Tag.ObjectType);
const UNIQUE_IDENTIFIER = textHead(Tag.UniqueIdentifier);
const SYMMETRIC_KEY = structureHead(Tag.SymmetricKey);
const KEY_BLOCK = structureHead(Tag.KeyBlock);
const KEY_FORMAT_TYPE = enumerationHead(Tag.KeyFormatType);
const KEY_VALUE = structureHead(Tag.KeyValue);
const KEY_MATERIAL = bytesHead(Tag.KeyMaterial);
const ALGORITHM = enumerationHead(Tag.CryptographicAlgorithm);
const LENGTH = integerHead(Tag.CryptographicLength);
const DATA = bytesHead(Tag.Data);
const IV = bytesHead(Tag.IVCounterNonce);
const TAG = bytesHead(Tag.AuthenticatedEncryptionTag);

export interface HotPathOptions {
  readonly services: Services;
  readonly metrics: GatewayMetrics;
  readonly correlations: Correlations;
  readonly failed: HotCreateOptions['failed'];
}

export class HotPath {
  readonly #services: Services;
  readonly #metrics: GatewayMetrics;
  readonly #correlations: Correlations;
  readonly #create: HotCreate;
  /** One for all: a request is answered before the next is looked at. */
  readonly #scan: Scan = newScan();
  readonly #writer = new Writer(Buffer.alloc(0));
  readonly #uids = new Uids();
  readonly #repeats = new Repeats();
  /** For an answer that goes alone. */
  readonly #own = Buffer.alloc(MAX_HOT_DATA_BYTES + MAX_L3_DATA_BYTES + MAX_OVERHEAD_BYTES);
  /** Seconds since the epoch: one moment for all that comes in one turn of the event loop; 0: not looked at yet. */
  #nowS = 0;
  /** The same moment, on the clock of leases (`leaseNowMs`). */
  #leaseMs = 0;

  /** The key of the message that was just answered, where that was an Encrypt under an L4. */
  #encrypted: HeldKey | undefined;

  /** Whether the answers under way hold keys, or what was encrypted. */
  #isSecret = false;

  /** Nothing of a key stays between two turns of the event loop (D3): once for all reads of one turn. */
  #rests = false;
  readonly #rest = (): void => {
    this.#rests = false;
    this.#nowS = 0;
    gcm.rest();
  };

  /** What `#seal` and `#open` work on: to make a function for each request would be most of what there is to collect. */
  #bytes: Buffer = EMPTY;
  #textAt = 0;
  #textLength = 0;
  #ivAt = 0;
  #tagAt = 0;
  readonly #seal = (secret: Uint8Array): void => {
    const { dataAt, dataLength, aadAt, aadLength } = this.#scan;
    const hasAad = aadLength > 0;
    gcm.sealAt(
      secret,
      this.#bytes,
      dataAt,
      dataLength,
      hasAad ? aadAt : 0,
      hasAad ? aadLength : 0,
      this.#writer.out,
      this.#textAt,
      this.#ivAt,
      GCM_IV_BYTES,
      this.#tagAt,
    );
  };
  readonly #open = (secret: Uint8Array): boolean => {
    const { dataAt, ivAt, ivLength, aadAt, aadLength } = this.#scan;
    const hasAad = aadLength > 0;
    return gcm.openAt(
      secret,
      this.#bytes,
      dataAt,
      this.#textLength,
      hasAad ? aadAt : 0,
      hasAad ? aadLength : 0,
      ivAt,
      ivLength,
      this.#tagAt,
      this.#writer.out,
      this.#textAt,
    );
  };

  constructor(options: HotPathOptions) {
    this.#services = options.services;
    this.#metrics = options.metrics;
    this.#correlations = options.correlations;
    this.#create = new HotCreate(options);
  }

  /** For one connection: what it sends, answered where it lies. `requester`: whoever is behind it by now, if anybody. */
  plainAnswers(requester: () => Requester | undefined): PlainAnswers {
    return {
      answer: (bytes, start, end, out, at) => {
        const who = requester();
        return who === undefined ? NO : this.#answerNext(bytes, start, end, out, at, who);
      },
      settle: () => {
        this.#repeats.settle();
        const wasSecret = this.#isSecret;
        this.#isSecret = false;
        return wasSecret;
      },
      done: (readAtMs) => this.#done(readAtMs),
    };
  }

  /** The whole answer to one message; undefined when the request is not for here. Has no effect then. */
  answer(message: Uint8Array, requester: Requester): Uint8Array | undefined {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const startedAtMs = performance.now();
    let end: number;
    try {
      end = this.#answerInto(bytes, 0, bytes.length, this.#own, 0, requester);
    } finally {
      this.#done(startedAtMs);
    }
    if (end < 0) return undefined;
    const answer = Buffer.from(this.#own.subarray(0, end));
    this.#own.fill(0, 0, end);
    return answer;
  }

  /** The answer to a Create, once the key is durable; undefined when the request is not for here. Has no effect then. */
  create(message: Uint8Array, requester: Requester): Promise<Uint8Array> | undefined {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const scan = this.#scan;
    if (!scanRequest(bytes, 0, bytes.length, scan) || scan.operation !== Operation.Create) return undefined;
    return this.#create.answer(bytes, scan, requester);
  }

  /** As `PlainAnswers.answer`. */
  #answerNext(
    bytes: Buffer,
    start: number,
    end: number,
    out: Buffer,
    at: number,
    requester: Requester,
  ): number {
    const repeated = this.#repeats.of(bytes, start, end, out, at, requester);
    if (repeated === undefined) {
      const answered = this.#answerInto(bytes, start, end, out, at, requester);
      if (answered >= 0 && this.#encrypted !== undefined && end < bytes.length)
        this.#repeats.remember(
          {
            requester,
            uid: this.#encrypted.object.uid,
            key: this.#encrypted.key,
            bytes,
            start,
            end,
            out,
            answerAt: at,
            answerEnd: answered,
            sealedAt: this.#textAt,
            ivAt: this.#ivAt,
            tagAt: this.#tagAt,
          },
          this.#scan,
        );
      return answered;
    }
    if (!this.#services.ivBudget.trySpend(repeated)) return NO;
    this.#metrics.hot.answered(Operation.Encrypt);
    return this.#repeats.answer(start, at);
  }

  /** One message, as `PlainAnswers.answer`. */
  #answerInto(
    bytes: Buffer,
    start: number,
    end: number,
    out: Buffer,
    at: number,
    requester: Requester,
  ): number {
    const scan = this.#scan;
    this.#encrypted = undefined;
    if (!scanRequest(bytes, start, end, scan)) return NO;
    const { operation } = scan;
    if (operation === Operation.Create) return NO;
    const encrypts = operation === Operation.Encrypt;
    if (scan.dataLength > MAX_HOT_DATA_BYTES + (encrypts ? 0 : GCM_TAG_BYTES)) return NO;
    const { operations } = requester.identity;
    if (operations !== null && !operations.includes(operationName(operation))) return NO;
    if (this.#nowS === 0) {
      this.#nowS = nowSeconds();
      this.#leaseMs = leaseNowMs();
    }
    this.#writer.place(out, at);
    const uid = this.#uids.textOf(bytes, scan.uidAt, scan.uidLength);
    if (isL3Address(uid)) return this.#underL3(bytes, scan, uid, requester);
    const held = this.#held(uid, requester);
    if (held === undefined) return NO;
    if (operation === Operation.Get) return this.#get(bytes, scan, held, requester);
    if (!isUsable(held, encrypts, this.#nowS)) return NO;
    return encrypts ? this.#encrypt(bytes, scan, held) : this.#decrypt(bytes, scan, held);
  }

  #done(readAtMs: number): void {
    this.#repeats.forget();
    this.#encrypted = undefined;
    if (!this.#rests) {
      this.#rests = true;
      setImmediate(this.#rest);
    }
    this.#bytes = EMPTY;
    this.#metrics.hot.readTook(performance.now() - readAtMs);
  }

  /** The opened key, when it is the caller's. */
  #held(uid: string, { identity }: Requester): HeldKey | undefined {
    const held = this.#services.ring.ready(identity.tenant, uid, this.#leaseMs);
    return held !== undefined && identity.services.includes(held.object.service) ? held : undefined;
  }

  /** In the clear, as Raw. No key leaves without an entry in the trail. */
  #get(bytes: Buffer, scan: Scan, { object, key }: HeldKey, requester: Requester): number {
    const { audit } = this.#services;
    if (!plainOf(object).leaves || audit.isFull) return NO;
    const { objectType, cryptographicAlgorithm, cryptographicLength } = object;
    if (cryptographicAlgorithm === undefined || cryptographicLength === undefined) return NO;
    const { uidAt, uidLength } = scan;
    const keyValueBytes = fieldBytes(key.sizeBytes);
    const keyBlockBytes = NUMBER_BYTES + 8 + keyValueBytes + 2 * NUMBER_BYTES;
    const writer = this.#writer;
    if (!this.#begin(bytes, scan, NUMBER_BYTES + fieldBytes(uidLength) + 8 + 8 + keyBlockBytes)) return NO;
    writer.number(OBJECT_TYPE, objectType);
    writer.copy(UNIQUE_IDENTIFIER, bytes, uidAt, uidLength);
    writer.start(SYMMETRIC_KEY, 8 + keyBlockBytes);
    writer.start(KEY_BLOCK, keyBlockBytes);
    writer.number(KEY_FORMAT_TYPE, KeyFormatType.Raw);
    writer.start(KEY_VALUE, keyValueBytes);
    this.#isSecret = true;
    key.use((secret) => writer.copy(KEY_MATERIAL, secret, 0, secret.length));
    writer.number(ALGORITHM, cryptographicAlgorithm);
    writer.number(LENGTH, cryptographicLength);
    audit.noteRead(object.uid, requester, this.#correlations.nextNumber());
    return this.#answered(scan);
  }

  /** With a random IV of ours: one that the client brings is for the general path to note. */
  #encrypt(bytes: Buffer, scan: Scan, held: HeldKey): number {
    const { object, key } = held;
    if (scan.ivLength >= 0) return NO;
    const { uidAt, uidLength, dataLength } = scan;
    const apart = scan.minor >= FIRST_WITH_TAG_FIELD;
    const length = apart ? dataLength : dataLength + GCM_TAG_BYTES;
    const sizeBytes =
      fieldBytes(uidLength) +
      fieldBytes(length) +
      fieldBytes(GCM_IV_BYTES) +
      (apart ? fieldBytes(GCM_TAG_BYTES) : 0);
    if (!this.#fits(scan, sizeBytes) || !this.#services.ivBudget.trySpend(object.uid)) return NO;
    const writer = this.#writer;
    this.#begin(bytes, scan, sizeBytes);
    writer.copy(UNIQUE_IDENTIFIER, bytes, uidAt, uidLength);
    const sealedAt = writer.hole(DATA, length);
    const ivAt = writer.hole(IV, GCM_IV_BYTES);
    const tagAt = apart ? writer.hole(TAG, GCM_TAG_BYTES) : sealedAt + dataLength;
    writeRandomIv(writer.out, ivAt, GCM_IV_BYTES);
    this.#bytes = bytes;
    this.#textAt = sealedAt;
    this.#ivAt = ivAt;
    this.#tagAt = tagAt;
    key.use(this.#seal);
    this.#encrypted = held;
    return this.#answered(scan);
  }

  #decrypt(bytes: Buffer, scan: Scan, { key }: HeldKey): number {
    const { uidAt, uidLength, dataAt, ivLength, minor } = scan;
    if (ivLength < 1 || ivLength > MAX_GCM_IV_BYTES) return NO;
    const inField = scan.tagLength >= 0;
    if (inField ? scan.tagLength !== GCM_TAG_BYTES : minor >= FIRST_WITH_TAG_FIELD) return NO;
    const length = inField ? scan.dataLength : scan.dataLength - GCM_TAG_BYTES;
    if (length < 0) return NO;
    const tagAt = inField ? scan.tagAt : dataAt + length;
    const writer = this.#writer;
    if (!this.#begin(bytes, scan, fieldBytes(uidLength) + fieldBytes(length))) return NO;
    writer.copy(UNIQUE_IDENTIFIER, bytes, uidAt, uidLength);
    const plainAt = writer.hole(DATA, length);
    this.#bytes = bytes;
    this.#textAt = plainAt;
    this.#textLength = length;
    this.#tagAt = tagAt;
    this.#isSecret = true;
    const isAuthentic = key.use(this.#open);
    return isAuthentic ? this.#answered(scan) : NO;
  }

  /** A data key of the caller, wrapped and unwrapped by its service's L3 (D9). */
  #underL3(bytes: Buffer, scan: Scan, address: string, { identity }: Requester): number {
    if (scan.operation === Operation.Get || scan.ivLength >= 0 || scan.tagLength >= 0) return NO;
    const named = serviceOfL3Address(address);
    const service = identity.services.find((own) => own === named);
    if (service === undefined) return NO;
    const { leases, region } = this.#services;
    const { tenant } = identity;
    const { uidAt, uidLength, dataAt, dataLength } = scan;
    // Before a wrap is spent: what is made is larger by less than that.
    if (!this.#fits(scan, fieldBytes(uidLength) + fieldBytes(dataLength + MAX_OVERHEAD_BYTES))) return NO;
    const place = { region, tenant, service, aad: scan.aadLength < 0 ? undefined : aadOf(bytes, scan) };
    const given = bytes.subarray(dataAt, dataAt + dataLength);
    const made =
      scan.operation === Operation.Encrypt
        ? this.#wrap(leases.current(tenant, service, this.#leaseMs), place, given)
        : unwrapDataNow(leases, place, given);
    if (made === undefined) return NO;
    this.#begin(bytes, scan, fieldBytes(uidLength) + fieldBytes(made.length));
    this.#writer.copy(UNIQUE_IDENTIFIER, bytes, uidAt, uidLength);
    this.#isSecret = true;
    this.#writer.copy(DATA, made, 0, made.length);
    // Plain data of the client, or an envelope, which has nothing to hide.
    made.fill(0);
    return this.#answered(scan);
  }

  #wrap(lease: Lease | undefined, place: L3Place, data: Uint8Array): Uint8Array | undefined {
    if (lease === undefined || data.length > MAX_L3_DATA_BYTES) return undefined;
    try {
      return wrapData(lease, place, data);
    } catch (error) {
      // Nothing was spent where nothing is left; the general path says so to the client.
      if (error instanceof GatewayRefusal) return undefined;
      throw error;
    }
  }

  #fits(scan: Scan, fieldsBytes: number): boolean {
    const { at, out } = this.#writer;
    return at + answerBytes(scan, fieldsBytes) <= out.length;
  }

  /** Writes what stands before the fields; false, and nothing is written, when there is no room. */
  #begin(bytes: Buffer, scan: Scan, fieldsBytes: number): boolean {
    if (!this.#fits(scan, fieldsBytes)) return false;
    beginAnswer(this.#writer, bytes, scan, fieldsBytes, this.#nowS);
    return true;
  }

  #answered({ operation }: Scan): number {
    this.#metrics.hot.answered(operation);
    return this.#writer.at;
  }
}

/** §3.22, §3.25, §3.26, and the Cryptographic Usage Mask. */
function isUsable({ object, key }: HeldKey, encrypts: boolean, nowS: number): boolean {
  const { sizeBytes } = key;
  // XTS has AES keys of other sizes, which no GCM takes.
  if (sizeBytes !== 32 && sizeBytes !== 16 && sizeBytes !== 24) return false;
  if (!plainOf(object).ciphers) return false;
  const refusal = encrypts
    ? usageRefusal(object, 'protect', CryptographicUsageMask.Encrypt, nowS)
    : usageRefusal(object, 'process', CryptographicUsageMask.Decrypt, nowS);
  return refusal === null;
}

function aadOf(bytes: Buffer, { aadAt, aadLength }: Scan): Uint8Array {
  return aadLength > 0 ? bytes.subarray(aadAt, aadAt + aadLength) : NOTHING;
}
