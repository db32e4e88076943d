/**
 * AWS KMS. A reference is a key's ARN or id, or an alias (`alias/NAME`, or its ARN); the ARN of the key is what counts,
 * since its owner may let an alias point elsewhere. CMK needs kms:DescribeKey, kms:GenerateDataKey and kms:Decrypt on the
 * key, and kms:ListKeys in its own account, by which it tells that its own credential is good.
 *
 * Symmetric material is imported under RSA-OAEP alone: KMS takes RSA_AES_KEY_WRAP for private keys only (KMS API,
 * GetParametersForImport, WrappingAlgorithm).
 */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { errorCode } from '../../platform/errors.ts';
import type { KeystoreConfig } from './configs.ts';
import { fromFile, secretOf } from './http.ts';
import {
  type DataKey,
  type ImportParameters,
  type ImportTicket,
  isAway,
  type KeyFacts,
  type KeyState,
  type KeystoreDriver,
  KeystoreError,
  LINK_SECRET_BYTES,
  stateOf,
  translating,
} from './provider.ts';

type Sdk = typeof import('@aws-sdk/client-kms');
type Client = InstanceType<Sdk['KMSClient']>;

const PREFIX = 'aws-kms.v1.';
const WRAPPED = /^aws-kms\.v1\.[A-Za-z0-9_-]{1,8180}$/;
/** Stands in the customer's CloudTrail beside every use. */
const CONTEXT = { 'openkcm:use': 'link-secret' };
const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 9_000;
/** How soon a changed credentials file counts. */
const CREDENTIALS_FOR_MS = 60_000;
/** 3072 bits of RSA are 128 bits of strength (NIST SP 800-57 part 1, table 2). */
const WRAPPING = { algorithm: 'RSAES_OAEP_SHA_256', spec: 'RSA_3072' } as const;

/** What KMS calls the states of a key (KMS API, KeyState). */
const states: Readonly<Record<string, KeyState>> = {
  Enabled: 'ENABLED',
  Disabled: 'DISABLED',
  PendingDeletion: 'PENDING_DELETION',
  PendingReplicaDeletion: 'PENDING_DELETION',
  PendingImport: 'PENDING_IMPORT',
  // The key store behind it is disconnected: that may be an outage of its.
  Unavailable: 'UNREACHABLE',
  // The primary of a multi-Region key is being moved; it serves meanwhile.
  Updating: 'ENABLED',
};

const errors: Readonly<Record<string, KeyState>> = {
  NotFoundException: 'NOT_FOUND',
  DisabledException: 'DISABLED',
  AccessDeniedException: 'FORBIDDEN',
  ThrottlingException: 'THROTTLED',
  TooManyRequestsException: 'THROTTLED',
  RequestLimitExceeded: 'THROTTLED',
  LimitExceededException: 'THROTTLED',
  DependencyTimeoutException: 'UNREACHABLE',
  KeyUnavailableException: 'UNREACHABLE',
  KMSInternalException: 'UNREACHABLE',
  ServiceUnavailableException: 'UNREACHABLE',
};

const Credentials = Type.Object({
  accessKeyId: Type.String({ minLength: 1, maxLength: 256 }),
  secretAccessKey: Type.String({ minLength: 1, maxLength: 256 }),
  sessionToken: Type.Optional(Type.String({ maxLength: 16_384 })),
});

export class AwsKmsKeystore implements KeystoreDriver {
  readonly kind = 'aws-kms';
  readonly #config: KeystoreConfig<'aws-kms'>;
  #open: Promise<{ sdk: Sdk; client: Client }> | undefined;

  constructor(config: KeystoreConfig<'aws-kms'>) {
    this.#config = config;
  }

  async inspect(reference: string): Promise<KeyFacts> {
    const key = await this.#describe(reference);
    if (key.KeyUsage !== 'ENCRYPT_DECRYPT' || key.KeySpec !== 'SYMMETRIC_DEFAULT')
      throw new KeystoreError('UNKNOWN', 'the key is no symmetric key for encryption');
    return {
      state: states[key.KeyState ?? ''] ?? 'UNKNOWN',
      reference: key.Arn ?? reference,
      version: key.CurrentKeyMaterialId?.slice(0, 64) ?? null,
    };
  }

  async generateDataKey(reference: string): Promise<DataKey> {
    const { Plaintext, CiphertextBlob } = await this.#call(reference, ({ sdk, client }) =>
      client.send(
        new sdk.GenerateDataKeyCommand({
          KeyId: reference,
          KeySpec: 'AES_256',
          EncryptionContext: CONTEXT,
        }),
      ),
    );
    if (Plaintext?.length !== LINK_SECRET_BYTES || CiphertextBlob === undefined)
      throw new KeystoreError('UNKNOWN', 'KMS answered without a data key');
    return {
      plaintext: bufferOf(Plaintext),
      wrapped: PREFIX + bufferOf(CiphertextBlob).toString('base64url'),
    };
  }

  async unwrap(reference: string, wrapped: string): Promise<Buffer> {
    if (!WRAPPED.test(wrapped))
      throw new KeystoreError('UNKNOWN', 'the wrapped secret is not of this keystore');
    const { Plaintext } = await this.#call(reference, ({ sdk, client }) =>
      client.send(
        new sdk.DecryptCommand({
          KeyId: reference,
          CiphertextBlob: Buffer.from(wrapped.slice(PREFIX.length), 'base64url'),
          EncryptionContext: CONTEXT,
        }),
      ),
    );
    if (Plaintext?.length !== LINK_SECRET_BYTES)
      throw new KeystoreError('UNKNOWN', 'KMS answered with something else than a link secret');
    return bufferOf(Plaintext);
  }

  /** One that is refused the list as well may have lost all its permissions: then nothing is known of the customer. */
  async credentialIsGood(): Promise<boolean> {
    try {
      const { sdk, client } = await this.#opened();
      await client.send(new sdk.ListKeysCommand({ Limit: 1 }));
      return true;
    } catch {
      return false;
    }
  }

  async createKey(): Promise<string> {
    return await this.#makeKey('AWS_KMS');
  }

  async beginImport(): Promise<ImportParameters> {
    const reference = await this.#makeKey('EXTERNAL');
    const answer = await this.#call(reference, ({ sdk, client }) =>
      client.send(
        new sdk.GetParametersForImportCommand({
          KeyId: reference,
          WrappingAlgorithm: WRAPPING.algorithm,
          WrappingKeySpec: WRAPPING.spec,
        }),
      ),
    );
    const { PublicKey, ImportToken, ParametersValidTo } = answer;
    if (PublicKey === undefined || ImportToken === undefined || ParametersValidTo === undefined)
      throw new KeystoreError('UNKNOWN', 'KMS answered without parameters for an import');
    return {
      reference,
      algorithm: WRAPPING.algorithm,
      material: 'AES_256',
      publicKey: `-----BEGIN PUBLIC KEY-----\n${bufferOf(PublicKey)
        .toString('base64')
        .replaceAll(/.{1,64}/g, '$&\n')}-----END PUBLIC KEY-----\n`,
      expiresAt: ParametersValidTo,
      ticket: bufferOf(ImportToken).toString('base64'),
    };
  }

  async finishImport({ reference, ticket }: ImportTicket, wrapped: Buffer): Promise<void> {
    await this.#call(reference, ({ sdk, client }) =>
      client.send(
        new sdk.ImportKeyMaterialCommand({
          KeyId: reference,
          ImportToken: Buffer.from(ticket, 'base64'),
          EncryptedKeyMaterial: wrapped,
          ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
        }),
      ),
    );
  }

  async #makeKey(origin: 'AWS_KMS' | 'EXTERNAL'): Promise<string> {
    const { KeyMetadata } = await this.#call(undefined, ({ sdk, client }) =>
      client.send(
        new sdk.CreateKeyCommand({
          Description: 'L1 key of an OpenKCM tenant',
          KeyUsage: 'ENCRYPT_DECRYPT',
          KeySpec: 'SYMMETRIC_DEFAULT',
          Origin: origin,
        }),
      ),
    );
    if (KeyMetadata?.Arn === undefined) throw new KeystoreError('UNKNOWN', 'KMS answered without a key');
    return KeyMetadata.Arn;
  }

  async #describe(reference: string) {
    const { KeyMetadata } = await this.#call(undefined, ({ sdk, client }) =>
      client.send(new sdk.DescribeKeyCommand({ KeyId: reference })),
    );
    if (KeyMetadata === undefined) throw new KeystoreError('UNKNOWN', 'KMS answered without a key');
    return KeyMetadata;
  }

  /** `reference`: whose state is asked for where KMS says no more than that it is the wrong one. */
  async #call<T>(
    reference: string | undefined,
    call: (opened: { sdk: Sdk; client: Client }) => Promise<T>,
  ): Promise<T> {
    return await translating(
      async () => await call(await this.#opened()),
      async (error) => {
        if (nameOf(error) === 'KMSInvalidStateException' && reference !== undefined)
          return await this.#describe(reference).then(
            ({ KeyState }) => unusable(states[KeyState ?? ''] ?? 'UNKNOWN'),
            (failure: unknown) => stateOf(failure),
          );
        return meaningOf(error);
      },
    );
  }

  async #opened(): Promise<{ sdk: Sdk; client: Client }> {
    this.#open ??= this.#connect().catch((error: unknown) => {
      this.#open = undefined; // a file that is missing now may be there later
      throw error;
    });
    return await this.#open;
  }

  async #connect(): Promise<{ sdk: Sdk; client: Client }> {
    const { region, endpoint, credentialsFile, caFile } = this.#config;
    const ca = caFile === undefined ? undefined : await fromFile(readFile(caFile));
    const sdk = await import('@aws-sdk/client-kms');
    const client = new sdk.KMSClient({
      region,
      // Whoever calls us tries again, with a backoff of its own.
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        ...(ca && { httpsAgent: new Agent({ ca, keepAlive: true, maxSockets: 16 }) }),
      },
      ...(endpoint !== undefined && { endpoint }),
      ...(credentialsFile !== undefined && { credentials: () => readCredentials(credentialsFile) }),
    });
    return { sdk, client };
  }
}

async function readCredentials(file: string): Promise<Static<typeof Credentials> & { expiration: Date }> {
  const text = await secretOf(file);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (!Value.Check(Credentials, parsed))
    throw new KeystoreError('UNKNOWN', 'the credentials file holds no credentials of AWS');
  return { ...parsed, expiration: new Date(Date.now() + CREDENTIALS_FOR_MS) };
}

/** A key in the right state that KMS refuses all the same is not understood. */
const unusable = (state: KeyState): KeyState => (state === 'ENABLED' ? 'UNKNOWN' : state);

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

function meaningOf(error: unknown): KeyState {
  const known = errors[nameOf(error)] ?? errors[errorCode(error) ?? ''];
  if (known !== undefined) return known;
  const status: unknown = Reflect.get(Object(Reflect.get(Object(error), '$metadata')), 'httpStatusCode');
  if (typeof status === 'number' && status >= 500) return 'UNREACHABLE';
  if (status === 429) return 'THROTTLED';
  return isAway(error) ? 'UNREACHABLE' : 'UNKNOWN';
}

/** The same bytes, so that wiping one wipes both. */
const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
