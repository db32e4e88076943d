/** What CMK's database says: of the regions who is silent, what stands still and who signs by what; of customers see customers.ts. */
import { sql } from 'kysely';
import { REPORT_STALE_MS } from '../../governance/limits.ts';
import type { CmkDatabase } from '../../governance/store/schema.ts';
import { asPlatform, type Trx } from '../../governance/store/transactions.ts';
import { publicPemOf, readSigner } from '../../orbital/index.ts';
import { STALLED_AFTER_MS } from '../../orbital/limits.ts';
import { errorMessage } from '../../platform/errors.ts';
import { createDatabase, createPool } from '../../platform/postgres.ts';
import { type CustomerFacts, gatherCustomers, judgeKeys, judgeKeystores, judgeLinks } from './customers.ts';
import type { CmkSubject } from './subject.ts';
import { type Facts, finding, passed, type Verdict } from './verdict.ts';

const STATEMENT_MS = 2_500;
/** Failures that somebody may still want to know of. */
const RECENT_MS = 24 * 3_600_000;
const REFUSED_WITHIN_MS = 3_600_000;
/** A renewal is late when it is due for so long: CMK looks more often than that. */
const RENEWAL_LATE_MS = 60_000;
/** What waits for so long is not served at once any more. */
const LAG_MS = 10_000;
/** Regions and links that are told one by one. */
const MAX_TOLD = 100;

export interface GovernanceFacts {
  readonly regions: readonly {
    readonly name: string;
    /** How old its last report is; undefined: there is none. */
    readonly silentMs?: number | undefined;
    readonly live: number;
    readonly stalled: number;
    readonly oldestMs: number;
    /** By which it signs. */
    readonly keys: readonly { readonly keyId: string; readonly publicKey: string }[];
  }[];
  readonly failedJobs: number;
  readonly refusedMessages: number;
  readonly late: { readonly count: number; readonly tenant?: string | undefined; readonly lateMs: number };
  readonly signing: readonly {
    readonly keyId: string;
    readonly publicKey: string;
    readonly state: string;
    readonly trustedBy: readonly string[];
  }[];
  readonly customers: CustomerFacts;
}

export function judgeGovernance({
  regions,
  failedJobs,
  refusedMessages,
  late,
  customers,
}: GovernanceFacts): Verdict[] {
  return [
    ...regions.flatMap((region) => [judgeReport(region), judgeTasks(region)]),
    failedJobs > 0
      ? finding('JOBS_FAILED', 'jobs', `${failedJobs} failed within a day`, { failedJobs })
      : passed('jobs', 'none failed within a day'),
    refusedMessages > 0
      ? finding('MESSAGES_REFUSED', 'messages of regions', `${refusedMessages} refused within an hour`, {
          refusedMessages,
        })
      : passed('messages of regions', 'none refused within an hour'),
    judgeRenewals(late),
    ...judgeLinks(customers),
    ...judgeKeys(customers),
  ];
}

type RegionFacts = GovernanceFacts['regions'][number];

function judgeReport({ name, silentMs }: RegionFacts): Verdict {
  const checked = `reports of ${name}`;
  if (silentMs === undefined)
    return finding('REGION_SILENT', checked, 'it has never reported', { region: name });
  const facts = { region: name, silentMs, limitMs: REPORT_STALE_MS };
  const told = `the last report is ${Math.round(silentMs / 1000)} s old`;
  return silentMs > REPORT_STALE_MS
    ? finding('REGION_SILENT', checked, told, facts)
    : passed(checked, told, facts);
}

function judgeTasks({ name, live, stalled, oldestMs }: RegionFacts): Verdict {
  const checked = `tasks of ${name}`;
  const facts: Facts = { region: name, live, stalled, oldestMs };
  const told = `${live} wait, the oldest for ${Math.round(oldestMs / 1000)} s`;
  if (stalled > 0)
    return finding(
      'TASKS_STALLED',
      checked,
      `${stalled} of ${live} wait for more than ${STALLED_AFTER_MS / 1000} s`,
      facts,
    );
  if (oldestMs > LAG_MS) return finding('TASKS_LAG', checked, told, facts);
  return passed(checked, live === 0 ? 'none waits' : told, facts);
}

function judgeRenewals({ count, tenant, lateMs }: GovernanceFacts['late']): Verdict {
  const checked = 'renewals of links';
  if (count === 0) return passed(checked, 'none is late');
  const told = `${count} are late, that of ${tenant ?? '?'} by ${Math.round(lateMs / 1000)} s`;
  return finding('RENEWAL_LATE', checked, told, { count, tenant: tenant ?? 'TENANT', lateMs });
}

/** Whom governance's own key has been told to; `file`: where its private half lies. */
export function judgeSigning(
  { signing, regions }: GovernanceFacts,
  configured: { readonly keyId: string; readonly publicKey: string; readonly file: string },
): Verdict[] {
  const checked = 'signing key';
  const { file, keyId } = configured;
  const known = signing.find((key) => key.keyId === keyId);
  if (known !== undefined && known.publicKey.trim() !== configured.publicKey.trim())
    return [
      finding('SIGNING_KEY_DIFFERS', checked, `${file} is not the key that is known as ${keyId}`, {
        file,
        keyId,
      }),
    ];
  // The first key is in the regions' configurations, and no region says so.
  const active = signing.length > 1 ? signing.find(({ state }) => state === 'active') : undefined;
  const strangers =
    active === undefined ? [] : regions.filter(({ name }) => !active.trustedBy.includes(name));
  if (active === undefined || strangers.length === 0)
    return [passed(checked, active?.keyId ?? keyId, { file, keyId })];
  return strangers.map(({ name }) =>
    finding('SIGNING_KEY_UNTRUSTED', checked, `${name} has not said that it trusts ${active.keyId}`, {
      region: name,
      keyId: active.keyId,
      trust: `okcm signing-key trust ${active.keyId} --public-key PUBLIC.pem --config CORE.json`,
    }),
  );
}

/** What governance's database says now; undefined where it cannot be asked, which its own check tells. */
export async function governanceFacts({ config }: CmkSubject): Promise<GovernanceFacts | undefined> {
  const pool = createPool({
    url: readOnly(config.database.appUrl),
    max: 1,
    applicationName: 'okcm doctor',
    statementTimeoutMs: STATEMENT_MS,
    connectionTimeoutMs: STATEMENT_MS,
  });
  const db = createDatabase<CmkDatabase>(pool);
  try {
    return await asPlatform(db, (trx) => gather(trx));
  } catch {
    return undefined;
  } finally {
    await db.destroy();
  }
}

export async function checkGovernance(subject: CmkSubject): Promise<Verdict[]> {
  const facts = await governanceFacts(subject);
  if (facts === undefined) return [];
  const { keyId, signingKey: file } = subject.config.orbital;
  const told = [...judgeGovernance(facts), ...(await judgeKeystores(facts.customers))];
  try {
    const publicKey = publicPemOf((await readSigner(file, keyId)).privateKey);
    return [...told, ...judgeSigning(facts, { keyId, publicKey, file })];
  } catch (error) {
    return [...told, finding('SIGNING_KEY_UNUSABLE', 'signing key', errorMessage(error), { file, keyId })];
  }
}

function readOnly(url: string): string {
  if (!URL.canParse(url)) return url;
  const address = new URL(url);
  address.searchParams.set('options', '-c default_transaction_read_only=on');
  return address.href;
}

async function gather(trx: Trx): Promise<GovernanceFacts> {
  const regions = await trx
    .selectFrom('regions')
    .select(['name', 'key_id', 'public_key', 'reported_at'])
    .orderBy('name')
    .limit(MAX_TOLD)
    .execute();
  const keys = await trx
    .selectFrom('region_keys')
    .select(['region', 'key_id', 'public_key', 'state'])
    .where('state', '<>', 'retired')
    .execute();
  // Orbital's tables, read but never written here.
  const tasks = await sql<{ target: string; live: number; stalled: number; oldest: number }>`
    SELECT target, count(*)::int AS live,
           (count(*) FILTER (WHERE created_at < now() - ${STALLED_AFTER_MS} * interval '1 millisecond'))::int AS stalled,
           (extract(epoch FROM now() - min(created_at)) * 1000)::float8 AS oldest
      FROM orbital_tasks WHERE state IN ('pending', 'processing') GROUP BY target`.execute(trx);
  const failed = await sql<{ count: number }>`
    SELECT count(*)::int AS count FROM orbital_jobs
     WHERE state = 'failed' AND settled_at > now() - ${RECENT_MS} * interval '1 millisecond'`.execute(trx);
  const refused = await sql<{ count: number }>`
    SELECT coalesce(sum(count), 0)::float8 AS count FROM refused_messages m
     WHERE last_at > now() - ${REFUSED_WITHIN_MS} * interval '1 millisecond' AND NOT EXISTS (
       -- A core that runs already while its region is being enrolled.
       SELECT FROM regions r WHERE r.key_id = m.key_id AND m.last_at < r.enrolled_at + interval '1 minute')`.execute(
    trx,
  );
  const late = await sql<{ count: number; tenant: string | null; late: number | null }>`
    SELECT count(*)::int AS count, min(tenant) AS tenant,
           (extract(epoch FROM now() - min(renew_at)) * 1000)::float8 AS late
      FROM links WHERE state = 'active' AND renew_at < now() - ${RENEWAL_LATE_MS} * interval '1 millisecond'`.execute(
    trx,
  );
  const signing = await trx.selectFrom('signing_keys').select(['key_id', 'public_key', 'state']).execute();
  const trusts = await trx.selectFrom('region_trusts').selectAll().execute();
  const nowMs = Date.now();
  return {
    regions: regions.map(({ name, key_id, public_key, reported_at }) => {
      const waiting = tasks.rows.find(({ target }) => target === name);
      const own = keys.filter(({ region }) => region === name);
      return {
        name,
        silentMs: reported_at === null ? undefined : Math.max(0, nowMs - reported_at.getTime()),
        live: waiting?.live ?? 0,
        stalled: waiting?.stalled ?? 0,
        oldestMs: Math.max(0, Math.round(waiting?.oldest ?? 0)),
        keys:
          own.length > 0
            ? own.map((key) => ({ keyId: key.key_id, publicKey: key.public_key }))
            : [{ keyId: key_id, publicKey: public_key }],
      };
    }),
    failedJobs: failed.rows[0]?.count ?? 0,
    refusedMessages: refused.rows[0]?.count ?? 0,
    late: {
      count: late.rows[0]?.count ?? 0,
      tenant: late.rows[0]?.tenant ?? undefined,
      lateMs: Math.round(late.rows[0]?.late ?? 0),
    },
    customers: await gatherCustomers(trx),
    signing: signing.map(({ key_id, public_key, state }) => ({
      keyId: key_id,
      publicKey: public_key,
      state,
      trustedBy: trusts.filter((trust) => trust.key_id === key_id).map(({ region }) => region),
    })),
  };
}
