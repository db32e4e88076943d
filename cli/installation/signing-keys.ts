/** The Ed25519 keys with which CMK and the regions sign what they send through the broker (D11). */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivate, writePublic } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';

export interface SigningKeyFiles {
  readonly privateKey: string;
  readonly publicKey: string;
}

export function signingKeyFiles(directory: string): SigningKeyFiles {
  return { privateKey: join(directory, 'signing.key.pem'), publicKey: join(directory, 'signing.pub.pem') };
}

/** Makes the pair when it is missing. The public half is written last: where it exists, so does the private one. */
export async function ensureSigningKey(
  directory: string,
): Promise<{ files: SigningKeyFiles; publicKeyPem: string }> {
  const files = signingKeyFiles(directory);
  try {
    return { files, publicKeyPem: await readFile(files.publicKey, 'utf8') };
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  const pair = generateKeyPairSync('ed25519');
  const publicKeyPem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writePrivate(files.privateKey, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  await writePublic(files.publicKey, publicKeyPem);
  return { files, publicKeyPem };
}
