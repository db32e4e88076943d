/** Signing keys as the core's configuration names them. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KeyDirectory, type NamedKey } from '../../../orbital/index.ts';
import type { CoreConfig } from '../config.ts';

/** Governance's, in PEM. */
export function configuredKeys({ orbital }: CoreConfig): Promise<NamedKey[]> {
  return Promise.all(
    orbital.trusted.map(async ({ keyId, publicKey }) => ({
      keyId,
      publicKey: publicKey.includes('-----BEGIN') ? publicKey : await readFile(publicKey, 'utf8'),
    })),
  );
}

/** Where the region's further keys lie, beside the first. */
export function keyDirectoryOf({ orbital }: CoreConfig): KeyDirectory {
  return new KeyDirectory(orbital.keyDirectory ?? join(dirname(orbital.signingKey), 'signing-keys'));
}
