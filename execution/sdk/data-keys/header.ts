/** The header of sealed data, byte by byte: README.md has the table. Knows no cryptography. */
import { SealedDataError } from './sealed-data-error.ts';

/** `OKSD` */
const MAGIC = Buffer.from('OKSD', 'latin1');
const FORMAT = 1;
/** HKDF-SHA256 with key commitment, then AES-256-GCM in chunks. */
const SUITE = 1;

export const SALT_BYTES = 32;
export const COMMITMENT_BYTES = 32;
/** Magic, format, suite, kind, chunk size, length of the reference. */
const FIXED_BYTES = 10;
export const MAX_REFERENCE_BYTES = 2_048;
export const MIN_CHUNK_EXPONENT = 12;
export const MAX_CHUNK_EXPONENT = 20;

/** How the data key is found again. */
const kinds = { created: 1, service: 2 } as const;

/**
 * `created`: a managed key of the region, by its Unique Identifier. `service`: a key that exists nowhere else, wrapped
 * under the service's key (`l3:<service>`).
 */
export type KeyReference =
  | { readonly kind: 'created'; readonly uid: string }
  | { readonly kind: 'service'; readonly service: string; readonly wrapped: Uint8Array };

export interface Header {
  readonly reference: KeyReference;
  readonly chunkExponent: number;
  readonly salt: Uint8Array;
}

/** All that comes before the commitment. @throws SealedDataError MALFORMED for a reference out of bounds. */
export function encodeHead({ reference, chunkExponent, salt }: Header): Buffer {
  const bytes = encodeReference(reference);
  if (bytes.length < 1 || bytes.length > MAX_REFERENCE_BYTES)
    throw new SealedDataError('MALFORMED', 'reference');
  const fixed = Buffer.alloc(FIXED_BYTES);
  fixed.set(MAGIC);
  fixed[4] = FORMAT;
  fixed[5] = SUITE;
  fixed[6] = kinds[reference.kind];
  fixed[7] = chunkExponent;
  fixed.writeUInt16BE(bytes.length, 8);
  return Buffer.concat([fixed, bytes, salt]);
}

export interface ReadHeader extends Header {
  /** The bytes before the commitment. */
  readonly head: Uint8Array;
  readonly commitment: Uint8Array;
  /** Of the whole header. */
  readonly sizeBytes: number;
}

/**
 * Reads the header at the start of `bytes`; undefined while it has not come whole. Nothing in it is authentic.
 * @throws SealedDataError MALFORMED, UNSUPPORTED
 */
export function readHeader(bytes: Uint8Array): ReadHeader | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seen = Math.min(MAGIC.length, view.length);
  if (view.compare(MAGIC, 0, seen, 0, seen) !== 0) throw new SealedDataError('MALFORMED', 'magic');
  if (view.length < FIXED_BYTES) return undefined;
  if (view[4] !== FORMAT || view[5] !== SUITE) throw new SealedDataError('UNSUPPORTED');
  const chunkExponent = view.readUInt8(7);
  if (chunkExponent < MIN_CHUNK_EXPONENT || chunkExponent > MAX_CHUNK_EXPONENT)
    throw new SealedDataError('MALFORMED', 'chunk size');
  const referenceBytes = view.readUInt16BE(8);
  if (referenceBytes < 1 || referenceBytes > MAX_REFERENCE_BYTES)
    throw new SealedDataError('MALFORMED', 'reference');
  const headBytes = FIXED_BYTES + referenceBytes + SALT_BYTES;
  const sizeBytes = headBytes + COMMITMENT_BYTES;
  if (view.length < sizeBytes) return undefined;
  return {
    reference: decodeReference(view.readUInt8(6), view.subarray(FIXED_BYTES, FIXED_BYTES + referenceBytes)),
    chunkExponent,
    salt: view.subarray(FIXED_BYTES + referenceBytes, headBytes),
    head: view.subarray(0, headBytes),
    commitment: view.subarray(headBytes, sizeBytes),
    sizeBytes,
  };
}

function encodeReference(reference: KeyReference): Buffer {
  if (reference.kind === 'created') return Buffer.from(reference.uid, 'utf8');
  const service = Buffer.from(reference.service, 'utf8');
  return Buffer.concat([Uint8Array.of(service.length), service, reference.wrapped]);
}

function decodeReference(kind: number, bytes: Buffer): KeyReference {
  if (kind === kinds.created) return { kind: 'created', uid: textOf(bytes) };
  if (kind !== kinds.service) throw new SealedDataError('UNSUPPORTED');
  const serviceEnd = 1 + bytes.readUInt8(0);
  if (serviceEnd === 1 || serviceEnd >= bytes.length) throw new SealedDataError('MALFORMED', 'reference');
  return {
    kind: 'service',
    service: textOf(bytes.subarray(1, serviceEnd)),
    wrapped: Buffer.from(bytes.subarray(serviceEnd)),
  };
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SealedDataError('MALFORMED', 'reference');
  }
}

/** The same text for the same data key: a place in a cache. */
export function referenceId(reference: KeyReference): string {
  return reference.kind === 'created'
    ? `created:${reference.uid}`
    : `service:${reference.service}:${Buffer.from(reference.wrapped).toString('base64')}`;
}
