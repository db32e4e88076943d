/**
 * How a link secret travels from the governance plane to a region (D1): HPKE (RFC 9180, base mode) to a public key
 * that the region made for one epoch. Both planes must agree on the suite and on `info` to the byte, and may share
 * no other code, so both stand here. The KEM is X-Wing (X25519 + ML-KEM-768): recorded traffic stays closed to
 * whoever later owns a quantum computer. A seal or an open takes about 10 ms: fine for jobs, off any hot path.
 */
import { CipherSuite, HkdfSha256 } from '@hpke/core';
import { XWing } from '@hpke/hybridkem-x-wing';
import { CleanAes256Gcm } from './hpke-aead.ts';
import type { RegionId, TenantId } from './ids.ts';
import type { Sealed } from './jobs.ts';

export const HPKE_PUBLIC_KEY_BYTES = 1216;
export const HPKE_PRIVATE_KEY_BYTES = 32;
export const HPKE_ENCAPSULATED_BYTES = 1120;
/** AES-256-GCM's tag: the ciphertext is this much longer than the plaintext. */
export const HPKE_TAG_BYTES = 16;
/** HPKE carries keys, nothing larger. */
export const MAX_HPKE_PLAINTEXT_BYTES = 4096;
export const LINK_SECRET_BYTES = 32;

/** A sealed message that is malformed, altered, meant for another key, or bound to another context. Says no more on purpose. */
export class SealingError extends Error {
  readonly code = 'OKCM_SEALING_FAILED';
  constructor(message: string) {
    super(message);
    this.name = 'SealingError';
  }
}

/** HPKE output as bytes: encapsulated key and ciphertext. */
export interface HpkeMessage {
  readonly enc: Uint8Array;
  readonly ct: Uint8Array;
}
/** The private half is the caller's to wipe. */
export interface HpkeKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new CleanAes256Gcm() });

export async function generateHpkeKeyPair(): Promise<HpkeKeyPair> {
  const pair = await suite.kem.generateKeyPair();
  // The library gives out its own bytes: the caller's wiping reaches the key itself, not a copy of it.
  return {
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)),
    privateKey: new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey)),
  };
}

/** @throws SealingError when the key is not an X-Wing public key or the plaintext is too long. */
export async function hpkeSeal(
  publicKey: Uint8Array,
  plaintext: Uint8Array,
  info: Uint8Array,
): Promise<HpkeMessage> {
  if (publicKey.byteLength !== HPKE_PUBLIC_KEY_BYTES) {
    throw new SealingError(`a public key has ${HPKE_PUBLIC_KEY_BYTES} bytes; got ${publicKey.byteLength}`);
  }
  if (plaintext.byteLength > MAX_HPKE_PLAINTEXT_BYTES) {
    throw new SealingError(
      `at most ${MAX_HPKE_PLAINTEXT_BYTES} bytes can be sealed; got ${plaintext.byteLength}`,
    );
  }
  const plainBytes = copyOf(plaintext);
  try {
    const recipientPublicKey = await suite.kem.deserializePublicKey(copyOf(publicKey));
    const { enc, ct } = await suite.seal({ recipientPublicKey, info: copyOf(info) }, plainBytes);
    return { enc: new Uint8Array(enc), ct: new Uint8Array(ct) };
  } catch {
    throw new SealingError('the public key is not usable');
  } finally {
    new Uint8Array(plainBytes).fill(0);
  }
}

/**
 * The plaintext is the caller's to wipe.
 * @throws SealingError for every other outcome than the exact plaintext.
 */
export async function hpkeOpen(
  privateKey: Uint8Array,
  message: HpkeMessage,
  info: Uint8Array,
): Promise<Uint8Array> {
  const { enc, ct } = message;
  if (privateKey.byteLength !== HPKE_PRIVATE_KEY_BYTES)
    throw new SealingError('the private key is not usable');
  if (enc.byteLength !== HPKE_ENCAPSULATED_BYTES) {
    throw new SealingError(`an encapsulated key has ${HPKE_ENCAPSULATED_BYTES} bytes; got ${enc.byteLength}`);
  }
  if (ct.byteLength < HPKE_TAG_BYTES || ct.byteLength > MAX_HPKE_PLAINTEXT_BYTES + HPKE_TAG_BYTES) {
    throw new SealingError('the ciphertext has an impossible length');
  }
  const keyBytes = copyOf(privateKey);
  try {
    const recipientKey = await suite.kem.deserializePrivateKey(keyBytes);
    return new Uint8Array(await suite.open({ recipientKey, enc: copyOf(enc), info: copyOf(info) }, ct));
  } catch {
    throw new SealingError('the message was altered, or sealed for another key or purpose');
  } finally {
    new Uint8Array(keyBytes).fill(0);
  }
}

/** What a sealed link secret is bound to. Opening with any other value fails. */
export interface LinkSealContext {
  readonly tenant: TenantId;
  readonly region: RegionId;
  /** The epoch being opened, whose public key is used; also for the previous secret that re-linking carries. */
  readonly epoch: number;
  /** `fresh`: the secret of this epoch. `previous`: the one under which L2 still stands. */
  readonly purpose: 'fresh' | 'previous';
  /** Id of the LINK job that carries it: what was sealed for one job opens in no other. */
  readonly job: string;
}

/** HPKE `info`: a label, then each field with its length before it, so that no two contexts encode alike. */
export function linkInfo(context: LinkSealContext): Uint8Array {
  return hpkeInfo('openkcm/link-secret/v1', [
    context.region,
    context.tenant,
    String(context.epoch),
    context.purpose,
    context.job,
  ]);
}

/** `label` and `fields` in UTF-8, each preceded by its length as two bytes, big-endian. */
export function hpkeInfo(label: string, fields: readonly string[]): Uint8Array {
  const parts: Buffer[] = [];
  for (const field of [label, ...fields]) {
    const bytes = Buffer.from(field, 'utf8');
    if (bytes.length > 0xffff) throw new RangeError('an info field has at most 65535 bytes');
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/**
 * Seal a 32-byte link secret to a region's key of one epoch, ready for the LINK job. The caller wipes `secret`.
 * @throws SealingError
 */
export async function sealLinkSecret(
  publicKey: Uint8Array,
  secret: Uint8Array,
  context: LinkSealContext,
): Promise<Sealed> {
  if (secret.byteLength !== LINK_SECRET_BYTES) {
    throw new SealingError(`a link secret has ${LINK_SECRET_BYTES} bytes; got ${secret.byteLength}`);
  }
  const { enc, ct } = await hpkeSeal(publicKey, secret, linkInfo(context));
  return { enc: Buffer.from(enc).toString('base64url'), ct: Buffer.from(ct).toString('base64url') };
}

/**
 * The 32-byte secret is the caller's to wipe.
 * @throws SealingError
 */
export async function openLinkSecret(
  privateKey: Uint8Array,
  sealed: Sealed,
  context: LinkSealContext,
): Promise<Uint8Array> {
  const message = { enc: Buffer.from(sealed.enc, 'base64url'), ct: Buffer.from(sealed.ct, 'base64url') };
  const secret = await hpkeOpen(privateKey, message, linkInfo(context));
  if (secret.byteLength !== LINK_SECRET_BYTES) {
    secret.fill(0);
    throw new SealingError(`a link secret has ${LINK_SECRET_BYTES} bytes`);
  }
  return secret;
}

/**
 * The library wants memory that nobody else shares; Buffers may lie in a pool. It is an `ArrayBuffer` from the start,
 * because the runtime keeps small typed arrays in its own heap, where they are moved and zeroising misses a copy;
 * given anything but an `ArrayBuffer`, the library makes copies too.
 */
function copyOf(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}
