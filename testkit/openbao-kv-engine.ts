// What stands behind the double's HTTP: mounts, secrets and their versions. openbao-kv.ts says what is covered.
import type { Capability } from './openbao-policy.ts';

/** An answer of `{"errors": […]}`. */
export class Refusal extends Error {
  readonly status: number;
  readonly messages: readonly string[];
  constructor(status: number, ...messages: string[]) {
    super(messages[0] ?? '');
    this.status = status;
    this.messages = messages;
  }
}

export interface KvRequest {
  readonly method: string;
  readonly mount: Mount;
  /** data, metadata, delete, undelete, destroy, config. */
  readonly room: string;
  readonly key: string;
  readonly version: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface KvAnswer {
  readonly status: number;
  readonly body: object | undefined;
}

interface Version {
  readonly created: string;
  deletion: string;
  destroyed: boolean;
}

interface Secret {
  current: number;
  oldest: number;
  maxVersions: number;
  casRequired: boolean;
  deleteAfterSeconds: number;
  /** What is known of a version; what it holds lies in the mount's storage. */
  readonly versions: Map<number, Version>;
}

interface Mount {
  readonly version: 1 | 2;
  readonly config: { maxVersions: number; casRequired: boolean; deleteAfterSeconds: number };
  readonly secrets: Map<string, Secret>;
  readonly storage: Map<string, string>;
}

const DEFAULT_MAX_VERSIONS = 10;
const MAX_REQUEST_STRINGS = 1_000;
const MAX_ENTRY_BYTES = 1024 * 1024;

export class KvEngine {
  readonly #mounts = new Map<string, Mount>();

  mount(namespace: string, path: string, version: 1 | 2): void {
    const config = { maxVersions: 0, casRequired: false, deleteAfterSeconds: 0 };
    this.#mounts.set(placeOf(namespace, path), { version, config, secrets: new Map(), storage: new Map() });
  }

  storedTexts(namespace: string, mount: string, key: string): string[] {
    const { storage } = this.#mounts.get(placeOf(namespace, mount)) ?? { storage: new Map<string, string>() };
    return [...storage].filter(([at]) => at.startsWith(`${key}|`)).map(([, text]) => text);
  }

  parse(method: string, namespace: string, url: string, text: string): KvRequest {
    const [encoded = '', query = ''] = url.split('?');
    const path = encoded.split('/').map(decodeURIComponent).join('/');
    const body = bodyOf(text);
    // The longest mount wins, as for `tenants` beside `tenants/acme`.
    const found = [...this.#mounts.keys()]
      .filter((at) => placeOf(namespace, `${path}/`).startsWith(`${at}/`))
      .sort((a, b) => b.length - a.length)[0];
    const mount = found === undefined ? undefined : this.#mounts.get(found);
    if (found === undefined || mount === undefined) {
      throw new Refusal(404, `no handler for route "${path}". route entry not found.`);
    }
    const [room = '', ...rest] = placeOf(namespace, path)
      .slice(found.length + 1)
      .split('/');
    const version = Number(new URLSearchParams(query).get('version') ?? 0);
    return { method, mount, room, key: rest.join('/'), version, body };
  }

  capabilityOf({ method, mount, room, key }: KvRequest): Capability {
    if (method === 'GET') return 'read';
    if (method === 'DELETE') return 'delete';
    // Only these two rooms look whether the key has metadata; of others every write is an update.
    const looks = room === 'data' || room === 'metadata';
    return looks && !mount.secrets.has(key) ? 'create' : 'update';
  }

  handle(request: KvRequest): KvAnswer {
    const { method, mount, room, key } = request;
    // Version 1 knows no rooms: whatever is asked is a secret by that name, and here there is none.
    if (mount.version === 1) return method === 'GET' ? MISSING : DONE;
    if (room === 'config') return config(request);
    if (key === '') throw new Refusal(400, 'missing path');
    const does = `${method === 'PUT' ? 'POST' : method} ${room}`;
    switch (does) {
      case 'GET data':
        return read(request);
      case 'POST data':
        return write(request);
      case 'DELETE data':
        return remove(mount.secrets.get(key), [mount.secrets.get(key)?.current ?? 0]);
      case 'POST delete':
        return remove(mount.secrets.get(key), versionsOf(request));
      case 'POST undelete':
        return undelete(mount.secrets.get(key), versionsOf(request));
      case 'POST destroy':
        return destroy(request);
      case 'GET metadata':
        return metadata(mount.secrets.get(key));
      case 'POST metadata':
        return writeMetadata(request);
      case 'DELETE metadata':
        return removeAll(request);
      default:
        throw new Refusal(405, 'unsupported operation');
    }
  }
}

const MISSING: KvAnswer = { status: 404, body: { errors: [] } };
const DONE: KvAnswer = { status: 204, body: undefined };
const data = (value: object, status = 200): KvAnswer => ({
  status,
  body: {
    request_id: 'double',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: value,
    warnings: null,
  },
});

function placeOf(namespace: string, path: string): string {
  return `${namespace}|${path}`;
}

function bodyOf(text: string): Record<string, unknown> {
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(400, 'error parsing JSON');
  }
  const strings = new Set<string>();
  collectStrings(value, strings);
  if (strings.size > MAX_REQUEST_STRINGS) {
    throw new Refusal(400, 'failed to parse JSON input: too many strings in the request');
  }
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function collectStrings(value: unknown, into: Set<string>): void {
  if (typeof value === 'string') into.add(value);
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) into.add(name);
    collectStrings(inner, into);
  }
}

function config({ method, mount, body }: KvRequest): KvAnswer {
  const { config: settings } = mount;
  if (method !== 'GET') {
    settings.maxVersions = numberOf(body['max_versions']) ?? settings.maxVersions;
    settings.casRequired = booleanOf(body['cas_required']) ?? settings.casRequired;
    settings.deleteAfterSeconds = secondsOf(body['delete_version_after']) ?? settings.deleteAfterSeconds;
    return DONE;
  }
  return data({
    max_versions: settings.maxVersions,
    cas_required: settings.casRequired,
    delete_version_after: `${settings.deleteAfterSeconds}s`,
  });
}

function read({ mount, key, version }: KvRequest): KvAnswer {
  const secret = mount.secrets.get(key);
  const number = version > 0 ? version : (secret?.current ?? 0);
  const known = secret?.versions.get(number);
  if (known === undefined) return MISSING;
  const about = { ...aboutOf(known), version: number, custom_metadata: null };
  if (isDeleted(known) || known.destroyed) return data({ data: null, metadata: about }, 404);
  const stored = mount.storage.get(`${key}|${number}`);
  if (stored === undefined) throw new Refusal(500, 'could not find version data');
  return data({ data: JSON.parse(stored), metadata: about });
}

function write({ mount, key, body }: KvRequest): KvAnswer {
  const value = body['data'];
  if (typeof value !== 'object' || value === null) throw new Refusal(400, 'no data provided');
  const secret = mount.secrets.get(key) ?? newSecret();
  const options: unknown = body['options'];
  const cas = typeof options === 'object' && options !== null && 'cas' in options ? options.cas : undefined;
  if (cas === undefined && (mount.config.casRequired || secret.casRequired)) {
    throw new Refusal(400, 'check-and-set parameter required for this call');
  }
  if (cas !== undefined && cas !== secret.current) {
    throw new Refusal(400, 'check-and-set parameter did not match the current version');
  }
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) > MAX_ENTRY_BYTES) {
    throw new Refusal(
      500,
      `1 error occurred:\n\t* put failed due to value being too large; max size is ${MAX_ENTRY_BYTES}\n\n`,
    );
  }
  const seconds = lesserOf(mount.config.deleteAfterSeconds, secret.deleteAfterSeconds);
  const made: Version = {
    created: new Date().toISOString(),
    deletion: seconds > 0 ? new Date(Date.now() + seconds * 1000).toISOString() : '',
    destroyed: false,
  };
  mount.secrets.set(key, secret);
  secret.current += 1;
  secret.versions.set(secret.current, made);
  mount.storage.set(`${key}|${secret.current}`, text);
  prune(mount, key, secret);
  return data({ ...aboutOf(made), version: secret.current, custom_metadata: null });
}

function prune(mount: Mount, key: string, secret: Secret): void {
  const keeps = Math.max(secret.maxVersions, mount.config.maxVersions) || DEFAULT_MAX_VERSIONS;
  if (secret.current - secret.oldest < keeps) return;
  const last = secret.current - keeps;
  for (let version = secret.oldest; version <= last; version++) {
    secret.versions.delete(version);
    mount.storage.delete(`${key}|${version}`);
  }
  secret.oldest = last + 1;
}

function remove(secret: Secret | undefined, versions: readonly number[]): KvAnswer {
  for (const number of versions) {
    const version = secret?.versions.get(number);
    if (version === undefined || version.destroyed || isDeleted(version)) continue;
    version.deletion = new Date().toISOString();
  }
  return DONE;
}

function undelete(secret: Secret | undefined, versions: readonly number[]): KvAnswer {
  for (const number of versions) {
    const version = secret?.versions.get(number);
    if (version !== undefined && !version.destroyed) version.deletion = '';
  }
  return DONE;
}

function destroy(request: KvRequest): KvAnswer {
  const { mount, key } = request;
  for (const number of versionsOf(request)) {
    const version = mount.secrets.get(key)?.versions.get(number);
    if (version === undefined) continue;
    version.destroyed = true;
    mount.storage.delete(`${key}|${number}`);
  }
  return DONE;
}

function metadata(secret: Secret | undefined): KvAnswer {
  if (secret === undefined) return MISSING;
  return data({
    current_version: secret.current,
    oldest_version: secret.oldest,
    max_versions: secret.maxVersions,
    cas_required: secret.casRequired,
    delete_version_after: `${secret.deleteAfterSeconds}s`,
    custom_metadata: null,
    versions: Object.fromEntries([...secret.versions].map(([number, known]) => [number, aboutOf(known)])),
  });
}

function writeMetadata({ mount, key, body }: KvRequest): KvAnswer {
  const secret = mount.secrets.get(key) ?? newSecret();
  secret.maxVersions = numberOf(body['max_versions']) ?? secret.maxVersions;
  secret.casRequired = booleanOf(body['cas_required']) ?? secret.casRequired;
  secret.deleteAfterSeconds = secondsOf(body['delete_version_after']) ?? secret.deleteAfterSeconds;
  mount.secrets.set(key, secret);
  return DONE;
}

function removeAll({ mount, key }: KvRequest): KvAnswer {
  for (const number of mount.secrets.get(key)?.versions.keys() ?? [])
    mount.storage.delete(`${key}|${number}`);
  mount.secrets.delete(key);
  return DONE;
}

function newSecret(): Secret {
  return {
    current: 0,
    oldest: 0,
    maxVersions: 0,
    casRequired: false,
    deleteAfterSeconds: 0,
    versions: new Map(),
  };
}

function aboutOf({ created, deletion, destroyed }: Version): object {
  return { created_time: created, deletion_time: deletion, destroyed };
}

function isDeleted({ deletion }: Version): boolean {
  return deletion !== '' && Date.parse(deletion) <= Date.now();
}

function versionsOf({ body }: KvRequest): number[] {
  const list = body['versions'];
  const versions = Array.isArray(list) ? list.filter((item) => typeof item === 'number') : [];
  if (versions.length === 0) throw new Refusal(400, 'No version number provided');
  return versions;
}

function lesserOf(a: number, b: number): number {
  return a > 0 && b > 0 ? Math.min(a, b) : Math.max(a, b);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function booleanOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function secondsOf(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? /^(\d+)s$/.exec(value)?.[1] : undefined;
  return seconds === undefined ? undefined : Number(seconds);
}
