/**
 * HKDF-SHA256 (RFC 5869) from slot to slot. HMAC reads the key where it lies, and OpenSSL cleanses its context when the
 * digest is taken; Node's own `hkdfSync` copies the key into the heap, and some versions leave it there.
 */
import { createHmac } from 'node:crypto';
import { withRawKey } from '../../contracts/raw-key.ts';
import { SecretBytes } from './secret.ts';

/** One block of HMAC-SHA256: as much as is ever derived here. */
export const HKDF_OUTPUT_BYTES = 32;

const FIRST_BLOCK = Uint8Array.of(1);

/** A secret of 32 bytes, which the caller wipes. @throws SecretWipedError */
export function hkdfSha256(inputKey: SecretBytes, salt: Uint8Array, info: Uint8Array): SecretBytes {
  using pseudorandomKey = inputKey.use((bytes) =>
    SecretBytes.take(
      withRawKey(() => createHmac('sha256', salt))
        .update(bytes)
        .digest(),
    ),
  );
  return pseudorandomKey.use((bytes) =>
    SecretBytes.take(
      withRawKey(() => createHmac('sha256', bytes))
        .update(info)
        .update(FIRST_BLOCK)
        .digest(),
    ),
  );
}
