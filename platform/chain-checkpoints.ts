/**
 * A checkpoint is a signed statement that record `sequence` of a chain has this hash, and so that everything before it
 * is as it was then. Whoever keeps one elsewhere notices when the chain is rewritten or cut off, whoever did it.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { type Static, Type } from 'typebox';

const Text = (maxLength: number) => Type.String({ minLength: 1, maxLength });

export const Checkpoint = Type.Object(
  {
    /** Who keeps the chain, such as `cmk/CLUSTER` or `region/NAME`: a checkpoint of another installation proves nothing. */
    log: Text(128),
    chain: Text(128),
    sequence: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    /** SHA-256 in hexadecimal. */
    hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    /** RFC 3339, UTC, milliseconds. */
    at: Text(32),
    keyId: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' }),
    /** Ed25519 in base64url. */
    signature: Type.String({ pattern: '^[A-Za-z0-9_-]{86}$' }),
  },
  { additionalProperties: false },
);
export type Checkpoint = Static<typeof Checkpoint>;

export interface CheckpointSigner {
  readonly keyId: string;
  /** Ed25519. */
  readonly privateKey: KeyObject;
}

/** A signature made for anything else, such as a job, is none of a checkpoint. */
const PREFIX = 'openkcm audit checkpoint 1\n';

function signedBytes({ log, chain, sequence, hash, at, keyId }: Omit<Checkpoint, 'signature'>): Buffer {
  return Buffer.from(PREFIX + JSON.stringify([log, chain, sequence, hash, at, keyId]), 'utf8');
}

export function signCheckpoint(
  { keyId, privateKey }: CheckpointSigner,
  said: Pick<Checkpoint, 'log' | 'chain' | 'sequence' | 'hash'>,
  at = new Date(),
): Checkpoint {
  const { log, chain, sequence, hash } = said;
  const statement = { log, chain, sequence, hash, at: at.toISOString(), keyId };
  return { ...statement, signature: sign(null, signedBytes(statement), privateKey).toString('base64url') };
}

/** Whether this key signed just that. */
export function isSignedBy(checkpoint: Checkpoint, publicKey: KeyObject): boolean {
  const signature = Buffer.from(checkpoint.signature, 'base64url');
  return verify(null, signedBytes(checkpoint), publicKey, signature);
}
