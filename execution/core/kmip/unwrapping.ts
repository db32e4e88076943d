/** Wrapped Key Values in the clear again (KMIP 1.4 §2.1.5), with keys of the same tenant that may unwrap. */
import { unwrapKeyValue } from '../../cipher/index.ts';
import type { SecretBytes } from '../../envelope/index.ts';
import {
  CryptographicUsageMask,
  type KeyWrappingData,
  KmipError,
  LinkType,
  ObjectType,
  type PlainKeyValue,
  type Version,
} from '../../kmip/index.ts';
import { type ManagedObject, usageRefusal } from '../../objects/index.ts';
import { isL3Address } from '../../routing/index.ts';
import { decrypterOf, type OpenedKey, requireKey, verifierOf } from './key-wrapping.ts';
import { linkedFrom } from './links.ts';

/** How objects that others name are found and opened, on behalf of whoever asks. */
export interface Shelf {
  read(uid: string): Promise<ManagedObject>;
  /** The material in the clear; the caller wipes it. */
  open(object: ManagedObject): Promise<SecretBytes>;
}

type Purpose = 'decrypt' | 'verify';

/** The bit of the Cryptographic Usage Mask that the key needs (§3.19). */
function maskFor({ objectType }: ManagedObject, purpose: Purpose): number {
  if (purpose === 'decrypt') return CryptographicUsageMask.UnwrapKey;
  if (objectType === ObjectType.SymmetricKey) return CryptographicUsageMask.MACVerify;
  // Whoever holds the private key can tell a signature of it, too.
  return objectType === ObjectType.PrivateKey ? CryptographicUsageMask.Sign : CryptographicUsageMask.Verify;
}

/** A key that another request names for wrapping. @throws KmipError Item Not Found, Illegal Operation (no key). */
export async function readWrappingKey(uid: string, read: Shelf['read']): Promise<ManagedObject> {
  if (isL3Address(uid)) {
    throw KmipError.featureNotSupported(
      'only a gateway wraps and unwraps with a service key, and only what it holds',
    );
  }
  if (uid.includes('\0')) throw KmipError.itemNotFound('no object has this unique identifier');
  const object = await read(uid);
  requireKey(object);
  return object;
}

/** Key Wrapping Data names the public key that encrypted; its private half is the one that decrypts. */
async function keyFor(uid: string, purpose: Purpose, read: Shelf['read']): Promise<ManagedObject> {
  const named = await readWrappingKey(uid, read);
  if (purpose !== 'decrypt' || named.objectType !== ObjectType.PublicKey) return named;
  const [privateUid] = linkedFrom(named.attributes, LinkType.PrivateKeyLink);
  if (privateUid !== undefined) return readWrappingKey(privateUid, read);
  throw KmipError.itemNotFound('the wrapping key is a public key without a Private Key Link');
}

/**
 * The Key Value; its material is the caller's to wipe.
 *
 * @throws KmipError Item Not Found (the wrapping key is not here), Permission Denied (it may not unwrap), and as
 * `unwrapKeyValue`.
 */
export async function unwrap(
  wrapped: Uint8Array,
  data: KeyWrappingData,
  { version, nowS }: { readonly version: Version; readonly nowS: number },
  shelf: Shelf,
): Promise<PlainKeyValue> {
  const { encryptionKeyInformation: encryption, macSignatureKeyInformation: signature } = data;
  const opened: OpenedKey[] = [];
  const open = async (uid: string, purpose: Purpose): Promise<OpenedKey> => {
    const object = await keyFor(uid, purpose, (wanted) => shelf.read(wanted));
    const refusal = usageRefusal(object, 'process', maskFor(object, purpose), nowS);
    if (refusal !== null) throw KmipError.permissionDenied(`the wrapping key: ${refusal}`);
    const key = { object, secret: await shelf.open(object) };
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
