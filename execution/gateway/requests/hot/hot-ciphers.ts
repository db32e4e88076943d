/** Encrypt and Decrypt with AES-GCM under an L4 that is open in memory (KMIP 1.4 §4.29, §4.30). */
import { writeRandomIv } from '../../../cipher/index.ts';
import { GCM_IV_BYTES, gcm, MAX_GCM_IV_BYTES } from '../../../envelope/index.ts';
import { CryptographicUsageMask, Tag } from '../../../kmip/index.ts';
import { usageRefusal } from '../../../objects/index.ts';
import type { HeldKey } from '../../keys/key-cache.ts';
import { bytesHead, fieldBytes, textHead } from '../../ttlv-writer.ts';
import type { Services } from '../context.ts';
import type { Exchange } from './exchange.ts';
import { plainOf } from './plain.ts';

export const GCM_TAG_BYTES = 16;
/** Clients before KMIP 1.4 have no field for the tag: it is the end of Data. */
const FIRST_WITH_TAG_FIELD = 4;

const UNIQUE_IDENTIFIER = textHead(Tag.UniqueIdentifier);
const DATA = bytesHead(Tag.Data);
const IV = bytesHead(Tag.IVCounterNonce);
const TAG = bytesHead(Tag.AuthenticatedEncryptionTag);

export class HotCiphers {
  readonly #exchange: Exchange;
  readonly #ivBudget: Services['ivBudget'];
  /** What `#seal` and `#open` work on: to make a function for each request would be most of what there is to collect. */
  #textAt = 0;
  #textLength = 0;
  #ivAt = 0;
  #tagAt = 0;

  readonly #seal = (secret: Uint8Array): void => {
    const { bytes, scan, writer } = this.#exchange;
    const { dataAt, dataLength, aadAt, aadLength } = scan;
    const hasAad = aadLength > 0;
    gcm.sealAt(
      secret,
      bytes,
      dataAt,
      dataLength,
      hasAad ? aadAt : 0,
      hasAad ? aadLength : 0,
      writer.out,
      this.#textAt,
      this.#ivAt,
      GCM_IV_BYTES,
      this.#tagAt,
    );
  };

  readonly #open = (secret: Uint8Array): boolean => {
    const { bytes, scan, writer } = this.#exchange;
    const { dataAt, ivAt, ivLength, aadAt, aadLength } = scan;
    const hasAad = aadLength > 0;
    return gcm.openAt(
      secret,
      bytes,
      dataAt,
      this.#textLength,
      hasAad ? aadAt : 0,
      hasAad ? aadLength : 0,
      ivAt,
      ivLength,
      this.#tagAt,
      writer.out,
      this.#textAt,
    );
  };

  constructor(exchange: Exchange, { ivBudget }: Services) {
    this.#exchange = exchange;
    this.#ivBudget = ivBudget;
  }

  /** Where in the answer the ciphertext, IV and tag of the last Encrypt stand. */
  get sealedAt(): number {
    return this.#textAt;
  }

  get ivAt(): number {
    return this.#ivAt;
  }

  get tagAt(): number {
    return this.#tagAt;
  }

  /** Whether it was answered. With a random IV of ours: one that the client brings is for the general path to note. */
  encrypt({ object, key }: HeldKey): boolean {
    const exchange = this.#exchange;
    const { bytes, scan, writer } = exchange;
    if (scan.ivLength >= 0) return false;
    const { uidAt, uidLength, dataLength } = scan;
    const apart = scan.minor >= FIRST_WITH_TAG_FIELD;
    const length = apart ? dataLength : dataLength + GCM_TAG_BYTES;
    const sizeBytes =
      fieldBytes(uidLength) +
      fieldBytes(length) +
      fieldBytes(GCM_IV_BYTES) +
      (apart ? fieldBytes(GCM_TAG_BYTES) : 0);
    if (!exchange.fits(sizeBytes) || !this.#ivBudget.trySpend(object.uid)) return false;
    exchange.begin(sizeBytes);
    writer.copy(UNIQUE_IDENTIFIER, bytes, uidAt, uidLength);
    const sealedAt = writer.hole(DATA, length);
    const ivAt = writer.hole(IV, GCM_IV_BYTES);
    this.#textAt = sealedAt;
    this.#ivAt = ivAt;
    this.#tagAt = apart ? writer.hole(TAG, GCM_TAG_BYTES) : sealedAt + dataLength;
    writeRandomIv(writer.out, ivAt, GCM_IV_BYTES);
    key.use(this.#seal);
    return true;
  }

  /** Whether it was answered. */
  decrypt({ key }: HeldKey): boolean {
    const exchange = this.#exchange;
    const { bytes, scan, writer } = exchange;
    const { uidAt, uidLength, dataAt, ivLength, minor } = scan;
    if (ivLength < 1 || ivLength > MAX_GCM_IV_BYTES) return false;
    const inField = scan.tagLength >= 0;
    if (inField ? scan.tagLength !== GCM_TAG_BYTES : minor >= FIRST_WITH_TAG_FIELD) return false;
    const length = inField ? scan.dataLength : scan.dataLength - GCM_TAG_BYTES;
    if (length < 0) return false;
    if (!exchange.begin(fieldBytes(uidLength) + fieldBytes(length))) return false;
    writer.copy(UNIQUE_IDENTIFIER, bytes, uidAt, uidLength);
    this.#textAt = writer.hole(DATA, length);
    this.#textLength = length;
    this.#tagAt = inField ? scan.tagAt : dataAt + length;
    exchange.isSecret = true;
    return key.use(this.#open);
  }
}

/** KMIP 1.4 §3.22, §3.25, §3.26, and the Cryptographic Usage Mask. */
export function isUsable({ object, key }: HeldKey, encrypts: boolean, nowS: number): boolean {
  const { sizeBytes } = key;
  // XTS has AES keys of other sizes, which no GCM takes.
  if (sizeBytes !== 32 && sizeBytes !== 16 && sizeBytes !== 24) return false;
  if (!plainOf(object).ciphers) return false;
  const refusal = encrypts
    ? usageRefusal(object, 'protect', CryptographicUsageMask.Encrypt, nowS)
    : usageRefusal(object, 'process', CryptographicUsageMask.Decrypt, nowS);
  return refusal === null;
}
