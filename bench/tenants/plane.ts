/** A governance process of its own with many tenants in its database, written there as CMK would have written them. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { CmkConfig } from '../../governance/config.ts';
import { prepareEmbeddedBroker } from '../../orbital/index.ts';
import { withClient } from '../../platform/postgres-admin.ts';
import { startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { testDatabase } from '../../testkit/postgres.ts';

export interface Plane {
  /** Asks the REST API; the time until the whole answer is there. */
  get(
    path: string,
  ): Promise<{ readonly ms: number; readonly body: { items: { id: string }[]; next?: string } }>;
  /** As the role that serves. */
  readonly appUrl: string;
  close(): Promise<void>;
}

const MAIN = join(import.meta.dirname, '..', '..', 'governance', 'main.ts');
const READY_MS = 60_000;

export async function startPlane(tenants: number): Promise<Plane> {
  const [database, broker] = await Promise.all([testDatabase(), testDatabase()]);
  const [ownerUrl, appUrl] = [await database.roleUrl('cmk_owner'), await database.roleUrl('cmk_app')];
  await withClient({ url: database.url }, (client) =>
    client.query(`ALTER DATABASE ${database.name} OWNER TO cmk_owner`),
  );
  const password = randomBytes(12).toString('hex');
  await prepareEmbeddedBroker(broker.url, {
    governance: { user: 'broker_governance', password },
    regions: [],
  });
  const brokerUrl = new URL(broker.url);
  brokerUrl.username = 'broker_governance';
  brokerUrl.password = password;

  const directory = temporaryDirectory('bench-tenants');
  const token = randomBytes(24).toString('base64url');
  const { privateKey } = generateKeyPairSync('ed25519');
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const config: CmkConfig = {
    cluster: 'bench',
    http: { host: '127.0.0.1', port: 0 },
    health: { host: '127.0.0.1', port: 0 },
    database: { ownerUrl, appUrl },
    broker: { url: brokerUrl.href },
    orbital: {
      signingKey: await file('cmk.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
      keyId: 'cmk',
    },
    auth: { developmentToken: await file('token', token) },
    development: true,
    link: { ttlMs: 86_400_000, renewEveryMs: 3_600_000, probeEveryMs: 5_000 },
    log: { level: 'info' },
  };
  const child = await startChild({
    name: 'cmk',
    command: process.execPath,
    args: [MAIN, '--config', await file('cmk.json', JSON.stringify(config))],
  });
  const { url } = JSON.parse(await child.waitForLine(/"msg":"ready"/, READY_MS)) as { url: string };
  await withClient({ url: database.url }, async (client) => {
    for (const statement of fill) await client.query(statement, statement.includes('$1') ? [tenants] : []);
  });
  return {
    appUrl,
    async get(path) {
      const startedAt = performance.now();
      const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
      const text = await response.text();
      const ms = performance.now() - startedAt;
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${text}`);
      return { ms, body: JSON.parse(text) };
    },
    async close() {
      await child.stop();
    },
  };
}

/** Two regions; of a hundred tenants one is blocked, and one has failed to be provisioned. `$1`: how many there are. */
const fill = [
  `INSERT INTO regions (name, key_id, public_key, endpoints)
     SELECT name, 'region:' || name, name, '{}' FROM unnest(ARRAY['eu-west-1', 'us-east-1']) name`,
  `INSERT INTO tenants (tenant, display_name, policy, quorum)
     SELECT 'tenant-' || lpad(n::text, 6, '0'), 'Tenant ' || n,
            CASE WHEN n % 10 = 0 THEN 'four-eyes' ELSE 'development-quorum-one' END,
            CASE WHEN n % 10 = 0 THEN 2 ELSE 1 END
       FROM generate_series(1, $1::int) n`,
  `INSERT INTO tenant_states (tenant, state, failed)
     SELECT tenant, CASE WHEN n % 100 = 0 THEN 'blocked' WHEN n % 100 = 1 THEN 'provisioning' ELSE 'active' END,
            n % 100 = 1
       FROM (SELECT tenant, row_number() OVER (ORDER BY tenant) n FROM tenants) t`,
  `INSERT INTO tenant_regions (tenant, region, state, l2_version, error)
     SELECT s.tenant, r.name, CASE WHEN s.failed THEN 'failed' ELSE 'active' END,
            CASE WHEN s.failed THEN NULL ELSE 1 END, CASE WHEN s.failed THEN 'SEALED' END
       FROM tenant_states s CROSS JOIN regions r`,
  'ANALYZE',
];

/** The statements that an answer takes, in one transaction, timed without anything of CMK around them. */
export async function openBare(appUrl: string): Promise<Bare> {
  const client = new pg.Client({ connectionString: appUrl });
  await client.connect();
  return {
    async run(statements) {
      const startedAt = performance.now();
      await client.query('BEGIN');
      for (const { sql, parameters } of statements) await client.query(sql, [...parameters]);
      await client.query('COMMIT');
      return performance.now() - startedAt;
    },
    close: () => client.end(),
  };
}

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}
export interface Bare {
  /** In milliseconds. */
  run(statements: readonly Statement[]): Promise<number>;
  close(): Promise<void>;
}
