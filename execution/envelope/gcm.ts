/** AES-GCM with keys, and where they are keys themselves plaintexts, as `SecretBytes`. */
import { type GcmMessage, gcmOpen, GCM_TAG_BYTES as TAG_BYTES } from '../../contracts/aes-gcm.ts';
import { gcm } from './gcm-engine.ts';
import { SecretBytes } from './secret.ts';

export {
  GCM_NONCE_BYTES as NONCE_BYTES,
  GCM_TAG_BYTES as TAG_BYTES,
  type GcmMessage,
} from '../../contracts/aes-gcm.ts';

/** The key has 32 bytes, the nonce NONCE_BYTES and was never used under this key. @throws SecretWipedError */
export function encryptGcm(
  key: SecretBytes,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): { text: Buffer; tag: Buffer } {
  const sealed = Buffer.allocUnsafe(plaintext.length + TAG_BYTES);
  key.use((bytes) => gcm.seal(bytes, nonce, aad, plaintext, sealed));
  return { text: sealed.subarray(0, plaintext.length), tag: sealed.subarray(plaintext.length) };
}

/** The plaintext, or null when the message is not authentic. @throws SecretWipedError, SecretMemoryFullError. */
export function openGcm(key: SecretBytes, message: GcmMessage): SecretBytes | null {
  let isAuthentic = false;
  // Whatever deciphers leaves parts of the plaintext behind, in registers and on the stack, which the detour of `gcmOpen`
  // does not.
  const plaintext = SecretBytes.fill(message.text.length, (into) => {
    isAuthentic = key.use((bytes) => gcmOpen(bytes, message, into));
  });
  if (isAuthentic) return plaintext;
  plaintext.wipe();
  return null;
}

/** As `openGcm`, for data that is no key: the caller may wipe the buffer. */
export function openGcmData(key: SecretBytes, { nonce, aad, text, tag }: GcmMessage): Buffer | null {
  if (tag.length !== TAG_BYTES) return null;
  const data = Buffer.alloc(text.length);
  return key.use((bytes) => gcm.open(bytes, nonce, aad, text, tag, data)) ? data : null;
}
