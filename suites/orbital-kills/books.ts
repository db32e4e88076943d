/** What both sides have written down: governance's jobs, and what each region says that it has done. */
import { type JobKind, jobKinds } from '../../contracts/index.ts';
import { withClient } from '../../platform/postgres-admin.ts';

/** Asked by governance of its own accord for as long as it runs, and changes nothing: there is no moment at which all have ended. */
export const BY_ITSELF: JobKind = 'MANIFEST_READ';

export type State = 'pending' | 'processing' | 'done' | 'failed' | 'cancelled';

export interface JobRow {
  readonly id: string;
  readonly kind: JobKind;
  readonly entity: string;
  readonly state: State;
  readonly correlationId: string;
}
export interface TaskRow {
  readonly id: string;
  readonly job: string;
  readonly kind: JobKind;
  readonly region: string;
  readonly state: State;
  readonly sequence: number;
  readonly correlationId: string;
  /** JSON. */
  readonly result: string | null;
  readonly error: string | null;
}
/** What an operator answers repeats from. */
export interface InboxRow {
  readonly task: string;
  readonly kind: JobKind;
  readonly phase: 'processing' | 'done' | 'failed';
  readonly correlationId: string;
  readonly result: string | null;
  readonly unsent: boolean;
}
/** One event of a region's audit trail, which is written with the change that it tells of. */
export interface TrailRow {
  readonly event: string;
  readonly tenant: string | null;
  readonly correlationId: string | null;
  /** Of a key, such as `L3 orders v7`. */
  readonly subject: string | null;
}
export interface Named {
  readonly tenant: string;
  readonly service: string;
}
export interface KeyRow extends Named {
  readonly versions: number;
  readonly youngest: number;
}
/** One that is open. */
export interface LinkRow {
  readonly tenant: string;
  readonly epoch: number;
}

export interface RegionBook {
  readonly inbox: readonly InboxRow[];
  /** In the order in which things happened. */
  readonly trail: readonly TrailRow[];
  /** L3. */
  readonly keys: readonly KeyRow[];
  /** Fingerprints of the applications that are let in. */
  readonly applications: readonly string[];
  readonly links: readonly LinkRow[];
}

export interface Books {
  readonly jobs: readonly JobRow[];
  readonly tasks: readonly TaskRow[];
  readonly regions: ReadonlyMap<string, RegionBook>;
  /** What governance says of each region, for comparison. */
  readonly applications: ReadonlyMap<string, readonly string[]>;
  readonly links: ReadonlyMap<string, readonly LinkRow[]>;
}

type Query = <Row extends object>(text: string) => Promise<readonly Row[]>;

/** The addresses are of superusers: row-level security shows nobody else the rows of all tenants. */
export async function readBooks(
  governanceUrl: string,
  regionUrls: ReadonlyMap<string, string>,
): Promise<Books> {
  const regions = new Map<string, RegionBook>();
  for (const [region, url] of regionUrls) regions.set(region, await reading(url, readRegion));
  return await reading(governanceUrl, async (query) => ({
    jobs: await query<JobRow>(
      `select id, kind, entity, state, correlation_id as "correlationId" from orbital_jobs
         where kind <> '${BY_ITSELF}'`,
    ),
    tasks: await query<TaskRow>(
      `select id, job_id as job, kind, target as region, state, entity_sequence::float8 as sequence,
              correlation_id as "correlationId", result::text, error::text from orbital_tasks
         where kind <> '${BY_ITSELF}'`,
    ),
    regions,
    applications: byRegion(
      await query<{ region: string; fingerprint: string }>(
        `select r.region, a.fingerprint from applications a
           join application_regions r on r.tenant = a.tenant and r.application = a.name where r.state = 'active'`,
      ),
      ({ fingerprint }) => fingerprint,
    ),
    links: byRegion(
      await query<LinkRow & { region: string }>(
        `select region, tenant, epoch from links where state = 'active'`,
      ),
      ({ tenant, epoch }) => ({ tenant, epoch }),
    ),
  }));
}

async function readRegion(query: Query): Promise<RegionBook> {
  const kinds = jobKinds
    .filter((kind) => kind !== BY_ITSELF)
    .map((kind) => `'${kind}'`)
    .join(', ');
  return {
    inbox: await query<InboxRow>(
      `select task_id as task, kind, phase, correlation_id as "correlationId", result::text, unsent
         from orbital_inbox where kind in (${kinds})`,
    ),
    trail: await query<TrailRow>(
      `select event, tenant, body::json->>'correlationId' as "correlationId", body::json->>'uid' as subject
         from core.audit_events where outcome = 'success' order by seq`,
    ),
    keys: await query<KeyRow>(
      `select tenant, service, count(*)::int as versions, max(version)::int as youngest
         from keychain.keys where service <> '' group by tenant, service`,
    ),
    applications: (
      await query<{ fingerprint: string }>(
        `select fingerprint from core.identities where role = 'application'`,
      )
    ).map(({ fingerprint }) => fingerprint),
    links: await query<LinkRow>(`select tenant, epoch from keychain.links where state = 'open'`),
  };
}

/** At one moment. */
async function reading<T>(url: string, read: (query: Query) => Promise<T>): Promise<T> {
  return await withClient({ url }, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await read(
      async <Row extends object>(text: string) => (await client.query(text)).rows as readonly Row[],
    );
  });
}

function byRegion<R extends { readonly region: string }, T>(
  rows: readonly R[],
  of: (row: R) => T,
): ReadonlyMap<string, readonly T[]> {
  return new Map(
    [...Map.groupBy(rows, ({ region }) => region)].map(([region, its]) => [region, its.map(of)]),
  );
}
