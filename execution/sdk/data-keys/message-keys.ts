/**
 * What one message is encrypted with, out of its data key: a key of its own, so that its nonces can count from zero, and
 * a commitment. AES-GCM does not commit to a key: one ciphertext can be made to open under two. A digest of the data
 * key, the header and the associated data beside it can not, so that a message has one meaning.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ReadHeader } from './header.ts';
import { withRawKey } from './raw-key.ts';
import { SealedDataError } from './sealed-data-error.ts';
import { SecretKey } from './secret-key.ts';

export const DATA_KEY_BYTES = 32;
/** HKDF's first block (RFC 5869 §2.3), which is as much as is ever wanted. */
const FIRST_BLOCK = Uint8Array.of(1);
const KEY_LABEL = 'openkcm/sealed-data/v1/key';
const COMMITMENT_LABEL = 'openkcm/sealed-data/v1/commitment';

export interface MessageKeys {
  /** For the caller to wipe. */
  readonly key: SecretKey;
  readonly commitment: Uint8Array;
}

/** `head`: the header before the commitment, with the salt at its end. */
export function deriveMessageKeys(
  dataKey: SecretKey,
  salt: Uint8Array,
  head: Uint8Array,
  associatedData: Uint8Array,
): MessageKeys {
  const context = Buffer.concat([sha256(head), sha256(associatedData)]);
  using extracted = dataKey.use((bytes) =>
    SecretKey.take(
      withRawKey(() => createHmac('sha256', salt))
        .update(bytes)
        .digest(),
    ),
  );
  const expand = (label: string): Buffer =>
    extracted.use((bytes) =>
      withRawKey(() => createHmac('sha256', bytes))
        .update(label)
        .update(context)
        .update(FIRST_BLOCK)
        .digest(),
    );
  return { commitment: expand(COMMITMENT_LABEL), key: SecretKey.take(expand(KEY_LABEL)) };
}

/** The message's key, once the commitment has been checked. @throws SealedDataError WRONG_KEY */
export function openMessageKey(
  dataKey: SecretKey,
  header: ReadHeader,
  associatedData: Uint8Array,
): SecretKey {
  const { key, commitment } = deriveMessageKeys(dataKey, header.salt, header.head, associatedData);
  if (timingSafeEqual(commitment, header.commitment)) return key;
  key.wipe();
  throw new SealedDataError('WRONG_KEY');
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
