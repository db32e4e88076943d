// A local double of Azure Key Vault and Managed HSM, with as much of Entra as a service principal needs: the challenge with
// which a vault answers who brings no token, client credentials, key bundles, versions, soft delete, wrapping by RSA-OAEP-256
// and A256KW, imports under a key-exchange key, and refusals with the vault's own codes.
//
// Covered: keys (get, create, import, list, delete), deletedkeys (get), wrapkey, unwrapkey; openid-configuration, token.
// Not covered: rotation policies, backup, release, certificates, secrets, purge by REST, throttling by units.
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { unwrapImport } from '../../platform/key-wrap.ts';
import { type ServerTls, startFakeServer } from './fake-server.ts';

export interface FakeAzure {
  /** Of the vault, and of Entra. */
  readonly url: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly console: {
    /** The name of a new key: RSA in a vault, AES in a Managed HSM. */
    createKey(): string;
    disable(key: string): void;
    enable(key: string): void;
    expire(key: string): void;
    /** Deleted, and until its purge to be recovered. */
    delete(key: string): void;
    purge(key: string): void;
    rotate(key: string): void;
    forbid(key: string): void;
    allow(key: string): void;
  };
  /** Every token that Entra gave out is void, and it gives no more. */
  revokeCredential(): void;
  /** The vault's network rules no longer let CMK in. */
  closeFirewall(): void;
  throttle(requests: number): void;
  cutOff(): void;
  reconnect(): void;
  close(): Promise<void>;
}

interface Version {
  readonly id: string;
  readonly material: { readonly rsa: KeyObject; readonly publicKey: KeyObject } | { readonly aes: Buffer };
}
interface Key {
  readonly name: string;
  readonly kty: string;
  readonly operations: readonly string[];
  readonly versions: Version[];
  enabled: boolean;
  expires: number | undefined;
  deletedAt: number | undefined;
}
type Body = Readonly<Record<string, unknown>>;

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly inner: string | undefined;
  constructor(status: number, code: string, message: string, inner?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.inner = inner;
  }
}

const RESOURCE = { vault: 'https://vault.azure.net', 'managed-hsm': 'https://managedhsm.azure.net' } as const;
const KW_IV = Buffer.alloc(8, 0xa6);
const now = (): number => Math.floor(Date.now() / 1000);

export async function startAzure(service: 'vault' | 'managed-hsm', tls: ServerTls): Promise<FakeAzure> {
  const [tenantId, clientId] = [randomUUID(), randomUUID()];
  const clientSecret = randomBytes(24).toString('base64url');
  const keys = new Map<string, Key>();
  const denied = new Set<string>();
  const tokens = new Set<string>();
  let [revoked, closed, throttled] = [false, false, 0];

  const newVersion = (key: Key, imported?: Buffer): void => {
    const id = randomBytes(16).toString('hex');
    if (key.kty.startsWith('oct')) {
      const aes = imported ?? randomBytes(32);
      if (aes.length !== 32) throw new Error('no AES-256 key');
      key.versions.push({ id, material: { aes } });
    } else if (imported === undefined) {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      key.versions.push({ id, material: { rsa: privateKey, publicKey } });
    } else {
      const rsa = createPrivateKey({ key: imported, format: 'der', type: 'pkcs8' });
      key.versions.push({ id, material: { rsa, publicKey: rsa } });
    }
  };
  const newKey = (name: string, kty: string, operations: readonly string[], imported?: Buffer): Key => {
    const key: Key = {
      name,
      kty,
      operations,
      versions: [],
      enabled: true,
      expires: undefined,
      deletedAt: undefined,
    };
    newVersion(key, imported);
    keys.set(name, key);
    return key;
  };
  const living = (name: string): Key => {
    if (denied.has(name))
      throw new Refusal(
        403,
        'Forbidden',
        `Caller is not authorized to perform action on resource.\r\nAction: 'Microsoft.KeyVault/vaults/keys'`,
        'ForbiddenByRbac',
      );
    const key = keys.get(name);
    if (key === undefined || key.deletedAt !== undefined)
      throw new Refusal(404, 'KeyNotFound', `A key with (name/id) ${name} was not found in this key vault.`);
    return key;
  };
  const versionOf = (key: Key, id: string): Version => {
    const version = id === '' ? key.versions.at(-1) : key.versions.find((each) => each.id === id);
    if (version === undefined)
      throw new Refusal(
        404,
        'KeyNotFound',
        `A key with (name/id) ${key.name}/${id} was not found in this key vault.`,
      );
    return version;
  };
  const kid = (key: Key, version: Version): string => `${server.url}/keys/${key.name}/${version.id}`;

  function bundle(key: Key, version: Version): object {
    const jwk = 'rsa' in version.material ? version.material.publicKey.export({ format: 'jwk' }) : {};
    return {
      key: {
        kid: kid(key, version),
        kty: key.kty,
        key_ops: key.operations,
        ...('n' in jwk && { n: jwk.n, e: jwk.e }),
      },
      attributes: attributes(key),
    };
  }

  function operate(key: Key, version: Version, operation: 'wrapkey' | 'unwrapkey', body: Body): object {
    if (!key.enabled)
      throw new Refusal(
        403,
        'Forbidden',
        `Operation ${operation} is not allowed on a disabled key.`,
        'KeyDisabled',
      );
    if (operation === 'wrapkey' && key.expires !== undefined && key.expires <= now())
      throw new Refusal(
        403,
        'Forbidden',
        `Operation ${operation} is not allowed on an expired key.`,
        'KeyExpired',
      );
    const value = Buffer.from(String(body['value'] ?? ''), 'base64url');
    const { material } = version;
    try {
      let result: Buffer;
      if (body['alg'] === 'RSA-OAEP-256' && 'rsa' in material) {
        const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
        result =
          operation === 'wrapkey'
            ? publicEncrypt({ key: material.publicKey, ...oaep }, value)
            : privateDecrypt({ key: material.rsa, ...oaep }, value);
      } else if (body['alg'] === 'A256KW' && 'aes' in material) {
        const cipher =
          operation === 'wrapkey'
            ? createCipheriv('id-aes256-wrap', material.aes, KW_IV)
            : createDecipheriv('id-aes256-wrap', material.aes, KW_IV);
        result = Buffer.concat([cipher.update(value), cipher.final()]);
      } else
        throw new Refusal(
          400,
          'BadParameter',
          `Algorithm ${String(body['alg'])} is not supported by this key.`,
        );
      return { kid: kid(key, version), value: result.toString('base64url') };
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal(400, 'BadParameter', 'The parameter is incorrect.');
    }
  }

  function importKey(name: string, body: Body): object {
    const jwk = Object(body['key']) as Body;
    const blob = JSON.parse(Buffer.from(String(jwk['key_hsm'] ?? ''), 'base64url').toString('utf8')) as Body;
    const header = Object(blob['header']) as Body;
    const [, kekName = '', kekVersion = ''] = /\/keys\/([^/]+)\/([^/]+)$/.exec(String(header['kid'])) ?? [];
    const kek = living(kekName);
    const { material } = versionOf(kek, kekVersion);
    if (
      header['enc'] !== 'CKM_RSA_AES_KEY_WRAP' ||
      header['alg'] !== 'dir' ||
      blob['schema_version'] !== '1.0.0' ||
      !('rsa' in material) ||
      kek.operations.join() !== 'import'
    )
      throw new Refusal(400, 'BadParameter', 'The transfer blob is not valid.');
    let imported: Buffer;
    try {
      imported = unwrapImport(
        material.rsa,
        'RSA_AES_KEY_WRAP_SHA_1',
        Buffer.from(String(blob['ciphertext']), 'base64url'),
      );
    } catch {
      throw new Refusal(400, 'BadParameter', 'The transfer blob could not be unwrapped.');
    }
    try {
      const key = newKey(name, String(jwk['kty']), (jwk['key_ops'] as string[]) ?? [], imported);
      return bundle(key, versionOf(key, ''));
    } catch {
      throw new Refusal(400, 'BadParameter', 'The key material is not valid for its type.');
    }
  }

  function vault(method: string, path: string, body: Body): object {
    // Names are kept as they were given, and found however they are written.
    const [room, name = '', version = '', operation = ''] = path.slice(1).toLowerCase().split('/');
    if (room === 'deletedkeys' && method === 'GET') {
      const key = keys.get(name);
      if (key?.deletedAt === undefined || denied.has(name))
        throw new Refusal(404, 'KeyNotFound', `A deleted key with (name/id) ${name} was not found.`);
      return {
        ...bundle(key, versionOf(key, '')),
        recoveryId: `${server.url}/deletedkeys/${name}`,
        deletedDate: key.deletedAt,
        scheduledPurgeDate: key.deletedAt + 90 * 86_400,
      };
    }
    if (room !== 'keys') throw new Refusal(404, 'NotFound', 'no such resource');
    if (name === '' && method === 'GET')
      return {
        value: [...keys.values()]
          .filter((key) => key.deletedAt === undefined)
          .slice(0, 25)
          .map((key) => ({ kid: `${server.url}/keys/${key.name}`, attributes: attributes(key) })),
        nextLink: null,
      };
    if (method === 'GET') {
      const key = living(name);
      return bundle(key, versionOf(key, version));
    }
    if (method === 'POST' && version === 'create') {
      const key = newKey(
        name,
        String(body['kty']),
        (body['key_ops'] as string[]) ?? ['wrapKey', 'unwrapKey'],
      );
      return bundle(key, versionOf(key, ''));
    }
    if (method === 'PUT') return importKey(name, body);
    if (method === 'POST' && (operation === 'wrapkey' || operation === 'unwrapkey')) {
      const key = living(name);
      return operate(key, versionOf(key, version), operation, body);
    }
    throw new Refusal(404, 'NotFound', 'no such operation');
  }

  function entra(path: string, body: Buffer): { status: number; answer: object } {
    if (path.endsWith('/v2.0/.well-known/openid-configuration')) {
      const base = `${server.url}/${tenantId}`;
      return {
        status: 200,
        answer: {
          token_endpoint: `${base}/oauth2/v2.0/token`,
          authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
          jwks_uri: `${base}/discovery/v2.0/keys`,
          issuer: `${base}/v2.0`,
          tenant_region_scope: 'EU',
        },
      };
    }
    const form = new URLSearchParams(body.toString('utf8'));
    const good =
      form.get('client_id') === clientId &&
      form.get('client_secret') === clientSecret &&
      form.get('grant_type') === 'client_credentials' &&
      (form.get('scope') ?? '').startsWith(`${RESOURCE[service]}/.default`);
    if (!good || revoked)
      return {
        status: 401,
        answer: {
          error: 'invalid_client',
          error_description: 'AADSTS7000215: Invalid client secret provided.',
          error_codes: [7000215],
        },
      };
    const token = randomBytes(32).toString('base64url');
    tokens.add(token);
    return {
      status: 200,
      answer: { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: token },
    };
  }

  function isAuthenticated(request: IncomingMessage): boolean {
    const [, token = ''] = /^Bearer (.+)$/.exec(request.headers['authorization'] ?? '') ?? [];
    return tokens.has(token) && !revoked;
  }

  const server = await startFakeServer((request, body, response) => {
    const url = new URL(request.url ?? '/', 'https://any');
    const send = (status: number, answer: object, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
      response.end(JSON.stringify(answer));
    };
    if (url.pathname.startsWith(`/${tenantId}/`)) {
      const { status, answer } = entra(url.pathname, body);
      return send(status, answer);
    }
    try {
      if (!isAuthenticated(request)) {
        const challenge = `Bearer authorization="${server.url}/${tenantId}", resource="${RESOURCE[service]}"`;
        const error = {
          code: 'Unauthorized',
          message: 'AKV10000: Request is missing a Bearer or PoP token.',
        };
        return send(401, { error }, { 'www-authenticate': challenge });
      }
      if (closed)
        throw new Refusal(403, 'Forbidden', 'Client address is not authorized.', 'ForbiddenByFirewall');
      if (throttled > 0) {
        throttled -= 1;
        throw new Refusal(
          429,
          'Throttled',
          'Request was not processed because too many requests were received.',
        );
      }
      const parsed = body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as Body);
      send(200, vault(request.method ?? '', url.pathname, parsed));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const innererror = error.inner === undefined ? {} : { innererror: { code: error.inner } };
      send(error.status, { error: { code: error.code, message: error.message, ...innererror } });
    }
  }, tls);

  const find = (name: string): Key => {
    const key = keys.get(name);
    if (key === undefined) throw new Error(`the double has no key ${name}`);
    return key;
  };
  return {
    url: server.url,
    tenantId,
    clientId,
    clientSecret,
    console: {
      createKey: () =>
        newKey(`customer-${randomBytes(6).toString('hex')}`, service === 'vault' ? 'RSA' : 'oct-HSM', [
          'wrapKey',
          'unwrapKey',
        ]).name,
      disable: (key) => {
        find(key).enabled = false;
      },
      enable: (key) => {
        find(key).enabled = true;
      },
      expire: (key) => {
        find(key).expires = now() - 1;
      },
      delete: (key) => {
        find(key).deletedAt = now();
      },
      purge: (key) => void keys.delete(key),
      rotate: (key) => newVersion(find(key)),
      forbid: (key) => void denied.add(key),
      allow: (key) => void denied.delete(key),
    },
    revokeCredential: () => {
      revoked = true;
    },
    closeFirewall: () => {
      closed = true;
    },
    throttle: (requests) => {
      throttled = requests;
    },
    cutOff: server.cutOff,
    reconnect: server.reconnect,
    close: server.close,
  };
}

const attributes = (key: Key): object => ({
  enabled: key.enabled,
  created: now(),
  updated: now(),
  ...(key.expires !== undefined && { exp: key.expires }),
  recoveryLevel: 'Recoverable+Purgeable',
  recoverableDays: 90,
});
