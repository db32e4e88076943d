/**
 * Azure Key Vault (keys) and Managed HSM. A reference is a key's name in the vault, or its identifier without a version.
 * CMK needs get, wrapKey and unwrapKey on the key. RSA keys wrap by RSA-OAEP-256, AES keys of a Managed HSM by A256KW; in
 * both the vault does the work, with the version that stands in the wrapped form.
 *
 * Who may do what is said at the vault, by its owner, while Entra says who somebody is. So one whom the vault refuses a list
 * has shown a good credential all the same; only 401, or Entra's own refusal, says that it is CMK's own trouble.
 */
import { createPublicKey, randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TokenCredential } from '@azure/identity';
import type { CryptographyClientOptions, KeyVaultKey, KeyWrapAlgorithm } from '@azure/keyvault-keys';
import { errorCode } from '../../platform/errors.ts';
import { isLoopback, type KeystoreConfig } from './configs.ts';
import { fromFile, recordOf, secretOf } from './http.ts';
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

type Sdk = typeof import('@azure/keyvault-keys');
interface Opened {
  readonly sdk: Sdk;
  readonly client: InstanceType<Sdk['KeyClient']>;
  readonly credential: TokenCredential;
  readonly options: CryptographyClientOptions;
}

const NAME = /^[A-Za-z0-9-]{1,127}$/;
const WRAPPED = /^azure\.v1\.(RSA-OAEP-256|A256KW)\.([0-9a-zA-Z]{1,64})\.([A-Za-z0-9_-]{1,1024})$/;
/** The layout of a .byok file (Azure Key Vault, "Bring your own key specification"). */
const BYOK = { schema: '1.0.0', alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP' } as const;
const IMPORT_ALGORITHM = 'RSA_AES_KEY_WRAP_SHA_1';
const IMPORT_MS = 24 * 3_600_000;
const KEY_OPERATIONS = ['wrapKey', 'unwrapKey'] as const;
/** 128 bits of strength (NIST SP 800-57 part 1, table 2). */
const RSA_BITS = 3072;
const AES_BITS = 256;

/** Why a vault says Forbidden (innererror.code); what is not here is a matter of permissions. */
const forbidden: Readonly<Record<string, KeyState>> = {
  KeyDisabled: 'DISABLED',
  KeyExpired: 'DISABLED',
  KeyNotYetValid: 'DISABLED',
  // Its network rules do not let us in: it was not reached.
  ForbiddenByFirewall: 'UNREACHABLE',
  ForbiddenByConnection: 'UNREACHABLE',
};

export class AzureKeystore implements KeystoreDriver {
  readonly kind = 'azure-key-vault';
  readonly #config: KeystoreConfig<'azure-key-vault'>;
  #open: Promise<Opened> | undefined;

  constructor(config: KeystoreConfig<'azure-key-vault'>) {
    this.#config = config;
  }

  async inspect(reference: string): Promise<KeyFacts> {
    const name = this.#nameOf(reference);
    const key = await this.#key(name);
    const { enabled, expiresOn, notBefore, version } = key.properties;
    const now = new Date();
    const usable =
      enabled !== false &&
      (expiresOn === undefined || expiresOn > now) &&
      (notBefore === undefined || notBefore <= now) &&
      KEY_OPERATIONS.every((operation) => key.keyOperations?.includes(operation) ?? true);
    return {
      state: usable ? 'ENABLED' : 'DISABLED',
      reference: `${this.#vaultUrl}/keys/${name}`,
      version: version ?? null,
    };
  }

  async generateDataKey(reference: string): Promise<DataKey> {
    const key = await this.#key(this.#nameOf(reference));
    const algorithm = algorithmOf(key);
    const plaintext = randomBytes(LINK_SECRET_BYTES);
    try {
      const { result } = await this.#call(({ sdk, credential, options }) =>
        new sdk.CryptographyClient(key, credential, options).wrapKey(algorithm, plaintext),
      );
      const wrapped = `azure.v1.${algorithm}.${key.properties.version ?? ''}.${bufferOf(result).toString('base64url')}`;
      if (!WRAPPED.test(wrapped))
        throw new KeystoreError('UNKNOWN', 'the vault answered without a wrapped key');
      return { plaintext, wrapped };
    } catch (error) {
      plaintext.fill(0);
      throw error;
    }
  }

  async unwrap(reference: string, wrapped: string): Promise<Buffer> {
    const name = this.#nameOf(reference);
    const [, algorithm, version = '', bytes = ''] = WRAPPED.exec(wrapped) ?? [];
    if (algorithm === undefined)
      throw new KeystoreError('UNKNOWN', 'the wrapped secret is not of this keystore');
    const key = await this.#key(name, version);
    const { result } = await this.#call(({ sdk, credential, options }) =>
      new sdk.CryptographyClient(key, credential, options).unwrapKey(
        algorithm as KeyWrapAlgorithm,
        Buffer.from(bytes, 'base64url'),
      ),
    );
    if (result.length === LINK_SECRET_BYTES) return bufferOf(result);
    result.fill(0);
    throw new KeystoreError('UNKNOWN', 'the vault answered with something else than a link secret');
  }

  async credentialIsGood(): Promise<boolean> {
    try {
      await this.#call(({ client }) => client.listPropertiesOfKeys().byPage({ maxPageSize: 1 }).next());
      return true;
    } catch (error) {
      return stateOf(error) === 'FORBIDDEN';
    }
  }

  async createKey(): Promise<string> {
    const name = `openkcm-${randomUUID()}`;
    const keyOps = [...KEY_OPERATIONS];
    await this.#call(({ client }) =>
      this.#isHsm
        ? client.createOctKey(name, { hsm: true, keySize: AES_BITS, keyOps })
        : client.createRsaKey(name, { keySize: RSA_BITS, keyOps }),
    );
    return `${this.#vaultUrl}/keys/${name}`;
  }

  /** A key-exchange key that can do nothing but import; a vault takes RSA material, a Managed HSM takes AES. */
  async beginImport(): Promise<ImportParameters> {
    const kek = await this.#call(({ client }) =>
      client.createRsaKey(`openkcm-import-${randomUUID()}`, {
        hsm: true,
        keySize: RSA_BITS,
        keyOps: ['import'],
      }),
    );
    const { n, e } = kek.key ?? { n: undefined, e: undefined };
    if (n === undefined || e === undefined || kek.id === undefined)
      throw new KeystoreError('UNKNOWN', 'the vault answered without a key-exchange key');
    const jwk = { kty: 'RSA', n: bufferOf(n).toString('base64url'), e: bufferOf(e).toString('base64url') };
    return {
      reference: `${this.#vaultUrl}/keys/openkcm-${randomUUID()}`,
      algorithm: IMPORT_ALGORITHM,
      material: this.#isHsm ? 'AES_256' : 'RSA_PKCS8',
      publicKey: createPublicKey({ key: jwk, format: 'jwk' })
        .export({ type: 'spki', format: 'pem' })
        .toString(),
      expiresAt: new Date(Date.now() + IMPORT_MS),
      ticket: kek.id,
    };
  }

  async finishImport({ reference, ticket }: ImportTicket, wrapped: Buffer): Promise<void> {
    const blob = {
      schema_version: BYOK.schema,
      header: { kid: ticket, alg: BYOK.alg, enc: BYOK.enc },
      ciphertext: wrapped.toString('base64url'),
      generator: 'OpenKCM',
    };
    await this.#call(({ client }) =>
      client.importKey(
        this.#nameOf(reference),
        {
          kty: this.#isHsm ? 'oct-HSM' : 'RSA-HSM',
          keyOps: [...KEY_OPERATIONS],
          t: Buffer.from(JSON.stringify(blob)),
        },
        { hardwareProtected: true },
      ),
    );
  }

  get #isHsm(): boolean {
    return this.#config.service === 'managed-hsm';
  }

  get #vaultUrl(): string {
    return new URL(this.#config.vaultUrl).origin;
  }

  /** By name, or by an identifier of this vault. */
  #nameOf(reference: string): string {
    const prefix = `${this.#vaultUrl}/keys/`;
    const name = reference.startsWith(prefix) ? reference.slice(prefix.length) : reference;
    if (NAME.test(name)) return name;
    throw new KeystoreError('NOT_FOUND', `no key of ${this.#vaultUrl} can be called so, without a version`);
  }

  /** One that is gone may wait for its purge: then its owner can still bring it back. */
  async #key(name: string, version?: string): Promise<KeyVaultKey> {
    try {
      return await this.#call(({ client }) => client.getKey(name, version === undefined ? {} : { version }));
    } catch (error) {
      if (stateOf(error) !== 'NOT_FOUND') throw error;
      const deleted = await this.#call(({ client }) => client.getDeletedKey(name)).catch(() => undefined);
      throw deleted === undefined ? error : new KeystoreError('PENDING_DELETION');
    }
  }

  async #call<T>(call: (opened: Opened) => Promise<T>): Promise<T> {
    return await translating(async () => {
      this.#open ??= this.#connect().catch((error: unknown) => {
        this.#open = undefined;
        throw error;
      });
      return await call(await this.#open);
    }, meaningOf);
  }

  async #connect(): Promise<Opened> {
    const { caFile, clientSecretFile, tenantId, clientId, authorityHost, vaultUrl } = this.#config;
    const ca = caFile === undefined ? undefined : await fromFile(readFile(caFile, 'utf8'));
    const [sdk, identity] = await Promise.all([import('@azure/keyvault-keys'), import('@azure/identity')]);
    // One attempt: whoever calls us tries again, with a backoff of its own.
    const common = { retryOptions: { maxRetries: 0 }, ...(ca !== undefined && { tlsOptions: { ca } }) };
    const entra = {
      ...common,
      // An authority of one's own is in no list of Microsoft's.
      ...(authorityHost !== undefined && { authorityHost, disableInstanceDiscovery: true }),
    };
    const secret = clientSecretFile === undefined ? undefined : await secretOf(clientSecretFile);
    const credential =
      secret !== undefined && tenantId !== undefined && clientId !== undefined
        ? new identity.ClientSecretCredential(tenantId, clientId, secret, entra)
        : new identity.DefaultAzureCredential(entra);
    const options = {
      ...common,
      // A token for the vaults of Azure must go to none that only claims to be one; on this host nothing is given away.
      disableChallengeResourceVerification: isLoopback(new URL(vaultUrl).hostname),
    };
    return {
      sdk,
      credential,
      options,
      client: new sdk.KeyClient(this.#vaultUrl, credential, { ...options }),
    };
  }
}

function algorithmOf(key: KeyVaultKey): 'RSA-OAEP-256' | 'A256KW' {
  if (key.keyType === 'RSA' || key.keyType === 'RSA-HSM') return 'RSA-OAEP-256';
  if (key.keyType === 'oct-HSM' || key.keyType === 'oct') return 'A256KW';
  throw new KeystoreError('UNKNOWN', `a key of type ${String(key.keyType)} wraps nothing`);
}

function meaningOf(error: unknown): KeyState {
  const status: unknown = Reflect.get(Object(error), 'statusCode');
  const said = codeOf(error);
  // A vault says so in its own words; whoever else stands in between says nothing of the key.
  if (status === 403) return said === '' ? 'UNREACHABLE' : (forbidden[innerCodeOf(error)] ?? 'FORBIDDEN');
  if (status === 404) return said === 'KeyNotFound' ? 'NOT_FOUND' : 'UNREACHABLE';
  if (status === 429) return 'THROTTLED';
  if (typeof status === 'number' && status >= 500) return 'UNREACHABLE';
  if (isAway(error) || errorCode(error) === 'REQUEST_SEND_ERROR') return 'UNREACHABLE';
  return 'UNKNOWN';
}

/** As the SDK hands on the body of a refusal. */
const codeOf = (error: unknown): string => {
  const { code } = recordOf(recordOf(recordOf(error)['details'])['error']);
  return typeof code === 'string' ? code : '';
};
function innerCodeOf(error: unknown): string {
  const { details } = recordOf(error);
  const { code } = recordOf(recordOf(recordOf(details)['error'])['innerError']);
  return typeof code === 'string' ? code : '';
}

/** The same bytes, so that wiping one wipes both. */
const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
