/** Signing keys as files, and a signer whose key is exchanged while it is in use. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import { link, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readPrivate, writePrivate } from '../../platform/config-file.ts';
import { errorCode, OkcmError } from '../../platform/errors.ts';
import type { Signer } from '../messages.ts';
import type { NamedKey } from './trust.ts';

/** Every message is signed whole by one key: both halves of a name are read in one go, without a pause in between. */
export class ExchangeableSigner implements Signer {
  #current: Signer;

  constructor(first: Signer) {
    this.#current = first;
  }

  get keyId(): string {
    return this.#current.keyId;
  }
  get privateKey(): KeyObject {
    return this.#current.privateKey;
  }

  /** What is signed from now on is signed by this one. */
  use(next: Signer): void {
    this.#current = next;
  }
}

export const publicPemOf = (key: KeyObject): string =>
  createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();

/** Whether the private half belongs to that public one, in the text of `publicPemOf`. */
export const isKey = ({ privateKey }: Signer, publicKey: string): boolean =>
  publicPemOf(privateKey) === publicKey;

/** @throws OkcmError ORBITAL_KEY_UNUSABLE, and as readPrivate. The file is PKCS#8 PEM, private to its owner. */
export async function readSigner(path: string, keyId: string): Promise<Signer> {
  const pem = await readPrivate(path);
  let privateKey: KeyObject | undefined;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    // The engine's own words may quote the file.
  }
  if (privateKey?.asymmetricKeyType !== 'ed25519')
    throw new OkcmError('ORBITAL_KEY_UNUSABLE', `${path} holds no Ed25519 private key (PKCS#8 PEM)`);
  return { keyId, privateKey };
}

/** `strange`: a file under that name that holds another key. */
export interface FoundKey {
  readonly found?: Signer;
  readonly strange?: string;
}

/** A directory with one file for each signing key: `KEYID.key.pem`, mode 0600. Nothing in it is ever overwritten. */
export class KeyDirectory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  fileOf(keyId: string): string {
    return join(this.#path, `${keyId}.key.pem`);
  }

  /** Undefined where there is no file of that name. @throws as readSigner */
  async find(keyId: string): Promise<Signer | undefined> {
    try {
      return await readSigner(this.fileOf(keyId), keyId);
    } catch (error) {
      if (errorCode(error) === 'CONFIG_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /**
   * That key, in the configured file if it is there, else in this directory. A name alone proves nothing: a file may have been
   * made on another host under the same one, before a crash or where the directory is not shared. @throws as readSigner
   */
  async findAmong(configured: Signer, { keyId, publicKey }: NamedKey): Promise<FoundKey> {
    const isConfigured = configured.keyId === keyId;
    if (isConfigured && isKey(configured, publicKey)) return { found: configured };
    const found = await this.find(keyId);
    if (found !== undefined && isKey(found, publicKey)) return { found };
    if (found !== undefined) return { strange: this.fileOf(keyId) };
    return isConfigured ? { strange: 'the configured signing key' } : {};
  }

  /** The key of that name, made where there is none. Who shares the directory finds the same one. */
  async ensure(keyId: string): Promise<Signer> {
    const present = await this.find(keyId);
    if (present !== undefined) return present;
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
    const { privateKey } = generateKeyPairSync('ed25519');
    const whole = join(this.#path, `.${randomUUID()}.tmp`);
    try {
      await writePrivate(whole, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
      await link(whole, this.fileOf(keyId));
    } catch (error) {
      // Another process was as fast: its key is the one.
      if (errorCode(error) !== 'EEXIST') throw error;
    } finally {
      await rm(whole, { force: true });
    }
    return await readSigner(this.fileOf(keyId), keyId);
  }
}
