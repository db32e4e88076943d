/** Writes what a ceremony hands out: one encrypted file for each holder, and the signed manifest. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ceremony, sha256, verifyManifest } from '../../execution/keychain/index.ts';
import { writePrivate } from '../../platform/config-file.ts';
import { CliError } from '../errors.ts';

const MANIFEST = 'manifest.json';

export type Handout = Pick<Ceremony, 'signed' | 'shares'>;

export interface Delivery {
  readonly manifest: string;
  readonly shares: readonly { readonly index: number; readonly holder: string; readonly file: string }[];
}

/** Durable when it resolves. Every file is compared with the manifest first. */
export async function deliver(directory: string, { signed, shares }: Handout): Promise<Delivery> {
  const { manifest } = signed;
  verifyManifest(signed, manifest);
  for (const { index, file } of shares) {
    if (manifest.shares[index - 1]?.encryptedSha256 !== sha256(file)) {
      throw new CliError('REGION_REFUSED', `share ${index} is not the one in the manifest`);
    }
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const written = [];
  for (const { index, holder, file } of shares) {
    const path = join(directory, `share-${index}-${holder}.age`);
    await writePrivate(path, file);
    written.push({ index, holder, file: path });
  }
  const path = join(directory, MANIFEST);
  await writePrivate(path, `${JSON.stringify(signed, null, 2)}\n`);
  return { manifest: path, shares: written };
}

/** What was written for a ceremony that came to nothing: shares of no region. */
export async function takeBack({ manifest, shares }: Delivery): Promise<void> {
  for (const path of [manifest, ...shares.map(({ file }) => file)]) await rm(path, { force: true });
}
