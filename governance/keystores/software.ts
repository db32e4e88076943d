/**
 * The software keystore: L1 keys in a private JSON file. It stands in for a KMS where there is none (development,
 * demonstrations, tests) and protects nothing from whoever can read the file; the file says so itself.
 *
 * Wrapping is AES-256-GCM with the key's id as additional data, so that a wrapped secret names the key it belongs to.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPair,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { promisify } from 'node:util';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { readPrivate, writePrivate } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';
import { unwrapImport } from '../../platform/key-wrap.ts';
import {
  type ImportParameters,
  type ImportTicket,
  type KeyFacts,
  type KeyState,
  KeystoreError,
  type KeystoreProvider,
  LINK_SECRET_BYTES,
  stateOf,
} from './provider.ts';

const MAX_KEYS = 1000;
/** Imports that were begun and not finished; past it the oldest is forgotten. */
const MAX_IMPORTS = 64;
const IMPORT_HOURS = 24;
const IMPORT_ALGORITHM = 'RSA_AES_KEY_WRAP_SHA_256';
const IMPORT_MODULUS_BITS = 3072;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PREFIX = 'software.v1.';
const WRAPPED = /^software\.v1\.[A-Za-z0-9_-]{1,256}$/;

const WARNING =
  'SOFTWARE KEYSTORE FOR DEVELOPMENT: whoever reads this file holds the L1 keys. Use a KMS or HSM for real data.';

const Key = Type.Object(
  {
    /** base64 of 32 bytes. */
    material: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
    /** Edit to see the kill switch at work; `forbidden` plays a withdrawn permission. */
    state: Type.Union([
      Type.Literal('enabled'),
      Type.Literal('disabled'),
      Type.Literal('pending-deletion'),
      Type.Literal('forbidden'),
    ]),
    createdAt: Type.String({ maxLength: 32 }),
  },
  { additionalProperties: false },
);
/** A key that waits for its material, and the key pair for the way. */
const Import = Type.Object(
  { privateKey: Type.String({ maxLength: 8192 }), expiresAt: Type.String({ maxLength: 32 }) },
  { additionalProperties: false },
);
const Reference = Type.String({ maxLength: 128 });
const KeyFile = Type.Object(
  {
    warning: Type.String({ maxLength: 512 }),
    keys: Type.Record(Reference, Key),
    imports: Type.Optional(Type.Record(Reference, Import)),
  },
  { additionalProperties: false },
);
type KeyFile = Static<typeof KeyFile>;
type Key = Static<typeof Key>;

const stateNames = {
  enabled: 'ENABLED',
  disabled: 'DISABLED',
  'pending-deletion': 'PENDING_DELETION',
  forbidden: 'FORBIDDEN',
} as const satisfies Record<Key['state'], KeyState>;

export type SoftwareKeyState = Key['state'];

/** The file is read at every call, so that an edit counts at once, as a change at a real provider does. */
export class SoftwareKeystore implements KeystoreProvider {
  readonly kind = 'software';
  readonly #path: string;
  /** Writers queue here: the file is read, changed and replaced as a whole. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async inspect(reference: string): Promise<KeyFacts> {
    const { keys, imports } = await this.#read();
    const key = keys[reference];
    const waiting = imports?.[reference] === undefined ? 'NOT_FOUND' : 'PENDING_IMPORT';
    return { state: key === undefined ? waiting : stateNames[key.state], reference, version: null };
  }

  async describe(reference: string): Promise<KeyState> {
    return await this.inspect(reference).then(
      ({ state }) => state,
      (error: unknown) => stateOf(error),
    );
  }

  async generateDataKey(reference: string): Promise<{ plaintext: Buffer; wrapped: string }> {
    return await this.#withKey(reference, (key) => {
      const plaintext = randomBytes(LINK_SECRET_BYTES);
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(reference));
      const body = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return { plaintext, wrapped: PREFIX + body.toString('base64url') };
    });
  }

  async unwrap(reference: string, wrapped: string): Promise<Buffer> {
    return await this.#withKey(reference, (key) => {
      const body = WRAPPED.test(wrapped)
        ? Buffer.from(wrapped.slice(PREFIX.length), 'base64url')
        : Buffer.of();
      if (body.length !== NONCE_BYTES + LINK_SECRET_BYTES + TAG_BYTES)
        throw new KeystoreError('UNKNOWN', 'the wrapped secret is not of this keystore');
      const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(reference))
        .setAuthTag(body.subarray(-TAG_BYTES));
      const plaintext = decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES));
      try {
        decipher.final();
      } catch {
        plaintext.fill(0);
        throw new KeystoreError('UNKNOWN', 'the wrapped secret was not made by this key');
      }
      return plaintext;
    });
  }

  /** Makes the file when there is none. */
  async createKey(): Promise<string> {
    const reference = randomUUID();
    const material = randomBytes(32);
    await this.#change((file) => addKey(file, reference, material)).finally(() => material.fill(0));
    return reference;
  }

  async beginImport(): Promise<ImportParameters> {
    const reference = randomUUID();
    const pair = await promisify(generateKeyPair)('rsa', { modulusLength: IMPORT_MODULUS_BITS });
    const expiresAt = new Date(Date.now() + IMPORT_HOURS * 3_600_000);
    const privateKey = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await this.#change((file) => {
      const others = Object.entries(file.imports ?? {}).slice(-(MAX_IMPORTS - 1));
      file.imports = Object.fromEntries([
        ...others,
        [reference, { privateKey, expiresAt: expiresAt.toISOString() }],
      ]);
    });
    const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    return { reference, algorithm: IMPORT_ALGORITHM, material: 'AES_256', publicKey, expiresAt, ticket: '' };
  }

  async finishImport({ reference }: ImportTicket, wrapped: Buffer): Promise<void> {
    await this.#change((file) => {
      const begun = file.imports?.[reference];
      if (begun === undefined) throw new KeystoreError('NOT_FOUND', 'no import of this key is open');
      if (new Date(begun.expiresAt) <= new Date())
        throw new KeystoreError('UNKNOWN', 'the import has expired');
      let material: Buffer;
      try {
        material = unwrapImport(createPrivateKey(begun.privateKey), IMPORT_ALGORITHM, wrapped);
      } catch {
        throw new KeystoreError('UNKNOWN', 'the wrapped key does not open with the key of this import');
      }
      try {
        if (material.length !== 32) throw new KeystoreError('UNKNOWN', 'the material is no AES-256 key');
        addKey(file, reference, material);
      } finally {
        material.fill(0);
      }
      delete file.imports?.[reference];
    });
  }

  async credentialIsGood(reference: string): Promise<boolean> {
    try {
      const others = Object.entries((await this.#read()).keys).filter(([id]) => id !== reference);
      return others.some(([, key]) => key.state === 'enabled');
    } catch {
      return false;
    }
  }

  /** What the customer would do at their provider's console. */
  async setState(reference: string, state: SoftwareKeyState): Promise<void> {
    await this.#change((file) => {
      const key = file.keys[reference];
      if (key === undefined) throw new KeystoreError('NOT_FOUND');
      key.state = state;
    });
  }

  async deleteKey(reference: string): Promise<void> {
    await this.#change((file) => {
      delete file.keys[reference];
    });
  }

  async #withKey<T>(reference: string, use: (material: Buffer) => T): Promise<T> {
    const key = (await this.#read()).keys[reference];
    if (key === undefined) throw new KeystoreError('NOT_FOUND');
    const state = stateNames[key.state];
    if (state !== 'ENABLED') throw new KeystoreError(state);
    const material = Buffer.from(key.material, 'base64');
    try {
      return use(material);
    } finally {
      material.fill(0);
    }
  }

  async #read(): Promise<KeyFile> {
    let text: string;
    try {
      text = await readPrivate(this.#path);
    } catch (error) {
      // A file that is away is a provider that is away, not a deleted key: nothing may be concluded from it. One that
      // CMK may not read, or that others may, is CMK's own credential gone wrong.
      const code = errorCode(error);
      const state = code === 'CONFIG_NOT_FOUND' ? 'UNREACHABLE' : 'UNKNOWN';
      throw new KeystoreError(state, `the software keystore cannot be read (${code ?? 'unknown error'})`);
    }
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new KeystoreError('UNKNOWN', 'the software keystore is not valid JSON');
    }
    if (!Value.Check(KeyFile, parsed))
      throw new KeystoreError('UNKNOWN', 'the software keystore has fields amiss');
    return parsed;
  }

  async #change(change: (file: KeyFile) => void): Promise<void> {
    const run = this.#writing.then(async () => {
      const file = await this.#read().catch((error: unknown): KeyFile => {
        if (error instanceof KeystoreError && error.state === 'UNREACHABLE')
          return { warning: WARNING, keys: {} };
        throw error;
      });
      change(file);
      await writePrivate(this.#path, `${JSON.stringify(file, null, 2)}\n`);
    });
    this.#writing = run.catch(() => undefined);
    await run;
  }
}

function addKey(file: KeyFile, reference: string, material: Buffer): void {
  if (Object.keys(file.keys).length >= MAX_KEYS)
    throw new KeystoreError('UNKNOWN', `the software keystore holds ${MAX_KEYS} keys, its limit`);
  file.keys[reference] = {
    material: material.toString('base64'),
    state: 'enabled',
    createdAt: new Date().toISOString(),
  };
}
