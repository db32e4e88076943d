/** AES-256-GCM from slot to slot: contracts/aes-gcm.ts with keys and plaintexts as `SecretBytes`. */
import { createDecipheriv } from 'node:crypto';
import { GCM_TAG_BYTES, type GcmMessage, gcmOpen, gcmSeal } from '../../contracts/aes-gcm.ts';
import { withRawKey } from '../../contracts/raw-key.ts';
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
  return key.use((bytes) => gcmSeal(bytes, nonce, aad, plaintext));
}

/** The plaintext, or null when the message is not authentic. @throws SecretWipedError, SecretMemoryFullError. */
export function openGcm(key: SecretBytes, message: GcmMessage): SecretBytes | null {
  let isAuthentic = false;
  const plaintext = SecretBytes.fill(message.text.length, (into) => {
    isAuthentic = key.use((bytes) => gcmOpen(bytes, message, into));
  });
  if (isAuthentic) return plaintext;
  plaintext.wipe();
  return null;
}

/** As `openGcm`, with the runtime's decipher, which leaves parts of the plaintext behind: for data, not for keys. */
export function openGcmData(key: SecretBytes, { nonce, aad, text, tag }: GcmMessage): Buffer | null {
  const decipher = key.use((bytes) =>
    withRawKey(() => createDecipheriv('aes-256-gcm', bytes, nonce, { authTagLength: GCM_TAG_BYTES })),
  );
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  const data = decipher.update(text);
  try {
    decipher.final();
    return data;
  } catch {
    data.fill(0);
    return null;
  }
}
