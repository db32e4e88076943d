/**
 * Secrets sent to another process's own ephemeral key (D3): the suite of contracts/sealing.ts, with `SecretBytes` at
 * both ends. The key of a lease travels this way inside the mutual TLS session (lease-keys.ts), so that no TLS buffer
 * ever holds an L3.
 */
import {
  generateHpkeKeyPair,
  HPKE_PUBLIC_KEY_BYTES,
  type HpkeMessage,
  hpkeOpen,
  hpkeSeal,
  SealingError,
} from '../../contracts/sealing.ts';
import { SecretBytes } from './secret.ts';

export { HPKE_PUBLIC_KEY_BYTES, type HpkeMessage, SealingError };

export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: SecretBytes;
}

export async function generateKeyPair(): Promise<KeyPair> {
  const pair = await generateHpkeKeyPair();
  return { publicKey: pair.publicKey, privateKey: SecretBytes.take(pair.privateKey) };
}

/** @throws SealingError when the public key is not usable; SecretWipedError. */
export async function sealTo(
  publicKey: Uint8Array,
  secret: SecretBytes,
  info: Uint8Array,
): Promise<HpkeMessage> {
  // The material outlives the loan, so it is copied, and the copy is wiped when the library is done with it.
  const plaintext = secret.use(copyOf);
  try {
    return await hpkeSeal(publicKey, plaintext, info);
  } finally {
    plaintext.fill(0);
  }
}

/** @throws SealingError for anything but the exact plaintext; SecretWipedError. */
export async function openWith(
  privateKey: SecretBytes,
  message: HpkeMessage,
  info: Uint8Array,
): Promise<SecretBytes> {
  const key = privateKey.use(copyOf);
  try {
    return SecretBytes.take(await hpkeOpen(key, message, info));
  } finally {
    key.fill(0);
  }
}

/** Outside the runtime's heap, which moves small arrays and so leaves copies of them. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
