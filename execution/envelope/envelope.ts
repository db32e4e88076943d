/**
 * The one binary format of every wrapped thing (D4); README.md beside this file gives it byte by byte.
 *
 *     header = magic(3) format(1) algorithm(1) parentKind(1) parentVersion(4) idLength(1) parentId salt(16)
 *     envelope = header nonce(12) ciphertext tag(16)
 *
 * The parent key itself never encrypts: AES-256-GCM runs under a subkey that HKDF-SHA256 derives from it and the
 * salt, so that the number of safe random nonces is counted per salt and not per parent (D5).
 */
import { randomFillSync } from 'node:crypto';
import { type EnvelopeContext, encodeContext } from './context.ts';
import { EnvelopeError } from './errors.ts';
import { type GcmMessage, NONCE_BYTES, openGcm, openGcmData, TAG_BYTES } from './gcm.ts';
import { gcm } from './gcm-engine.ts';
import { hkdfSha256 } from './hkdf.ts';
import { SecretBytes } from './secret.ts';

/** Which kind of key wrapped it. The numbers are on disk: never reuse one. */
export const ParentKind = {
  SealKey: 1,
  UnsealKey: 2,
  MasterKey: 3,
  Ivk: 4,
  /** Derived from the regional secret and, when linked, the link secret (D1). */
  TenantWrapping: 5,
  L2: 6,
  L3: 7,
  /** Of one granted lease, on its way to a gateway: never on disk. */
  Lease: 8,
} as const;
export type ParentKind = (typeof ParentKind)[keyof typeof ParentKind];
const parentKinds: ReadonlySet<number> = new Set(Object.values(ParentKind));

/** A wrapping key and the name under which the header mentions it. */
export interface ParentKey {
  readonly kind: ParentKind;
  /** 1 to 160 bytes of UTF-8. */
  readonly id: string;
  readonly version: number;
  /** 32 bytes. */
  readonly key: SecretBytes;
}

export interface EnvelopeHeader {
  readonly parentKind: ParentKind;
  readonly parentId: string;
  readonly parentVersion: number;
  readonly salt: Uint8Array;
  /** Where the nonce begins. */
  readonly headerBytes: number;
}

export const KEY_BYTES = 32;
export const SALT_BYTES = 16;
/** Keys are far smaller; the bound leaves room for registered certificates and opaque objects. */
export const MAX_PLAINTEXT_BYTES = 1_048_576;
export const MAX_PARENT_ID_BYTES = 160;
export const MAX_PARENT_VERSION = 0xffff_ffff;

const MAGIC = Buffer.from('OKE', 'latin1');
const FORMAT = 1;
/** HKDF-SHA256 to a 32-byte subkey, then AES-256-GCM with a 96-bit nonce and a 128-bit tag. */
const ALGORITHM = 1;
const ID_AT = 11;
const SUBKEY_INFO = Buffer.from('openkcm/envelope/v1/subkey', 'latin1');
const MIN_ENVELOPE_BYTES = ID_AT + 1 + SALT_BYTES + NONCE_BYTES + TAG_BYTES;
const MAX_ENVELOPE_BYTES =
  ID_AT + MAX_PARENT_ID_BYTES + SALT_BYTES + NONCE_BYTES + MAX_PLAINTEXT_BYTES + TAG_BYTES;

/**
 * Wraps `plaintext` once, under a salt and a nonce of its own. For many wraps under one key use a `WrapSession`.
 * @throws EnvelopeError TOO_LARGE; SecretWipedError.
 */
export function seal(
  parent: ParentKey,
  plaintext: SecretBytes | Uint8Array,
  context: EnvelopeContext,
): Uint8Array {
  const random = randomFillSync(Buffer.allocUnsafe(SALT_BYTES + NONCE_BYTES));
  const salt = random.subarray(0, SALT_BYTES);
  using subkey = deriveSubkey(parent.key, salt);
  return sealWith(subkey, writeHeader(parent, salt), random.subarray(SALT_BYTES), plaintext, context);
}

/**
 * Opens what `parent` wrapped for exactly this context.
 * @throws EnvelopeError; SecretWipedError. No other error, whatever the bytes.
 */
export function open(parent: ParentKey, envelope: Uint8Array, context: EnvelopeContext): SecretBytes {
  const header = parseHeader(envelope);
  assertParent(header, parent);
  using subkey = deriveSubkey(parent.key, header.salt);
  return openWithSubkey(subkey, envelope, header, context);
}

/** Reads the header without any key. Nothing in it is authentic until `open` has succeeded. @throws EnvelopeError */
export function parseHeader(envelope: Uint8Array): EnvelopeHeader {
  const size = envelope.byteLength;
  if (size < MIN_ENVELOPE_BYTES || size > MAX_ENVELOPE_BYTES) throw new EnvelopeError('MALFORMED');
  const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, size);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new EnvelopeError('MALFORMED');
  if (bytes.readUInt8(3) !== FORMAT || bytes.readUInt8(4) !== ALGORITHM)
    throw new EnvelopeError('UNSUPPORTED_FORMAT');
  const parentKind = bytes.readUInt8(5);
  const idBytes = bytes.readUInt8(10);
  if (!isParentKind(parentKind) || idBytes < 1 || idBytes > MAX_PARENT_ID_BYTES)
    throw new EnvelopeError('MALFORMED');
  const saltAt = ID_AT + idBytes;
  const headerBytes = saltAt + SALT_BYTES;
  if (size < headerBytes + NONCE_BYTES + TAG_BYTES) throw new EnvelopeError('MALFORMED');
  return {
    parentKind,
    parentId: bytes.toString('utf8', ID_AT, saltAt),
    parentVersion: bytes.readUInt32BE(6),
    salt: bytes.subarray(saltAt, headerBytes),
    headerBytes,
  };
}

/** @throws EnvelopeError WRONG_PARENT unless the header names exactly this key. */
export function assertParent(header: EnvelopeHeader, parent: ParentKey): void {
  if (
    header.parentKind !== parent.kind ||
    header.parentId !== parent.id ||
    header.parentVersion !== parent.version
  ) {
    throw new EnvelopeError('WRONG_PARENT');
  }
}

/** The header for one parent and salt. @throws RangeError when the parent's name is out of bounds: a mistake of the caller. */
export function writeHeader(parent: ParentKey, salt: Uint8Array): Buffer {
  const id = Buffer.from(parent.id, 'utf8');
  if (id.length < 1 || id.length > MAX_PARENT_ID_BYTES) {
    throw new RangeError(`a parent id has 1 to ${MAX_PARENT_ID_BYTES} bytes`);
  }
  const header = Buffer.alloc(ID_AT + id.length + SALT_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt8(FORMAT, 3);
  header.writeUInt8(ALGORITHM, 4);
  header.writeUInt8(parent.kind, 5);
  header.writeUInt32BE(parent.version, 6);
  header.writeUInt8(id.length, 10);
  id.copy(header, ID_AT);
  header.set(salt, ID_AT + id.length);
  return header;
}

/** The AES-256 key of one parent and salt. The caller wipes it. */
export function deriveSubkey(parent: SecretBytes, salt: Uint8Array): SecretBytes {
  if (parent.sizeBytes !== KEY_BYTES) throw new RangeError(`a wrapping key has ${KEY_BYTES} bytes`);
  return hkdfSha256(parent, salt, SUBKEY_INFO);
}

export function sealWith(
  subkey: SecretBytes,
  header: Uint8Array,
  nonce: Uint8Array,
  plaintext: SecretBytes | Uint8Array,
  context: EnvelopeContext,
): Uint8Array {
  const size = plaintext instanceof SecretBytes ? plaintext.sizeBytes : plaintext.byteLength;
  if (size > MAX_PLAINTEXT_BYTES) throw new EnvelopeError('TOO_LARGE');
  const textAt = header.length + NONCE_BYTES;
  // Not from the shared slabs: an envelope may be kept for long, and would keep its whole slab.
  const envelope = Buffer.alloc(textAt + size + TAG_BYTES);
  envelope.set(header);
  envelope.set(nonce, header.length);
  const aad = aadOf(header, context);
  const into = envelope.subarray(textAt);
  const seal = (bytes: Uint8Array): void => subkey.use((key) => gcm.seal(key, nonce, aad, bytes, into));
  if (plaintext instanceof SecretBytes) plaintext.use(seal);
  else seal(plaintext);
  return envelope;
}

export function openWithSubkey(
  subkey: SecretBytes,
  envelope: Uint8Array,
  header: EnvelopeHeader,
  context: EnvelopeContext,
): SecretBytes {
  const plaintext = openGcm(subkey, messageOf(envelope, header, context));
  if (plaintext === null) throw new EnvelopeError('AUTHENTICATION_FAILED');
  return plaintext;
}

/** As `openWithSubkey`, into ordinary memory: see `WrapSession.unwrapData`. */
export function openDataWithSubkey(
  subkey: SecretBytes,
  envelope: Uint8Array,
  header: EnvelopeHeader,
  context: EnvelopeContext,
): Buffer {
  const data = openGcmData(subkey, messageOf(envelope, header, context));
  if (data === null) throw new EnvelopeError('AUTHENTICATION_FAILED');
  return data;
}

function messageOf(envelope: Uint8Array, header: EnvelopeHeader, context: EnvelopeContext): GcmMessage {
  const nonceAt = header.headerBytes;
  const textAt = nonceAt + NONCE_BYTES;
  const tagAt = envelope.byteLength - TAG_BYTES;
  return {
    nonce: envelope.subarray(nonceAt, textAt),
    aad: aadOf(envelope.subarray(0, nonceAt), context),
    text: envelope.subarray(textAt, tagAt),
    tag: envelope.subarray(tagAt),
  };
}

function aadOf(header: Uint8Array, context: EnvelopeContext): Buffer {
  return encodeContext(context, header);
}

function isParentKind(value: number): value is ParentKind {
  return parentKinds.has(value);
}

/** The service's L3 as a parent: the gateway, which leases it, and the core, which made it, name it alike. */
export function l3Parent(tenant: string, service: string, version: number, key: SecretBytes): ParentKey {
  return { kind: ParentKind.L3, id: `${tenant}/${service}`, version, key };
}
