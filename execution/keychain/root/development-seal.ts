/**
 * The development seal: a key file beside the database that it is meant to protect. It lets a laptop start unattended
 * and protects nothing on its own host; the file says so itself.
 */
import { randomUUID } from 'node:crypto';
import { link, open as openFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readPrivate, writePrivate } from '../../../platform/config-file.ts';
import { errorCode, errorMessage } from '../../../platform/errors.ts';
import { open, type ParentKey, ParentKind, SecretBytes, seal } from '../../envelope/index.ts';
import { KeychainError } from '../errors.ts';
import type { SealBinding, SealProvider } from './seal-provider.ts';

export const DEVELOPMENT_SEAL_KIND = 'development-key-file';

const WARNING =
  'DEVELOPMENT SEAL. NOT FOR PRODUCTION. Whoever can read this file and the database can read every key of the region.';
const SEAL_KEY_BYTES = 32;
const MAX_FILE_BYTES = 4096;

interface SealFile {
  readonly keyId: string;
  readonly key: Buffer;
}

/**
 * Opens the seal key at `path`; with `create`, makes one (mode 0600) where there is none.
 * @throws KeychainError SEAL_REJECTED when the file is missing, malformed, or readable by others.
 */
export async function createDevelopmentSeal(
  path: string,
  options: { create?: boolean } = {},
): Promise<SealProvider> {
  const file = await (options.create === true ? readOrCreate(path) : readFileOf(path));
  const parent: ParentKey = {
    kind: ParentKind.SealKey,
    id: `${DEVELOPMENT_SEAL_KIND}/${file.keyId}`,
    version: 1,
    key: SecretBytes.take(file.key),
  };
  return {
    kind: DEVELOPMENT_SEAL_KIND,
    sealUnsealKey: async (unsealKey, binding) => seal(parent, unsealKey, contextOf(binding)),
    openUnsealKey: async (blob, binding) => {
      try {
        return open(parent, blob, contextOf(binding));
      } catch (cause) {
        throw new KeychainError('SEAL_REJECTED', undefined, { cause });
      }
    },
  };
}

function contextOf({ cluster, region }: SealBinding) {
  return { region, tenant: '', service: '', level: 'unseal-key', objectId: cluster, version: 1, revision: 1 };
}

/** Only a file that is not there is made: one that cannot be read may be the key of a region. */
async function readOrCreate(path: string): Promise<SealFile> {
  try {
    return await readFileOf(path);
  } catch (error) {
    const absent = error instanceof KeychainError && errorCode(error.cause) === 'CONFIG_NOT_FOUND';
    if (!absent) throw error;
    await createFile(path);
    return await readFileOf(path);
  }
}

/** Makes the file unless somebody was faster: whoever seals with a key must find that key in the file ever after. */
async function createFile(path: string): Promise<void> {
  using key = SecretBytes.random(SEAL_KEY_BYTES);
  const encoded = key.use((bytes) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
  );
  const content = { warning: WARNING, kind: DEVELOPMENT_SEAL_KIND, keyId: randomUUID(), key: encoded };
  const temporary = `${path}.${randomUUID()}`;
  try {
    await writePrivate(temporary, `${JSON.stringify(content, null, 2)}\n`);
    await link(temporary, path); // unlike a rename it replaces nothing
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  const directory = await openFile(dirname(path), 'r');
  try {
    await directory.sync(); // before anything sealed with the key is stored
  } finally {
    await directory.close();
  }
}

async function readFileOf(path: string): Promise<SealFile> {
  const text = await readPrivate(path, MAX_FILE_BYTES).catch((cause: unknown) => {
    throw new KeychainError('SEAL_REJECTED', errorMessage(cause), { cause });
  });
  const { kind, keyId, key: encoded } = parsed(text);
  const key = typeof encoded === 'string' ? Buffer.from(encoded, 'base64') : Buffer.alloc(0);
  const named = typeof keyId === 'string' && /^[0-9a-f-]{36}$/.test(keyId);
  if (kind !== DEVELOPMENT_SEAL_KIND || !named || key.length !== SEAL_KEY_BYTES) {
    key.fill(0);
    throw new KeychainError('SEAL_REJECTED', `${path} is no development seal`);
  }
  return { keyId, key };
}

/** The parser's own message would quote the file, and the file holds a key. */
function parsed(text: string): Partial<Record<'kind' | 'keyId' | 'key', unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
