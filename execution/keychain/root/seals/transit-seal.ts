/**
 * The transit seal (D2): a key of the region's own OpenBao, or of a Vault, that never leaves it encrypts the unseal
 * key. Cluster and region go along as `associated_data`.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { KEY_BYTES, SecretBytes } from '../../../envelope/index.ts';
import { KeychainError } from '../../errors.ts';
import type { SealBinding, SealProvider } from '../seal-provider.ts';
import { bindingBytes, blobSchema, decodeBlob, encodeBlob } from './blob.ts';
import { callTransit, type TransitOptions } from './transit-client.ts';

export const TRANSIT_SEAL_KIND = 'openbao-transit';

/** `vault:v3:…`: the number is the version of the transit key, which the engine reads back by itself. */
const Ciphertext = Type.String({
  pattern: '^[a-z0-9-]{1,32}:v[0-9]{1,9}:[A-Za-z0-9+/]+={0,2}$',
  maxLength: 2048,
});
const Blob = blobSchema(TRANSIT_SEAL_KIND, { ciphertext: Ciphertext });
const Encrypted = Type.Object({ ciphertext: Ciphertext });
const Decrypted = Type.Object({ plaintext: Type.String({ maxLength: 4096 }) });

/** Talks to no engine until it is used. */
export function createTransitSeal(options: TransitOptions): SealProvider {
  return {
    kind: TRANSIT_SEAL_KIND,
    sealUnsealKey: async (unsealKey, binding) => {
      const plaintext = unsealKey.use((bytes) => base64(bytes));
      const answer = await callTransit(options, 'encrypt', { plaintext, ...associated(binding) });
      if (!Value.Check(Encrypted, answer)) {
        throw new KeychainError('SEAL_REJECTED', 'the transit engine did not answer with a ciphertext');
      }
      return encodeBlob(TRANSIT_SEAL_KIND, { ciphertext: answer.ciphertext });
    },
    openUnsealKey: async (blob, binding) => {
      const { ciphertext } = decodeBlob(Blob, blob);
      const answer = await callTransit(options, 'decrypt', { ciphertext, ...associated(binding) });
      if (Value.Check(Decrypted, answer)) {
        const opened = SecretBytes.take(Buffer.from(answer.plaintext, 'base64'));
        if (opened.sizeBytes === KEY_BYTES) return opened;
        opened.wipe();
      }
      throw new KeychainError('SEAL_REJECTED', 'the transit engine did not answer with an unseal key');
    },
  };
}

function associated(binding: SealBinding): { associated_data: string } {
  return { associated_data: base64(bindingBytes(binding)) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
