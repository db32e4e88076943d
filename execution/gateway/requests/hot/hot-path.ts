/**
 * The plainest and commonest requests, answered from the bytes in one pass: Encrypt and Decrypt with AES-GCM under an L4
 * whose key is open in memory, and both under a leased L3; Get of such an L4 (split record §1). No tree, no promise, nothing that waits.
 *
 * It only ever says yes. Whatever is not plainly allowed and plainly possible — a refusal, an error, an option, a key that
 * must be opened first — is left to the general path, which then finds out by itself and gives the answer; so that there
 * is one place for every reason, and the two cannot disagree about one. A property test holds both to the same bytes.
 */

import type { CorrelationId } from '../../../../contracts/index.ts';
import { randomIv } from '../../../cipher/index.ts';
import { gcm, MAX_GCM_IV_BYTES } from '../../../envelope/index.ts';
import { CryptographicUsageMask, KeyFormatType, Operation, operationName, Tag } from '../../../kmip/index.ts';
import { nowSeconds, usageRefusal } from '../../../objects/index.ts';
import { isL3Address, serviceOfL3Address } from '../../../routing/index.ts';
import type { Lease } from '../../keys/held-lease.ts';
import type { HeldKey } from '../../keys/key-cache.ts';
import { MAX_L3_DATA_BYTES } from '../../limits.ts';
import type { GatewayMetrics } from '../../metrics.ts';
import { GatewayRefusal } from '../../refusals.ts';
import type { Requester, Services } from '../context.ts';
import { type L3Place, unwrapDataNow, wrapData } from '../l3-data.ts';
import { AnswerWriter, fieldBytes } from './answer.ts';
import { plainOf } from './plain.ts';
import { newScan, type Scan, scanRequest } from './scan.ts';

/** Bytes of Data. Larger ones gain nothing here. */
const MAX_HOT_DATA_BYTES = 16_384;
const GCM_IV_BYTES = 12;
/** XTS has AES keys of other sizes, which no GCM takes. */
const GCM_KEY_BYTES: readonly number[] = [16, 24, 32];
const GCM_TAG_BYTES = 16;
/** Clients before KMIP 1.4 have no field for the tag: it is the end of Data. */
const FIRST_WITH_TAG_FIELD = 4;
/** An Integer or Enumeration. */
const NUMBER_BYTES = 16;
const NOTHING = new Uint8Array(0);

export interface HotPathOptions {
  readonly services: Pick<Services, 'region' | 'ring' | 'leases' | 'ivBudget' | 'audit'>;
  readonly metrics: GatewayMetrics;
  /** For the trail. */
  readonly nextCorrelationId: () => CorrelationId;
}

export class HotPath {
  readonly #options: HotPathOptions;
  /** One for all: a request is answered before the next is looked at. */
  readonly #scan: Scan = newScan();
  /** Encrypted text and tag on their way into two fields. */
  readonly #scratch = Buffer.alloc(MAX_HOT_DATA_BYTES + GCM_TAG_BYTES);

  constructor(options: HotPathOptions) {
    this.#options = options;
  }

  /** The whole answer; undefined when the request is not for here. Has no effect then. */
  answer(message: Uint8Array, requester: Requester): Uint8Array | undefined {
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const scan = this.#scan;
    if (!scanRequest(bytes, scan)) return undefined;
    const { operation } = scan;
    const encrypts = operation === Operation.Encrypt;
    if (scan.dataLength > MAX_HOT_DATA_BYTES + (encrypts ? 0 : GCM_TAG_BYTES)) return undefined;
    const { operations } = requester.identity;
    if (operations !== null && !operations.includes(operationName(operation))) return undefined;
    // A UID of ours is ASCII; other bytes give a text that no object has, and the general path says so.
    const uid = bytes.toString('latin1', scan.uidAt, scan.uidAt + scan.uidLength);
    if (isL3Address(uid)) return this.#underL3(bytes, scan, uid, requester);
    const held = this.#own(uid, requester);
    if (held === undefined) return undefined;
    if (operation === Operation.Get) return this.#get(bytes, scan, held, requester);
    if (!isUsable(held, encrypts)) return undefined;
    return encrypts ? this.#encrypt(bytes, scan, held) : this.#decrypt(bytes, scan, held);
  }

  /** The opened key, when it is the caller's. */
  #own(uid: string, { identity }: Requester): HeldKey | undefined {
    const held = this.#options.services.ring.ready(identity.tenant, uid);
    return held !== undefined && identity.services.includes(held.object.service) ? held : undefined;
  }

  /** In the clear, as Raw. No key leaves without an entry in the trail. */
  #get(bytes: Buffer, scan: Scan, { object, key }: HeldKey, requester: Requester): Buffer | undefined {
    const { audit } = this.#options.services;
    if (!plainOf(object).leaves || audit.isFull) return undefined;
    const { objectType, cryptographicAlgorithm, cryptographicLength } = object;
    if (cryptographicAlgorithm === undefined || cryptographicLength === undefined) return undefined;
    const keyValueBytes = fieldBytes(key.sizeBytes);
    const keyBlockBytes = NUMBER_BYTES + 8 + keyValueBytes + 2 * NUMBER_BYTES;
    const { uidAt, uidLength } = scan;
    const size = NUMBER_BYTES + fieldBytes(uidLength) + 8 + 8 + keyBlockBytes;
    const answer = this.#open(bytes, scan, size);
    answer.enumeration(Tag.ObjectType, objectType);
    answer.uid(bytes, uidAt, uidLength);
    answer.structure(Tag.SymmetricKey, 8 + keyBlockBytes);
    answer.structure(Tag.KeyBlock, keyBlockBytes);
    answer.enumeration(Tag.KeyFormatType, KeyFormatType.Raw);
    answer.structure(Tag.KeyValue, keyValueBytes);
    const at = answer.hole(Tag.KeyMaterial, key.sizeBytes);
    key.use((secret) => answer.bytes.set(secret, at));
    answer.enumeration(Tag.CryptographicAlgorithm, cryptographicAlgorithm);
    answer.integer(Tag.CryptographicLength, cryptographicLength);
    audit.read(object, { requester, correlationId: this.#options.nextCorrelationId() });
    return this.#done(scan, answer);
  }

  /** With a random IV of ours: one that the client brings is for the general path to note. */
  #encrypt(bytes: Buffer, scan: Scan, { object, key }: HeldKey): Buffer | undefined {
    if (scan.ivLength >= 0 || !this.#options.services.ivBudget.trySpend(object.uid)) return undefined;
    const { dataAt, dataLength, minor } = scan;
    const iv = randomIv(GCM_IV_BYTES);
    const sealed = this.#scratch.subarray(0, dataLength + GCM_TAG_BYTES);
    const text = bytes.subarray(dataAt, dataAt + dataLength);
    key.use((secret) => gcm.seal(secret, iv, aadOf(bytes, scan), text, sealed));
    const apart = minor >= FIRST_WITH_TAG_FIELD;
    const length = apart ? dataLength : dataLength + GCM_TAG_BYTES;
    const answer = this.#begin(
      bytes,
      scan,
      fieldBytes(length) + fieldBytes(GCM_IV_BYTES) + (apart ? fieldBytes(GCM_TAG_BYTES) : 0),
    );
    sealed.copy(answer.bytes, answer.hole(Tag.Data, length), 0, length);
    iv.copy(answer.bytes, answer.hole(Tag.IVCounterNonce, GCM_IV_BYTES));
    if (apart) {
      const at = answer.hole(Tag.AuthenticatedEncryptionTag, GCM_TAG_BYTES);
      sealed.copy(answer.bytes, at, dataLength);
    }
    return this.#done(scan, answer);
  }

  #decrypt(bytes: Buffer, scan: Scan, { key }: HeldKey): Buffer | undefined {
    const { dataAt, ivAt, ivLength, minor } = scan;
    if (ivLength < 1 || ivLength > MAX_GCM_IV_BYTES) return undefined;
    const inField = scan.tagLength >= 0;
    if (inField ? scan.tagLength !== GCM_TAG_BYTES : minor >= FIRST_WITH_TAG_FIELD) return undefined;
    const length = inField ? scan.dataLength : scan.dataLength - GCM_TAG_BYTES;
    if (length < 0) return undefined;
    const tagAt = inField ? scan.tagAt : dataAt + length;
    const answer = this.#begin(bytes, scan, fieldBytes(length));
    const at = answer.hole(Tag.Data, length);
    const plain = answer.bytes.subarray(at, at + length);
    const isAuthentic = key.use((secret) =>
      gcm.open(
        secret,
        bytes.subarray(ivAt, ivAt + ivLength),
        aadOf(bytes, scan),
        bytes.subarray(dataAt, dataAt + length),
        bytes.subarray(tagAt, tagAt + GCM_TAG_BYTES),
        plain,
      ),
    );
    return isAuthentic ? this.#done(scan, answer) : undefined;
  }

  /** A data key of the caller, wrapped and unwrapped by its service's L3 (D9). */
  #underL3(bytes: Buffer, scan: Scan, address: string, { identity }: Requester): Buffer | undefined {
    if (scan.operation === Operation.Get || scan.ivLength >= 0 || scan.tagLength >= 0) return undefined;
    const named = serviceOfL3Address(address);
    const service = identity.services.find((own) => own === named);
    if (service === undefined) return undefined;
    const { leases, region } = this.#options.services;
    const { tenant } = identity;
    const place = { region, tenant, service, aad: scan.aadLength < 0 ? undefined : aadOf(bytes, scan) };
    const given = bytes.subarray(scan.dataAt, scan.dataAt + scan.dataLength);
    const made =
      scan.operation === Operation.Encrypt
        ? this.#wrap(leases.current(tenant, service), place, given)
        : unwrapDataNow(leases, place, given);
    if (made === undefined) return undefined;
    const answer = this.#begin(bytes, scan, fieldBytes(made.length));
    answer.bytes.set(made, answer.hole(Tag.Data, made.length));
    // Plain data of the client, or an envelope, which has nothing to hide.
    made.fill(0);
    return this.#done(scan, answer);
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

  /** `fieldsBytes` are those after the Unique Identifier. */
  #begin(bytes: Buffer, scan: Scan, fieldsBytes: number): AnswerWriter {
    const { uidAt, uidLength } = scan;
    const answer = this.#open(bytes, scan, fieldBytes(uidLength) + fieldsBytes);
    answer.uid(bytes, uidAt, uidLength);
    return answer;
  }

  #open(bytes: Buffer, { operation, minor, idAt, idLength }: Scan, size: number): AnswerWriter {
    return new AnswerWriter(operation, minor, nowSeconds(), bytes, idAt, idLength, size);
  }

  #done({ operation }: Scan, answer: AnswerWriter): Buffer {
    this.#options.metrics.countHot(operation);
    return answer.bytes;
  }
}

/** §3.22, §3.25, §3.26, and the Cryptographic Usage Mask. */
function isUsable({ object, key }: HeldKey, encrypts: boolean): boolean {
  if (!plainOf(object).ciphers || !GCM_KEY_BYTES.includes(key.sizeBytes)) return false;
  const refusal = encrypts
    ? usageRefusal(object, 'protect', CryptographicUsageMask.Encrypt, nowSeconds())
    : usageRefusal(object, 'process', CryptographicUsageMask.Decrypt, nowSeconds());
  return refusal === null;
}

function aadOf(bytes: Buffer, { aadAt, aadLength }: Scan): Uint8Array {
  return aadLength > 0 ? bytes.subarray(aadAt, aadAt + aadLength) : NOTHING;
}
