/**
 * Secrets sent to another process's own ephemeral key (D3): the suite of contracts/sealing.ts, with `SecretBytes` at
 * both ends. A leased L3 travels this way inside the mutual TLS session, so that no TLS buffer ever holds it.
 */
import {
  generateHpkeKeyPair,
  HPKE_PUBLIC_KEY_BYTES,
  type HpkeMessage,
  hpkeInfo,
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

/** What a leased L3 is bound to. */
export interface LeaseBinding {
  readonly region: string;
  readonly tenant: string;
  readonly service: string;
  readonly version: number;
}
export function leaseInfo(binding: LeaseBinding): Uint8Array {
  return hpkeInfo('openkcm/l3-lease/v1', [
    binding.region,
    binding.tenant,
    binding.service,
    String(binding.version),
  ]);
}

/** Outside the runtime's heap, which moves small arrays and so leaves copies of them. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
