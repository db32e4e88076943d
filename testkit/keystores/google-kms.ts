// A local double of Google Cloud KMS: gRPC over TLS from the .proto that Google's client ships, tokens that service accounts
// sign themselves, real AES-256-GCM, checksums both ways, states of versions and what each forbids, import jobs.
//
// Covered: GetCryptoKey, ListCryptoKeys, CreateCryptoKey, Encrypt, Decrypt, CreateImportJob, GetImportJob,
// ImportCryptoKeyVersion, GetCryptoKeyVersion, UpdateCryptoKeyPrimaryVersion. Everything else is UNIMPLEMENTED.
import {
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  verify,
} from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';
import { grpc } from 'google-gax';
import { crc32c } from '../../platform/crc32c.ts';
import { unwrapImport } from '../../platform/key-wrap.ts';
import { startProxy } from '../proxy.ts';
import type { ServerTls } from './fake-server.ts';

export interface FakeGoogleKms {
  /** HOST:PORT. */
  readonly endpoint: string;
  readonly keyRing: string;
  /** The JSON key of CMK's service account, as Google hands it out. */
  readonly serviceAccount: object;
  readonly console: {
    createKey(): string;
    /** The state of the primary version. */
    setState(key: string, state: VersionState): void;
    /** A new version, which encrypts from now on. */
    rotate(key: string): void;
    forbid(key: string): void;
    allow(key: string): void;
    delete(key: string): void;
  };
  /** Google no longer knows the key of the service account. */
  revokeCredential(): void;
  /** Nobody has given CMK the right to list the key ring. */
  forbidList(): void;
  throttle(requests: number): void;
  cutOff(): void;
  reconnect(): void;
  close(): Promise<void>;
}

type VersionState =
  | 'ENABLED'
  | 'DISABLED'
  | 'DESTROY_SCHEDULED'
  | 'DESTROYED'
  | 'PENDING_IMPORT'
  | 'IMPORT_FAILED';

interface Version {
  readonly name: string;
  state: VersionState;
  material: Buffer;
  /** What a finished import will have found. */
  outcome: VersionState | undefined;
}
interface Key {
  readonly name: string;
  readonly importOnly: boolean;
  readonly versions: Version[];
  primary: Version | undefined;
}
interface Job {
  readonly name: string;
  readonly privateKey: KeyObject;
  readonly pem: string;
  readonly expiresAt: Date;
  asked: number;
}
type Request = Readonly<Record<string, unknown>>;

class Refusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const { status } = grpc;
const PROTOS = ['@google-cloud/kms', 'google-gax'].map((name) =>
  join(dirname(fileURLToPath(import.meta.resolve(name))), '..', 'protos'),
);
const IMPORT_DAYS = 3;

export async function startGoogleKms(tls: ServerTls): Promise<FakeGoogleKms> {
  const keyRing = 'projects/bank/locations/europe-west3/keyRings/openkcm';
  const account = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const email = 'cmk@bank.iam.gserviceaccount.com';
  const keys = new Map<string, Key>();
  const jobs = new Map<string, Job>();
  const denied = new Set<string>();
  let [known, mayList, throttled] = [true, true, 0];

  const newVersion = (key: Key, material: Buffer, state: VersionState): Version => {
    const version: Version = {
      name: `${key.name}/cryptoKeyVersions/${key.versions.length + 1}`,
      state,
      material,
      outcome: undefined,
    };
    key.versions.push(version);
    return version;
  };
  const newKey = (name: string, importOnly: boolean): Key => {
    const key: Key = { name, importOnly, versions: [], primary: undefined };
    if (!importOnly) key.primary = newVersion(key, randomBytes(32), 'ENABLED');
    keys.set(name, key);
    return key;
  };
  const allowed = (name: string, permission: string): void => {
    if (denied.has(name.replace(/\/cryptoKeyVersions\/.*/, '')))
      throw new Refusal(
        status.PERMISSION_DENIED,
        `Permission 'cloudkms.${permission}' denied on resource '${name}' (or it may not exist).`,
      );
  };
  const keyOf = (asked: string, permission: string): Key => {
    // A project is found by its number, too; keys are told by its id.
    const name = asked.replace(/^projects\/\d+\//, 'projects/bank/');
    allowed(name, permission);
    const key = keys.get(name);
    if (key === undefined) throw new Refusal(status.NOT_FOUND, `CryptoKey ${name} not found.`);
    return key;
  };
  const usable = (version: Version | undefined, name: string): Version => {
    if (version?.state === 'ENABLED') return version;
    throw new Refusal(
      status.FAILED_PRECONDITION,
      `${version?.name ?? name} is not enabled, current state is: ${version?.state ?? 'none'}.`,
    );
  };

  const methods: Record<string, (request: Request) => object> = {
    GetCryptoKey: ({ name }) => keyView(keyOf(String(name), 'cryptoKeys.get')),
    ListCryptoKeys: ({ parent, pageSize }) => {
      if (!mayList)
        throw new Refusal(
          status.PERMISSION_DENIED,
          `Permission 'cloudkms.cryptoKeys.list' denied on ${String(parent)}`,
        );
      return { cryptoKeys: [...keys.values()].slice(0, Number(pageSize) || 100).map(keyView) };
    },
    CreateCryptoKey: ({ parent, cryptoKeyId, cryptoKey }) =>
      keyView(
        newKey(
          `${String(parent)}/cryptoKeys/${String(cryptoKeyId)}`,
          (cryptoKey as Request)['importOnly'] === true,
        ),
      ),
    Encrypt: ({ name, plaintext, plaintextCrc32c, additionalAuthenticatedData: aad }) => {
      const key = keyOf(String(name), 'cryptoKeyVersions.useToEncrypt');
      const version = usable(key.primary, key.name);
      checked(plaintext, plaintextCrc32c, 'plaintext_crc32c');
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', version.material, nonce).setAAD(bytes(aad));
      const index = Buffer.alloc(4);
      index.writeUInt32BE(key.versions.indexOf(version));
      const ciphertext = Buffer.concat([
        index,
        nonce,
        cipher.update(bytes(plaintext)),
        cipher.final(),
        cipher.getAuthTag(),
      ]);
      return {
        name: version.name,
        ciphertext,
        ciphertextCrc32c: { value: crc32c(ciphertext) },
        verifiedPlaintextCrc32c: plaintextCrc32c !== null,
        verifiedAdditionalAuthenticatedDataCrc32c: true,
        protectionLevel: 'SOFTWARE',
      };
    },
    Decrypt: ({ name, ciphertext, ciphertextCrc32c, additionalAuthenticatedData: aad }) => {
      const key = keyOf(String(name), 'cryptoKeyVersions.useToDecrypt');
      checked(ciphertext, ciphertextCrc32c, 'ciphertext_crc32c');
      const sealed = bytes(ciphertext);
      const wrong = new Refusal(
        status.INVALID_ARGUMENT,
        'Decryption failed: verify that "name" refers to the correct CryptoKey.',
      );
      if (sealed.length < 4 + 12 + 16) throw wrong;
      const version = key.versions[sealed.readUInt32BE(0)];
      if (version === undefined) throw wrong;
      usable(version, key.name);
      let plaintext: Buffer;
      try {
        const decipher = createDecipheriv('aes-256-gcm', version.material, sealed.subarray(4, 16));
        decipher.setAAD(bytes(aad)).setAuthTag(sealed.subarray(-16));
        plaintext = Buffer.concat([decipher.update(sealed.subarray(16, -16)), decipher.final()]);
      } catch {
        throw wrong;
      }
      return {
        plaintext,
        plaintextCrc32c: { value: crc32c(plaintext) },
        usedPrimary: version === key.primary,
        protectionLevel: 'SOFTWARE',
      };
    },
    CreateImportJob: ({ parent, importJobId, importJob }) => {
      if ((importJob as Request)['importMethod'] !== 'RSA_OAEP_3072_SHA256_AES_256')
        throw new Refusal(status.INVALID_ARGUMENT, 'this double knows one import method');
      const pair = generateKeyPairSync('rsa', { modulusLength: 3072 });
      const job: Job = {
        name: `${String(parent)}/importJobs/${String(importJobId)}`,
        privateKey: pair.privateKey,
        pem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
        expiresAt: new Date(Date.now() + IMPORT_DAYS * 86_400_000),
        asked: 0,
      };
      jobs.set(job.name, job);
      return jobView(job);
    },
    GetImportJob: ({ name }) => {
      const job = jobs.get(String(name));
      if (job === undefined) throw new Refusal(status.NOT_FOUND, `ImportJob ${String(name)} not found.`);
      job.asked += 1;
      return jobView(job);
    },
    ImportCryptoKeyVersion: ({ parent, importJob, wrappedKey }) => {
      const key = keyOf(String(parent), 'cryptoKeyVersions.create');
      const job = jobs.get(String(importJob));
      if (job === undefined || job.expiresAt <= new Date())
        throw new Refusal(status.FAILED_PRECONDITION, `ImportJob ${String(importJob)} is not active.`);
      const version = newVersion(key, Buffer.alloc(32), 'PENDING_IMPORT');
      try {
        version.material = unwrapImport(job.privateKey, 'RSA_AES_KEY_WRAP_SHA_256', bytes(wrappedKey));
        version.outcome = version.material.length === 32 ? 'ENABLED' : 'IMPORT_FAILED';
      } catch {
        version.outcome = 'IMPORT_FAILED';
      }
      return versionView(version);
    },
    GetCryptoKeyVersion: ({ name }) => {
      const key = keyOf(String(name).replace(/\/cryptoKeyVersions\/.*/, ''), 'cryptoKeyVersions.get');
      const version = key.versions.find((each) => each.name === name);
      if (version === undefined)
        throw new Refusal(status.NOT_FOUND, `CryptoKeyVersion ${String(name)} not found.`);
      const view = versionView(version);
      if (version.outcome !== undefined) version.state = version.outcome;
      return view;
    },
    UpdateCryptoKeyPrimaryVersion: ({ name, cryptoKeyVersionId }) => {
      const key = keyOf(String(name), 'cryptoKeys.update');
      key.primary = usable(key.versions[Number(cryptoKeyVersionId) - 1], key.name);
      return keyView(key);
    },
  };

  const authenticated = (metadata: grpc.Metadata): boolean => {
    const [, head = '', body = '', signature = ''] =
      /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(String(metadata.get('authorization')[0] ?? '')) ?? [];
    if (!known || signature === '') return false;
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as {
      iss?: string;
      exp?: number;
    };
    return (
      verify(
        'RSA-SHA256',
        Buffer.from(`${head}.${body}`),
        account.publicKey,
        Buffer.from(signature, 'base64url'),
      ) &&
      claims.iss === email &&
      (claims.exp ?? 0) * 1000 > Date.now()
    );
  };

  const definition = loadSync('google/cloud/kms/v1/service.proto', {
    includeDirs: PROTOS,
    keepCase: false,
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  const service = definition['google.cloud.kms.v1.KeyManagementService'];
  if (service === undefined || 'format' in service)
    throw new Error('the shipped .proto has no KeyManagementService');
  const server = new grpc.Server();
  server.addService(
    service as grpc.ServiceDefinition,
    Object.fromEntries(
      Object.entries(methods).map(([name, method]) => [
        name,
        (call: grpc.ServerUnaryCall<Request, object>, done: grpc.sendUnaryData<object>): void => {
          try {
            if (!authenticated(call.metadata))
              throw new Refusal(status.UNAUTHENTICATED, 'Request had invalid authentication credentials.');
            if (throttled > 0) {
              throttled -= 1;
              throw new Refusal(status.RESOURCE_EXHAUSTED, 'Quota exceeded for quota metric.');
            }
            done(null, method(call.request));
          } catch (error) {
            done(
              error instanceof Refusal
                ? { code: error.code, message: error.message }
                : { code: status.INTERNAL, message: String(error) },
            );
          }
        },
      ]),
    ),
  );
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createSsl(null, [
      { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) },
    ]);
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  const proxy = await startProxy({ targetPort: port });

  const find = (name: string): Key => keyOf(name, 'none');
  return {
    endpoint: `${proxy.host}:${proxy.port}`,
    keyRing,
    serviceAccount: {
      type: 'service_account',
      project_id: 'bank',
      private_key_id: randomBytes(20).toString('hex'),
      private_key: account.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      client_email: email,
      client_id: '100000000000000000000',
      universe_domain: 'googleapis.com',
    },
    console: {
      createKey: () => newKey(`${keyRing}/cryptoKeys/customer-${randomBytes(6).toString('hex')}`, false).name,
      setState: (key, state) => {
        const { primary } = find(key);
        if (primary !== undefined) primary.state = state;
      },
      rotate: (key) => {
        const found = find(key);
        found.primary = newVersion(found, randomBytes(32), 'ENABLED');
      },
      forbid: (key) => void denied.add(key),
      allow: (key) => void denied.delete(key),
      delete: (key) => void keys.delete(key),
    },
    revokeCredential: () => {
      known = false;
    },
    forbidList: () => {
      mayList = false;
    },
    throttle: (requests) => {
      throttled = requests;
    },
    cutOff: () => proxy.cut(),
    reconnect: () => proxy.resume(),
    close: async () => {
      await proxy.close();
      server.forceShutdown();
    },
  };
}

const bytes = (value: unknown): Buffer => (Buffer.isBuffer(value) ? value : Buffer.alloc(0));

function checked(value: unknown, sum: unknown, field: string): void {
  if (sum === null || sum === undefined) return;
  if (Number(Reflect.get(Object(sum), 'value')) !== crc32c(bytes(value)))
    throw new Refusal(status.INVALID_ARGUMENT, `The checksum in field ${field} did not match the data.`);
}

const versionView = ({ name, state }: Version): object => ({
  name,
  state,
  algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION',
  protectionLevel: 'SOFTWARE',
});

const keyView = ({ name, importOnly, primary }: Key): object => ({
  name,
  purpose: 'ENCRYPT_DECRYPT',
  importOnly,
  ...(primary && { primary: versionView(primary) }),
});

const jobView = ({ name, pem, expiresAt, asked }: Job): object => ({
  name,
  importMethod: 'RSA_OAEP_3072_SHA256_AES_256',
  protectionLevel: 'SOFTWARE',
  state: asked > 0 ? 'ACTIVE' : 'PENDING_GENERATION',
  expireTime: { seconds: Math.floor(expiresAt.getTime() / 1000), nanos: 0 },
  ...(asked > 0 && { publicKey: { pem } }),
});
