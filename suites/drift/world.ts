/** Both planes whose databases can be put back, and what has to be true of them once they rest. */
import assert from 'node:assert/strict';
import type pg from 'pg';
import { parseServiceName, parseTenantId } from '../../contracts/index.ts';
import { findingKinds, mendOf } from '../../governance/drift/findings.ts';
import { createPool } from '../../platform/postgres.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { until } from '../../testkit/until.ts';
import { type Backup, cmkTables, REGION_TABLES, takeBackup } from '../support/backups.ts';
import { type Planes, startPlanes } from '../support/planes.ts';

const WAIT_MS = 60_000;
/** Rounds of the whole manifest in which nothing moves. */
const CALM_ROUNDS = 2;

/** What is done about; a service of a tenant that nobody links again waits for that. */
const MENDED = findingKinds
  .filter((kind) => mendOf(kind) !== 'tell' && kind !== 'service-missing')
  .map((kind) => `'${kind}'`)
  .join(', ');
/** But for what waits for a link. */
const UNDER_WAY = `SELECT count(*) FROM orbital_tasks WHERE state IN ('pending', 'processing')
  AND NOT (kind IN ('SERVICE_PROVISION', 'KEY_ROTATE') AND coalesce(error->>'code', '') = 'LINK_CLOSED')`;

type Row = Record<string, unknown>;

interface Served {
  readonly tenant: string;
  readonly open: number;
}

export class DriftWorld {
  readonly planes: Planes;
  readonly #tables: readonly string[];
  /** Kept open: what is waited for is asked many times a second, and each new connection costs more than its question. */
  readonly #governance: pg.Pool;
  readonly #region: pg.Pool;

  private constructor(planes: Planes, tables: readonly string[]) {
    this.planes = planes;
    this.#tables = tables;
    this.#governance = createPool({ url: planes.cmkUrl, applicationName: 'drift-test' });
    this.#region = createPool({ url: planes.eu.databaseUrl, applicationName: 'drift-test' });
  }

  static async start(): Promise<DriftWorld> {
    const planes = await startPlanes({
      drift: { checkEveryMs: 300, settleMs: 0, retryMs: 300 },
      manifest: { everyMs: 300 },
    });
    return new DriftWorld(planes, await cmkTables(planes.cmkUrl));
  }

  async close(): Promise<void> {
    await Promise.all([this.#governance.end(), this.#region.end()]);
    await this.planes.close();
  }

  backupOfGovernance(): Promise<Backup> {
    return takeBackup(this.planes.cmkUrl, this.#tables);
  }

  backupOfRegion(): Promise<Backup> {
    return takeBackup(this.planes.eu.databaseUrl, REGION_TABLES);
  }

  /** CMK is stopped while its database is put back, as anybody would do it; a core goes on. */
  async putBack({ governance, region }: { governance?: Backup | undefined; region?: Backup | undefined }) {
    if (governance !== undefined) await this.planes.world.stop();
    await region?.restore();
    await governance?.restore();
    // Answers that were being looked at when the backup was taken are nobody's: the minute until then passes at once.
    if (governance !== undefined) await this.cmk('UPDATE drift_reads SET claimed_until = NULL');
    this.planes.eu.core.keychain.recheck();
    if (governance !== undefined) await this.planes.world.restart();
  }

  async loseEverything(): Promise<void> {
    await withClient({ url: this.planes.eu.databaseUrl }, async (client) => {
      await client.query('BEGIN');
      await client.query('SET LOCAL session_replication_role = replica');
      for (const table of REGION_TABLES) await client.query(`DELETE FROM ${table}`);
      await client.query('COMMIT');
    });
    this.planes.eu.core.keychain.recheck();
  }

  async cmk(sql: string): Promise<Row[]> {
    return (await this.#governance.query<Row>(sql)).rows;
  }

  async eu(sql: string): Promise<Row[]> {
    return (await this.#region.query<Row>(sql)).rows;
  }

  async idle(): Promise<void> {
    await until('nothing is under way', async () => (await this.#count(UNDER_WAY)) === 0, WAIT_MS);
    const making = `SELECT count(*) FROM links WHERE state IN ('preparing', 'sealing', 'linking', 'closing')`;
    await until('no link is being made', async () => (await this.#count(making)) === 0, WAIT_MS);
  }

  async #count(sql: string): Promise<number> {
    return Number((await this.cmk(sql))[0]?.['count']);
  }

  /** Until everything that both regions hold was told anew, looked at, and led to nothing, again and again. */
  async calm(): Promise<void> {
    for (let round = 0; round < CALM_ROUNDS; round++) {
      const since = `'${String((await this.cmk('SELECT now()::text AS now'))[0]?.['now'])}'`;
      const left = `SELECT
        (SELECT count(*) FROM drift_pages
           WHERE told_at < ${since} OR due OR checked_at IS NULL OR checked_at < ${since}) AS pages,
        (SELECT count(*) FROM drift_reads) AS reads,
        (SELECT count(*) FROM drift_findings WHERE finding IN (${MENDED})) AS mending,
        (${UNDER_WAY}) AS tasks`;
      let seen: Row = {};
      try {
        await until(
          'both sides rest',
          async () => {
            [seen = {}] = await this.cmk(left);
            return Object.values(seen).every((value) => Number(value) === 0);
          },
          WAIT_MS,
        );
      } catch (error) {
        const findings = await this.cmk('SELECT * FROM drift_findings');
        throw new Error(JSON.stringify({ seen, findings }), { cause: error });
      }
    }
  }

  /** Whose keys the region gives out, as its rows say, and not as it tells. */
  async served(): Promise<Served[]> {
    const rows = await this.eu(
      `SELECT h.tenant, coalesce(max(l.epoch) FILTER (WHERE l.state = 'open'), 0) AS open
         FROM keychain.link_heads h
         LEFT JOIN keychain.links l ON l.tenant = h.tenant AND l.epoch > h.closed_epoch
         WHERE h.manifest_counter IS NOT NULL
         GROUP BY h.tenant, h.closed_epoch
         HAVING h.closed_epoch = 0 OR count(*) FILTER (WHERE l.state = 'open') > 0`,
    );
    return rows.map(({ tenant, open }) => ({ tenant: String(tenant), open: Number(open) }));
  }

  /** Both databases against each other, in words of their own. */
  async check(): Promise<void> {
    const findings = await this.cmk(`SELECT item, finding FROM drift_findings WHERE region = 'eu'`);
    const told = (item: string, ...kinds: string[]): boolean =>
      findings.some((row) => row['item'] === item && kinds.includes(String(row['finding'])));
    const wanted = (
      await this.cmk(`SELECT r.tenant, s.state,
          coalesce(max(l.epoch) FILTER (WHERE l.state = 'active'), 0) AS open,
          coalesce(bool_or(l.state = 'closed'), false) OR EXISTS (
            SELECT FROM tenant_closings c WHERE c.tenant = r.tenant AND c.region = 'eu') AS closed
        FROM tenant_regions r JOIN tenant_states s ON s.tenant = r.tenant
        LEFT JOIN links l ON l.tenant = r.tenant AND l.region = r.region
        WHERE r.region = 'eu' GROUP BY r.tenant, s.state`)
    ).map((row) => ({
      tenant: String(row['tenant']),
      state: String(row['state']),
      open: Number(row['open']),
      closed: row['closed'] === true,
    }));
    const inUse = await this.served();
    for (const { tenant, open } of inUse) {
      const want = wanted.find((row) => row.tenant === tenant);
      const about = `${tenant} is served under epoch ${open}; wanted is ${JSON.stringify(want)}`;
      assert.equal(want?.state, 'active', about);
      assert.ok((open === want.open && (open > 0 || !want.closed)) || told(tenant, 'link-ahead'), about);
    }
    for (const { tenant, state, open, closed } of wanted)
      if (state === 'active' && (open > 0 || !closed))
        assert.ok(
          inUse.some((row) => row.tenant === tenant) || told(tenant, 'link-lost', 'tenant-ended-there'),
          `${tenant} is not served, and nobody is told`,
        );
    assert.deepEqual(
      await this.eu('SELECT fingerprint FROM core.identities ORDER BY 1'),
      await this.cmk(`SELECT a.fingerprint FROM applications a JOIN application_regions r
          ON r.tenant = a.tenant AND r.application = a.name WHERE r.region = 'eu'
        UNION ALL SELECT fingerprint FROM gateways WHERE region = 'eu' ORDER BY 1`),
      'who is let in',
    );
    await this.#checkServices(inUse);
  }

  async #checkServices(inUse: readonly Served[]): Promise<void> {
    const { keychain } = this.planes.eu.core;
    const services = await this.cmk(
      `SELECT tenant, service FROM service_regions WHERE region = 'eu' AND state = 'active'`,
    );
    for (const row of services) {
      const [tenant, service] = [parseTenantId(row['tenant']), parseServiceName(row['service'])];
      if (inUse.some((each) => each.tenant === tenant))
        assert.ok(await keychain.hasService(tenant, service), `${tenant} lacks ${service}`);
    }
  }
}
