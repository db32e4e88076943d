/** Wrapped Key Values in the clear again (KMIP 1.4 §2.1.5), with keys that whoever asks finds and may use. */
import { unwrapKeyValue } from '../../cipher/index.ts';
import {
  CryptographicUsageMask,
  type KeyWrappingData,
  ObjectType,
  type PlainKeyValue,
  type Version,
} from '../../kmip/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import { decrypterOf, type OpenedKey, verifierOf } from './key-wrapping.ts';

export type UnwrapPurpose = 'decrypt' | 'verify';

/** The key in the clear; the caller wipes it. */
export type KeyFinder = (uid: string, purpose: UnwrapPurpose) => Promise<OpenedKey>;

/** The bit of the Cryptographic Usage Mask that the key needs (§3.19). */
export function maskToUnwrap({ objectType }: ManagedObject, purpose: UnwrapPurpose): number {
  if (purpose === 'decrypt') return CryptographicUsageMask.UnwrapKey;
  if (objectType === ObjectType.SymmetricKey) return CryptographicUsageMask.MACVerify;
  // Whoever holds the private key can tell a signature of it, too.
  return objectType === ObjectType.PrivateKey ? CryptographicUsageMask.Sign : CryptographicUsageMask.Verify;
}

/**
 * The Key Value; its material is the caller's to wipe.
 *
 * @throws KmipError as `find` does, and as `unwrapKeyValue`.
 */
export async function unwrap(
  wrapped: Uint8Array,
  data: KeyWrappingData,
  version: Version,
  find: KeyFinder,
): Promise<PlainKeyValue> {
  const { encryptionKeyInformation: encryption, macSignatureKeyInformation: signature } = data;
  const opened: OpenedKey[] = [];
  const open = async (uid: string, purpose: UnwrapPurpose): Promise<OpenedKey> => {
    const key = await find(uid, purpose);
    opened.push(key);
    return key;
  };
  try {
    const decryption = encryption && (await open(encryption.uniqueIdentifier, 'decrypt'));
    const verification = signature && (await open(signature.uniqueIdentifier, 'verify'));
    return unwrapKeyValue(
      wrapped,
      data,
      {
        decrypt:
          decryption && decrypterOf(decryption, { parameters: encryption?.cryptographicParameters, version }),
        isAuthentic:
          verification &&
          verifierOf(verification, { parameters: signature?.cryptographicParameters, version }),
      },
      version,
    );
  } finally {
    for (const { secret } of opened) secret.wipe();
  }
}
