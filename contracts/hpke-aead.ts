/**
 * HPKE's AES-256-GCM (RFC 9180 §7.3, AEAD 0x0002) for the HPKE library, in place of its own, which goes through
 * WebCrypto and leaves keys and plaintexts in memory. A context serves one message, as all of ours do: its key is
 * zeroised with it.
 */
import { AeadId, type AeadInterface } from '@hpke/core';
import { AES_256_KEY_BYTES, GCM_NONCE_BYTES, GCM_TAG_BYTES, gcmOpen, gcmSeal } from './aes-gcm.ts';

type Bytes = ArrayBufferLike | ArrayBufferView;

export class CleanAes256Gcm implements AeadInterface {
  readonly id = AeadId.Aes256Gcm;
  readonly keySize = AES_256_KEY_BYTES;
  readonly nonceSize = GCM_NONCE_BYTES;
  readonly tagSize = GCM_TAG_BYTES;

  createEncryptionContext(keyBytes: Bytes) {
    const key = viewOf(keyBytes);
    return {
      seal: async (nonce: Bytes, data: Bytes, aad: Bytes): Promise<ArrayBuffer> => {
        const { text, tag } = gcmSeal(key, viewOf(nonce), viewOf(aad), viewOf(data));
        key.fill(0);
        const sealed = new Uint8Array(new ArrayBuffer(text.length + tag.length));
        sealed.set(text);
        sealed.set(tag, text.length);
        return sealed.buffer;
      },
      open: async (nonce: Bytes, data: Bytes, aad: Bytes): Promise<ArrayBuffer> => {
        const sealed = viewOf(data);
        const text = sealed.subarray(0, -GCM_TAG_BYTES);
        const message = { nonce: viewOf(nonce), aad: viewOf(aad), text, tag: sealed.subarray(text.length) };
        const plaintext = new Uint8Array(new ArrayBuffer(text.length));
        const isAuthentic = gcmOpen(key, message, plaintext);
        key.fill(0);
        if (!isAuthentic) throw new Error('not authentic');
        return plaintext.buffer;
      },
    };
  }
}

function viewOf(bytes: Bytes): Uint8Array {
  return ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
}
