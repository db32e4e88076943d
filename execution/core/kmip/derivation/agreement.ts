/** Derivation Method Asymmetric Key: the shared secret of Diffie-Hellman, over a group or a curve (NIST SP 800-56A). */
import { diffieHellman, type KeyObject } from 'node:crypto';
import type { SecretBytes } from '../../../envelope/index.ts';
import { KmipError } from '../../../kmip/index.ts';
import type { ManagedObject } from '../../../objects/index.ts';
import type { OperationContext } from '../context.ts';
import { keyObject } from '../cryptography.ts';
import { slowly } from '../slow-crypto.ts';
import { leading } from './methods.ts';

function agree(privateKey: KeyObject, publicKey: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    diffieHellman({ privateKey, publicKey }, (error, secret) => {
      if (error === null) resolve(secret);
      else reject(error);
    });
  });
}

/** @throws KmipError Cryptographic Failure: keys that do not fit each other, or more bits than the secret has. */
export async function agreedSecret(
  context: OperationContext,
  keys: { readonly privateKey: ManagedObject; readonly publicKey: ManagedObject },
  sizeBytes: number,
): Promise<SecretBytes> {
  const privateKey = await keyObject(context, keys.privateKey);
  const publicKey = await keyObject(context, keys.publicKey);
  const secret = slowly(context, {
    key: JSON.stringify(['agreement', keys.privateKey.uid, keys.publicKey.uid]),
    async run() {
      try {
        return await agree(privateKey, publicKey);
      } catch {
        throw KmipError.cryptographicFailure('the two keys agree on nothing: their groups or curves differ');
      }
    },
    discard: (made) => void made.fill(0),
  });
  return leading(Buffer.from(secret), sizeBytes);
}
