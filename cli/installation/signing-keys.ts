/** The Ed25519 keys with which CMK and the regions sign what they send through the broker (D11), and CMK its audit log. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivate, writePublic } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';

export interface SigningKeyFiles {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** `name` tells several keys of one component apart. */
export function signingKeyFiles(directory: string, name = 'signing'): SigningKeyFiles {
  return { privateKey: join(directory, `${name}.key.pem`), publicKey: join(directory, `${name}.pub.pem`) };
}
/** Signs the checkpoints of CMK's audit chains. */
export const AUDIT_SIGNING = 'audit-signing';

/** Makes the pair when it is missing. The public half is written last: where it exists, so does the private one. */
export async function ensureSigningKey(
  directory: string,
  name?: string,
): Promise<{ files: SigningKeyFiles; publicKeyPem: string }> {
  const files = signingKeyFiles(directory, name);
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
