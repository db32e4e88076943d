/** What a region's own database says of it: its seal, the leases of its links, whose signatures it takes. */
import type pg from 'pg';
import { configuredKeys } from '../../execution/core/signing/configured.ts';
import { canonicalPem, type NamedKey, publicPemOf, readSigner, withConfigured } from '../../orbital/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { DatabaseField } from './database.ts';
import { withDatabase } from './database-look.ts';
import { judgeSeal, providedShares, readRoot } from './seal.ts';
import type { CoreSubject } from './subject.ts';
import { finding, passed, type Verdict } from './verdict.ts';

export interface LinkLeases {
  readonly open: number;
  readonly expired: number;
  /** Of those that have not expired: which ends first, and since when its proof is. */
  readonly first?: { readonly tenant: string; readonly leftMs: number; readonly ageMs: number } | undefined;
  readonly expiredTenant?: string | undefined;
}

/** A link that has used up so much of its life without a new proof is not being renewed. */
const LEASE_SPENT = 3 / 4;

export function judgeLeases({ open, expired, first, expiredTenant }: LinkLeases): Verdict[] {
  const checked = 'leases of links';
  const facts = { open, expired };
  const found: Verdict[] = [];
  if (expired > 0) {
    const told = `${expired} of ${open} links have expired, that of ${expiredTenant ?? '?'} among them`;
    found.push(finding('LINK_EXPIRED', checked, told, { ...facts, tenant: expiredTenant ?? 'TENANT' }));
  }
  if (first !== undefined && first.ageMs > (first.ageMs + first.leftMs) * LEASE_SPENT) {
    const told = `the link of ${first.tenant} ends in ${seconds(first.leftMs)} s; its key was proved ${seconds(first.ageMs)} s ago`;
    found.push(finding('LINK_ENDS_SOON', checked, told, { ...facts, ...first }));
  }
  if (found.length > 0) return found;
  const next =
    first === undefined
      ? ''
      : `, the next ends in ${seconds(first.leftMs)} s, proved ${seconds(first.ageMs)} s ago`;
  return [passed(checked, `${open} open${next}`, facts)];
}

const seconds = (ms: number): number => Math.round(ms / 1000);

export interface RegionCase {
  readonly subject: CoreSubject;
  /** As the core that runs says; undefined where none does. */
  readonly state: string | undefined;
  readonly operatorFile: string | undefined;
}

/** A database that is away is told by its own check. */
export async function checkRegion({ subject, state, operatorFile }: RegionCase): Promise<readonly Verdict[]> {
  const { file, config, isDevelopment } = subject;
  const of: DatabaseField = { file, field: 'database.url', url: config.database.url };
  const seen: Verdict[] = [];
  await withDatabase(of, async (client) => {
    const root = await readRoot(client);
    const provided =
      operatorFile === undefined || state !== 'sealed' ? undefined : await providedShares(operatorFile);
    seen.push(...judgeSeal({ file, config, isDevelopment, root, state, provided }));
    if (root !== undefined) {
      seen.push(...judgeLeases(await leasesOf(client)));
      seen.push(...(await checkOwnKey(client, subject)));
    }
    return [];
  });
  return seen;
}

async function leasesOf(client: pg.Client): Promise<LinkLeases> {
  const { rows } = await client.query<{ open: number; expired: number; tenant: string | null }>(`
    SELECT count(*)::int AS open, count(*) FILTER (WHERE expires_at <= now())::int AS expired,
           min(tenant) FILTER (WHERE expires_at <= now()) AS tenant
      FROM keychain.links WHERE state = 'open'`);
  const { rows: next } = await client.query<{ tenant: string; left: number; age: number }>(`
    SELECT tenant, (extract(epoch FROM expires_at - now()) * 1000)::float8 AS left,
           (extract(epoch FROM now() - proved_at) * 1000)::float8 AS age
      FROM keychain.links WHERE state = 'open' AND expires_at > now() ORDER BY expires_at LIMIT 1`);
  const [first] = next;
  return {
    open: rows[0]?.open ?? 0,
    expired: rows[0]?.expired ?? 0,
    expiredTenant: rows[0]?.tenant ?? undefined,
    first: first === undefined ? undefined : { tenant: first.tenant, leftMs: first.left, ageMs: first.age },
  };
}

/** The key in the file is the one that the region is known by under its name. */
async function checkOwnKey(client: pg.Client, { file, config }: CoreSubject): Promise<Verdict[]> {
  const checked = 'signing key';
  const { signingKey, keyId } = config.orbital;
  let publicKey: string;
  try {
    publicKey = publicPemOf((await readSigner(signingKey, keyId)).privateKey);
  } catch (error) {
    return [finding('SIGNING_KEY_UNUSABLE', checked, errorMessage(error), { file: signingKey, keyId })];
  }
  const { rows } = await client.query<{ public_key: string }>(
    'SELECT public_key FROM core.own_keys WHERE key_id = $1',
    [keyId],
  );
  const known = rows[0]?.public_key;
  if (known !== undefined && known.trim() !== publicKey.trim())
    return [
      finding(
        'SIGNING_KEY_DIFFERS',
        checked,
        `${signingKey} is not the key that the region knows as ${keyId}`,
        { file: signingKey, keyId },
      ),
    ];
  return [passed(checked, keyId, { file, keyId })];
}

/**
 * By which the region signs: the key that it has gone over to, or the one of its configuration where it never had another.
 * Undefined: not known now.
 */
export async function signsBy({ file, config }: CoreSubject): Promise<NamedKey | undefined> {
  const of: DatabaseField = { file, field: 'database.url', url: config.database.url };
  const answer: { key?: NamedKey } = {};
  await withDatabase(of, async (client) => {
    const { rows } = await client.query<{ key_id: string; public_key: string }>(
      `SELECT key_id, public_key FROM core.own_keys WHERE state = 'active'`,
    );
    const [row] = rows;
    const { keyId, signingKey } = config.orbital;
    answer.key =
      row === undefined
        ? { keyId, publicKey: publicPemOf((await readSigner(signingKey, keyId)).privateKey) }
        : { keyId: row.key_id, publicKey: row.public_key };
    return [];
  });
  return answer.key;
}

/** Keys of governance that this region takes, by name: its configuration, and what it was told since. Undefined: not known now. */
export async function trustedKeys({
  file,
  config,
}: CoreSubject): Promise<ReadonlyMap<string, string> | undefined> {
  const of: DatabaseField = { file, field: 'database.url', url: config.database.url };
  const configured = (await configuredKeys(config)).flatMap(({ keyId, publicKey: text }) => {
    const publicKey = canonicalPem(text);
    return publicKey === undefined ? [] : [{ keyId, publicKey }];
  });
  const answer: { keys?: ReadonlyMap<string, string> } = {};
  await withDatabase(of, async (client) => {
    const { rows } = await client.query<{ key_id: string; public_key: string; state: 'trusted' | 'retired' }>(
      'SELECT key_id, public_key, state FROM core.governance_keys',
    );
    const stored = rows.map(({ key_id, public_key, state }) => ({
      keyId: key_id,
      publicKey: public_key,
      state,
    }));
    const known = withConfigured(stored, configured).filter(({ state }) => state === 'trusted');
    answer.keys = new Map(known.map(({ keyId, publicKey }) => [keyId, publicKey]));
    return [];
  });
  return answer.keys;
}
