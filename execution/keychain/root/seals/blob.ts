/**
 * What a seal leaves in the database beside the MasterKey that its unseal key wraps: JSON that names its seal, so that
 * a region knows what opens it whatever its configuration says. The development seal writes a bare envelope instead.
 * Nothing in a blob is trusted before its seal has opened it.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { encodeContext } from '../../../envelope/index.ts';
import { KeychainError } from '../../errors.ts';
import { DEVELOPMENT_SEAL_KIND } from '../development-seal.ts';
import type { SealBinding } from '../seal-provider.ts';

export const sealKinds = [DEVELOPMENT_SEAL_KIND, 'pkcs11', 'openbao-transit', 'shamir'] as const;
export type SealKind = (typeof sealKinds)[number];

/** Room for the manifest of 255 shares. */
export const MAX_BLOB_BYTES = 256 * 1024;
const FORMAT = 'openkcm/seal/v1';
const ENVELOPE_MAGIC = Buffer.from('OKE', 'latin1');

/** The fields that every blob begins with, for the schemas of the seals. */
export function blobSchema<K extends SealKind, P extends Record<string, TSchema>>(kind: K, fields: P) {
  return Type.Object({ format: Type.Literal(FORMAT), kind: Type.Literal(kind), ...fields });
}

export function encodeBlob(kind: SealKind, fields: object): Uint8Array {
  const bytes = Buffer.from(JSON.stringify({ format: FORMAT, kind, ...fields }), 'utf8');
  if (bytes.length > MAX_BLOB_BYTES)
    throw new RangeError(`a sealed unseal key has at most ${MAX_BLOB_BYTES} bytes`);
  return bytes;
}

/** @throws KeychainError SEAL_REJECTED when another seal wrote it, or it is damaged. */
export function decodeBlob<T extends TSchema>(schema: T, blob: Uint8Array): Static<T> {
  const value = parsed(blob);
  if (Value.Check(schema, value)) return value;
  throw new KeychainError(
    'SEAL_REJECTED',
    `the region is sealed by ${sealKindOf(blob) ?? 'an unknown seal'}`,
  );
}

/** Which seal wrote the blob; undefined when none that we know. */
export function sealKindOf(blob: Uint8Array): SealKind | undefined {
  if (ENVELOPE_MAGIC.equals(blob.subarray(0, ENVELOPE_MAGIC.length))) return DEVELOPMENT_SEAL_KIND;
  const value = parsed(blob);
  if (!Value.Check(Head, value)) return undefined;
  return sealKinds.find((kind) => kind === value.kind);
}

const Head = Type.Object({ format: Type.Literal(FORMAT), kind: Type.String() });

function parsed(blob: Uint8Array): unknown {
  if (blob.byteLength > MAX_BLOB_BYTES) return undefined;
  try {
    return JSON.parse(Buffer.from(blob).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The associated data of every seal (D2): a blob of another cluster or region does not open. */
export function bindingBytes({ cluster, region }: SealBinding): Buffer {
  return encodeContext({
    region,
    tenant: '',
    service: '',
    level: 'unseal-key',
    objectId: cluster,
    version: 1,
    revision: 1,
  });
}
