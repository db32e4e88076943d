/**
 * Google Cloud KMS, over gRPC. A reference is the resource name of a symmetric key (`projects/…/cryptoKeys/NAME`). CMK
 * needs cloudkms.cryptoKeys.get, cloudkms.cryptoKeyVersions.useToEncrypt and useToDecrypt on it.
 *
 * Who may do what is said where the key lies, by its owner. So one who is refused the list of the key ring has shown a
 * good credential all the same; only UNAUTHENTICATED says that it is CMK's own trouble.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { protos, v1 } from '@google-cloud/kms';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { crc32c } from '../../platform/crc32c.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { KeystoreConfig } from './configs.ts';
import { fromFile, secretOf } from './http.ts';
import {
  type DataKey,
  type ImportParameters,
  type ImportTicket,
  type KeyFacts,
  type KeyState,
  type KeystoreDriver,
  KeystoreError,
  LINK_SECRET_BYTES,
  stateOf,
  translating,
} from './provider.ts';

type Client = v1.KeyManagementServiceClient;
type CryptoKeyVersion = protos.google.cloud.kms.v1.ICryptoKeyVersion;

const KEY_NAME =
  /^projects\/[A-Za-z0-9:.-]{1,64}\/locations\/[a-z0-9-]{1,63}\/keyRings\/[A-Za-z0-9_-]{1,63}\/cryptoKeys\/[A-Za-z0-9_-]{1,63}$/;
const PREFIX = 'google-kms.v1.';
const WRAPPED = /^google-kms\.v1\.[A-Za-z0-9_-]{1,8170}$/;
const ASSOCIATED_DATA = Buffer.from('openkcm link secret');
const SCOPE = 'https://www.googleapis.com/auth/cloudkms';
/** One attempt: whoever calls us tries again, with a backoff of its own. */
const CALL = { timeout: 8_000, retry: null } as const;
/** 3072 bits of RSA are 128 bits of strength (NIST SP 800-57 part 1, table 2). */
const IMPORT_METHOD = { google: 'RSA_OAEP_3072_SHA256_AES_256', ours: 'RSA_AES_KEY_WRAP_SHA_256' } as const;
/** Of what Google makes by and by: an import job, an imported version. */
const POLL = { everyMs: 250, times: 60 } as const;

/** As far as it is looked at here; the rest is for Google's library. */
const ServiceAccount = Type.Object({
  type: Type.Literal('service_account'),
  client_email: Type.String({ minLength: 1 }),
  private_key: Type.String({ minLength: 1 }),
});

/** gRPC's status codes (grpc.io, "Status codes"), as far as they say something. */
const code = {
  CANCELLED: 1,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** What KMS calls the states of a version (resources.proto, CryptoKeyVersionState). */
const states: Readonly<Record<string, KeyState>> = {
  ENABLED: 'ENABLED',
  DISABLED: 'DISABLED',
  DESTROY_SCHEDULED: 'PENDING_DELETION',
  DESTROYED: 'NOT_FOUND',
  PENDING_EXTERNAL_DESTRUCTION: 'PENDING_DELETION',
  EXTERNAL_DESTRUCTION_FAILED: 'PENDING_DELETION',
  PENDING_IMPORT: 'PENDING_IMPORT',
  IMPORT_FAILED: 'PENDING_IMPORT',
};

export class GoogleKmsKeystore implements KeystoreDriver {
  readonly kind = 'google-kms';
  readonly #config: KeystoreConfig<'google-kms'>;
  #open: Promise<Client> | undefined;

  constructor(config: KeystoreConfig<'google-kms'>) {
    this.#config = config;
  }

  async inspect(reference: string): Promise<KeyFacts> {
    const name = nameOf(reference);
    const [key] = await this.#call((client) => client.getCryptoKey({ name }, CALL));
    if (key.purpose !== 'ENCRYPT_DECRYPT')
      throw new KeystoreError('UNKNOWN', 'the key is no symmetric key for encryption');
    // One that is made to be imported into has no primary version before that.
    const state = key.primary?.state ?? (key.importOnly === true ? 'PENDING_IMPORT' : 'DESTROYED');
    return {
      state: states[String(state)] ?? 'UNKNOWN',
      // As Google tells it: a project can be named by its number, too.
      reference: key.name ?? name,
      version: key.primary?.name?.split('/').at(-1) ?? null,
    };
  }

  async generateDataKey(reference: string): Promise<DataKey> {
    const name = nameOf(reference);
    const plaintext = randomBytes(LINK_SECRET_BYTES);
    try {
      const [answer] = await this.#call(
        (client) =>
          client.encrypt(
            {
              name,
              plaintext,
              plaintextCrc32c: { value: crc32c(plaintext) },
              additionalAuthenticatedData: ASSOCIATED_DATA,
              additionalAuthenticatedDataCrc32c: { value: crc32c(ASSOCIATED_DATA) },
            },
            CALL,
          ),
        name,
      );
      const ciphertext = bytesOf(answer.ciphertext);
      const whole =
        answer.verifiedPlaintextCrc32c === true &&
        answer.verifiedAdditionalAuthenticatedDataCrc32c === true &&
        Number(answer.ciphertextCrc32c?.value) === crc32c(ciphertext);
      if (!whole) throw new KeystoreError('UNREACHABLE', 'what was sent was damaged on the way');
      return { plaintext, wrapped: PREFIX + ciphertext.toString('base64url') };
    } catch (error) {
      plaintext.fill(0);
      throw error;
    }
  }

  async unwrap(reference: string, wrapped: string): Promise<Buffer> {
    const name = nameOf(reference);
    if (!WRAPPED.test(wrapped))
      throw new KeystoreError('UNKNOWN', 'the wrapped secret is not of this keystore');
    const ciphertext = Buffer.from(wrapped.slice(PREFIX.length), 'base64url');
    const [answer] = await this.#call(
      (client) =>
        client.decrypt(
          {
            name,
            ciphertext,
            ciphertextCrc32c: { value: crc32c(ciphertext) },
            additionalAuthenticatedData: ASSOCIATED_DATA,
            additionalAuthenticatedDataCrc32c: { value: crc32c(ASSOCIATED_DATA) },
          },
          CALL,
        ),
      name,
    );
    const plaintext = bytesOf(answer.plaintext);
    if (plaintext.length === LINK_SECRET_BYTES && Number(answer.plaintextCrc32c?.value) === crc32c(plaintext))
      return plaintext;
    plaintext.fill(0);
    throw new KeystoreError('UNREACHABLE', 'what was answered was damaged on the way');
  }

  async credentialIsGood(): Promise<boolean> {
    try {
      await this.#call((client) =>
        client.listCryptoKeys(
          { parent: this.#config.keyRing, pageSize: 1 },
          { ...CALL, autoPaginate: false },
        ),
      );
      return true;
    } catch (error) {
      return stateOf(error) === 'FORBIDDEN';
    }
  }

  async createKey(): Promise<string> {
    return await this.#makeKey(false);
  }

  async beginImport(): Promise<ImportParameters> {
    const [begun] = await this.#call((client) =>
      client.createImportJob(
        {
          parent: this.#config.keyRing,
          importJobId: `openkcm-${randomUUID()}`,
          importJob: { importMethod: IMPORT_METHOD.google, protectionLevel: this.#protection },
        },
        CALL,
      ),
    );
    const job = await this.#until(async (client) => {
      const [seen] = await client.getImportJob({ name: begun.name ?? '' }, CALL);
      return seen.state === 'ACTIVE' ? seen : undefined;
    });
    const { publicKey, expireTime } = job;
    if (publicKey?.pem == null || expireTime?.seconds == null || job.name == null)
      throw new KeystoreError('UNKNOWN', 'Google answered without parameters for an import');
    return {
      reference: await this.#makeKey(true),
      algorithm: IMPORT_METHOD.ours,
      material: 'AES_256',
      publicKey: publicKey.pem,
      expiresAt: new Date(Number(expireTime.seconds) * 1000),
      ticket: job.name,
    };
  }

  async finishImport({ reference, ticket }: ImportTicket, wrapped: Buffer): Promise<void> {
    const name = nameOf(reference);
    const [begun] = await this.#call((client) =>
      client.importCryptoKeyVersion(
        {
          parent: name,
          importJob: ticket,
          algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION',
          wrappedKey: wrapped,
        },
        CALL,
      ),
    );
    const version = await this.#until(async (client) => {
      const [seen] = await client.getCryptoKeyVersion({ name: begun.name ?? '' }, CALL);
      return seen.state === 'PENDING_IMPORT' ? undefined : seen;
    });
    if (version.state !== 'ENABLED')
      throw new KeystoreError('UNKNOWN', `Google could not import the material: ${reasonOf(version)}`);
    await this.#call((client) =>
      client.updateCryptoKeyPrimaryVersion(
        { name, cryptoKeyVersionId: version.name?.split('/').at(-1) ?? '' },
        CALL,
      ),
    );
  }

  get #protection(): 'SOFTWARE' | 'HSM' {
    return this.#config.protection ?? 'HSM';
  }

  async #makeKey(importOnly: boolean): Promise<string> {
    const [key] = await this.#call((client) =>
      client.createCryptoKey(
        {
          parent: this.#config.keyRing,
          cryptoKeyId: `openkcm-${randomUUID()}`,
          cryptoKey: {
            purpose: 'ENCRYPT_DECRYPT',
            importOnly,
            versionTemplate: {
              algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION',
              protectionLevel: this.#protection,
            },
          },
          skipInitialVersionCreation: importOnly,
        },
        CALL,
      ),
    );
    if (key.name == null) throw new KeystoreError('UNKNOWN', 'Google answered without a key');
    return key.name;
  }

  async #until<T>(ask: (client: Client) => Promise<T | undefined>): Promise<T> {
    for (let left = POLL.times; left > 0; left--) {
      const answer = await this.#call(ask);
      if (answer !== undefined) return answer;
      await delay(POLL.everyMs);
    }
    throw new KeystoreError('UNREACHABLE', 'Google did not get ready in time');
  }

  /** `name`: whose state is asked for where Google says no more than that it is the wrong one. */
  async #call<T>(call: (client: Client) => Promise<T>, name?: string): Promise<T> {
    return await translating(
      async () => await call(await this.#opened()),
      async (error) => {
        const status = statusOf(error);
        // The file may hold another credential by now.
        if (status === code.UNAUTHENTICATED) this.#open = undefined;
        if (status !== code.FAILED_PRECONDITION || name === undefined) return meaningOf(error, status);
        // The primary version may live while the one that wrapped does not.
        const { state } = await this.inspect(name).catch((failure: unknown) => ({ state: stateOf(failure) }));
        return state === 'ENABLED' ? 'DISABLED' : state;
      },
    );
  }

  async #opened(): Promise<Client> {
    this.#open ??= this.#connect().catch((error: unknown) => {
      this.#open = undefined;
      throw error;
    });
    return await this.#open;
  }

  async #connect(): Promise<Client> {
    const { endpoint, credentialsFile, caFile } = this.#config;
    const credentials =
      credentialsFile === undefined ? undefined : parseCredentials(await secretOf(credentialsFile));
    const ca = caFile === undefined ? null : await fromFile(readFile(caFile));
    const [{ v1: api }, { GoogleAuth, grpc }] = await Promise.all([
      import('@google-cloud/kms'),
      import('google-gax'),
    ]);
    const auth = new GoogleAuth({ scopes: [SCOPE], ...(credentials && { credentials }) });
    auth.useJWTAccessWithScope = true;
    const identity = await auth.getClient();
    const [host, port] = endpoint?.split(':') ?? [];
    return new api.KeyManagementServiceClient({
      auth,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      // As the library makes them itself, but for the authorities that are trusted.
      sslCreds: grpc.credentials.combineChannelCredentials(
        grpc.credentials.createSsl(ca),
        grpc.credentials.createFromGoogleCredential({
          getRequestHeaders: async (url?: string) =>
            Object.fromEntries((await identity.getRequestHeaders(url)).entries()),
        }),
      ),
      ...(host !== undefined && { apiEndpoint: host }),
      ...(port !== undefined && { port: Number(port) }),
    });
  }
}

function parseCredentials(text: string): Static<typeof ServiceAccount> {
  try {
    const value: unknown = JSON.parse(text);
    if (Value.Check(ServiceAccount, value)) return value;
  } catch {
    // Said below, without a word of the file.
  }
  throw new KeystoreError('UNKNOWN', 'the credentials file holds no key of a service account');
}

const statusOf = (error: unknown): unknown => Reflect.get(Object(error), 'code');

function meaningOf(error: unknown, status: unknown): KeyState {
  switch (status) {
    case code.NOT_FOUND:
      return 'NOT_FOUND';
    case code.PERMISSION_DENIED: {
      // A switched-off service or an unpaid bill are refusals, too, and say nothing of a permission.
      const reason: unknown = Reflect.get(Object(error), 'reason');
      return reason === undefined || reason === 'IAM_PERMISSION_DENIED' ? 'FORBIDDEN' : 'UNKNOWN';
    }
    case code.RESOURCE_EXHAUSTED:
      return 'THROTTLED';
    case code.UNAVAILABLE:
    case code.DEADLINE_EXCEEDED:
    case code.CANCELLED:
    case code.INTERNAL:
      return 'UNREACHABLE';
    default:
      return 'UNKNOWN';
  }
}

function nameOf(reference: string): string {
  if (KEY_NAME.test(reference)) return reference;
  throw new KeystoreError('NOT_FOUND', 'no key can be called so: projects/…/cryptoKeys/NAME is a name');
}

function bytesOf(value: Uint8Array | string | null | undefined): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return Buffer.from(value ?? '', 'base64');
}

const reasonOf = ({ importFailureReason }: CryptoKeyVersion): string =>
  errorMessage(importFailureReason ?? '').slice(0, 200);
