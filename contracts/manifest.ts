/**
 * What a region holds because governance asked for it, told unasked: in pages, each with a digest, so that agreement costs
 * one comparison. Status and no command (split record, "Crypto → CMK: Strictly read-only status reporting"); where a page
 * is not what governance wants, it reads that page by a job, and mends by jobs (D11).
 *
 * An item is a thing and the state that it is in. Keys of items are compared byte by byte (`COLLATE "C"` in PostgreSQL,
 * `<` in JavaScript): a page is a range of them, and both planes must find the same things in it.
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';

const closed = { additionalProperties: false } as const;

/**
 * | class | key of an item | its state |
 * | --- | --- | --- |
 * | tenant | the tenant | what its link is like: `TenantWord` |
 * | service | `serviceKey` | `held` |
 * | key | the tenant | the counter of its keys' manifest and a digest of all versions of its keys; or `damaged` |
 * | identity | the fingerprint | `identityState` |
 * | issuer | the fingerprint | `issuerState` |
 */
export const manifestClasses = ['tenant', 'service', 'key', 'identity', 'issuer'] as const;
export const ManifestClass = Type.Enum([...manifestClasses]);
export type ManifestClass = (typeof manifestClasses)[number];

/** Items of one page: an answer that names all of them fits a status message. */
export const MAX_MANIFEST_ITEMS = 128;
/** Pages of one report. */
export const MAX_MANIFEST_PAGES = 64;

export const ManifestKey = Type.String({ pattern: '^[a-z0-9-]{1,64}(?: [a-z0-9-]{1,63})?$' });
export const ManifestItem = Type.Object(
  { key: ManifestKey, state: Type.String({ pattern: '^[A-Za-z0-9_:-]{1,64}$' }) },
  closed,
);
export type ManifestItem = Static<typeof ManifestItem>;

/** Everything of a class behind `after` and up to `upTo`, that one included; left out: from the beginning, to the end. */
export const manifestRange = {
  class: ManifestClass,
  after: Type.Optional(ManifestKey),
  upTo: Type.Optional(ManifestKey),
};
const ManifestPage = Type.Object(
  {
    ...manifestRange,
    items: Type.Integer({ minimum: 0, maximum: MAX_MANIFEST_ITEMS }),
    digest: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  closed,
);
export type ManifestPage = Static<typeof ManifestPage>;

/** Pages come in turns, class after class, round and round: whoever misses one hears it again. */
export const ManifestReport = Type.Object(
  {
    kind: Type.Literal('manifest'),
    region: Type.String({ maxLength: 63 }),
    pages: Type.Array(ManifestPage, { minItems: 1, maxItems: MAX_MANIFEST_PAGES }),
  },
  closed,
);
export type ManifestReport = Static<typeof ManifestReport>;

/** Of items in the order of their keys; hexadecimal. */
export function manifestDigest(items: readonly ManifestItem[]): string {
  const hash = createHash('sha256');
  for (const { key, state } of items) hash.update(`${key}\n${state}\n`);
  return hash.digest('hex');
}

/** The last epoch that there can be: once it is closed, no region opens anything of the tenant again (D1). */
export const LAST_EPOCH = 2 ** 31 - 1;

/**
 * What a region holds of a tenant.
 *
 *     bare    a closure and no keys
 *     none    keys that no link has ever gated: they are used without one
 *     open:N  keys that epoch N opens, be it expired or not
 *     closed  keys that nothing opens now
 *     ended   keys that nothing opens ever again
 */
export type TenantWord = 'bare' | 'none' | `open:${number}` | 'closed' | 'ended';

/** `open` and `closed` are epochs, 0 for none. */
export function tenantWord(standing: {
  readonly hasKeys: boolean;
  readonly open: number;
  readonly closed: number;
}): TenantWord {
  const { hasKeys, open, closed } = standing;
  if (!hasKeys) return 'bare';
  if (open > 0) return `open:${open}`;
  if (closed >= LAST_EPOCH) return 'ended';
  return closed > 0 ? 'closed' : 'none';
}

/** The open epoch that the word names, 0 for none; undefined for what is no such word. */
export function parseTenantWord(
  state: string,
): { readonly word: Exclude<TenantWord, `open:${number}`> | 'open'; readonly epoch: number } | undefined {
  if (state === 'bare' || state === 'none' || state === 'closed' || state === 'ended')
    return { word: state, epoch: 0 };
  const epoch = Number(/^open:([1-9]\d{0,9})$/.exec(state)?.[1]);
  return epoch >= 1 && epoch <= LAST_EPOCH ? { word: 'open', epoch } : undefined;
}

/** A blank comes before every character of a name: so keys are in the order of tenants, and of services within one. */
export const serviceKey = (tenant: string, service: string): string => `${tenant} ${service}`;
export const SERVICE_HELD = 'held';

const digestOf = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 32);

/** Of all that an identity may do, whatever the order in which it was said. */
export function identityState(identity: {
  readonly role: string;
  readonly name: string;
  readonly tenant?: string | undefined;
  readonly services?: readonly string[] | undefined;
  readonly operations?: readonly string[] | undefined;
}): string {
  const { role, name, tenant, services, operations } = identity;
  const sorted = (names: readonly string[] | undefined) => [...new Set(names ?? [])].sort();
  return digestOf([
    role,
    name,
    tenant ?? null,
    sorted(services),
    operations === undefined ? null : sorted(operations),
  ]);
}

export const issuerState = (certificatePem: string): string => digestOf(certificatePem);

export const KEYS_DAMAGED = 'damaged';
/** `versions` names every version of every key with its state, in an order of the region's own: governance only compares. */
export const keysState = (counter: number, versions: unknown): string => `${counter}:${digestOf(versions)}`;

export function parseKeysState(
  state: string,
): { readonly counter: number; readonly versions: string } | undefined {
  const [, counter, versions] = /^([1-9]\d{0,9}):([A-Za-z0-9_-]{32})$/.exec(state) ?? [];
  return counter === undefined || versions === undefined ? undefined : { counter: Number(counter), versions };
}
