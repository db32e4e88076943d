/** How an event of a region's trail is chained to the one before it; also for whoever checks a trail from outside. */
import { createHash } from 'node:crypto';
import type { ChainLink } from '../../../platform/hash-chain.ts';

/** `body` is the event as it was hashed: JSON with its keys in order. Hashes are hexadecimal. */
export interface TrailEvent {
  readonly seq: number;
  readonly previousHash: string;
  readonly hash: string;
  readonly body: string;
}

export function hashOf(prev: Uint8Array, seq: number, body: string): Buffer {
  return createHash('sha256').update(prev).update(String(seq)).update('\n').update(body).digest();
}

export function trailLink({ seq, previousHash, hash, body }: TrailEvent): ChainLink {
  return {
    sequence: seq,
    previousHash,
    hash,
    rehash: (sequence, previous) => hashOf(Buffer.from(previous, 'hex'), sequence, body).toString('hex'),
  };
}
