/**
 * How long an operator waits for a list of tenants where there are many: the first page, pages further on, filters and a
 * search, over REST, and beside each the very statements of that answer on a connection of their own. Fails when a p99
 * reaches 50 ms.
 *
 *     npm run bench:tenants -- --tenants 10000
 */
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Cmk } from '../governance/context.ts';
import type { PageRequest } from '../governance/domain/pages.ts';
import { listTenants, type TenantFilter } from '../governance/domain/tenants.ts';
import type { CmkDatabase } from '../governance/store/schema.ts';
import { distributionTable, measure, ms } from '../testkit/measure/command.ts';
import { type Distribution, distributionOf } from '../testkit/measure/distribution.ts';
import { below } from '../testkit/measure/target.ts';
import { openBare, type Statement, startPlane } from './tenants/plane.ts';

const LIMIT_MS = 50;
const WARM_UP = 50;

const options = {
  tenants: { default: 10_000, about: 'how many there are' },
  runs: { default: 500, about: 'how often each question is asked' },
} as const;

interface Question {
  readonly what: string;
  readonly filter: TenantFilter;
  /** How many tenants a page holds. */
  readonly limit: number;
  /** True: each question asks for the page after the one before, round and round. */
  readonly paging?: boolean;
}

const questions: readonly Question[] = [
  { what: 'list: the first 50', filter: {}, limit: 50 },
  { what: 'page: the next 50, through all of them', filter: {}, limit: 50, paging: true },
  { what: 'page: the next 200, through all of them', filter: {}, limit: 200, paging: true },
  { what: 'filter: blocked', filter: { state: 'blocked' }, limit: 50 },
  { what: 'filter: failed, in one region', filter: { failed: true, region: 'eu-west-1' }, limit: 50 },
  {
    what: 'filter: four-eyes, through all of them',
    filter: { policy: 'four-eyes' },
    limit: 50,
    paging: true,
  },
  { what: 'filter: nobody', filter: { state: 'terminated' }, limit: 50 },
  { what: 'search: the last hundred', filter: { search: 'tenant-0099' }, limit: 50 },
  { what: 'search: nobody', filter: { search: 'nobody' }, limit: 50 },
];

interface Times {
  readonly rest: Distribution;
  readonly bare: Distribution;
}

await measure('bench:tenants', options, async ({ tenants, runs }, stage) => {
  const plane = await stage(`start CMK, with ${tenants} tenants`, () => startPlane(tenants));
  const bare = await openBare(plane.appUrl);
  const statements = openStatements(plane.appUrl);
  try {
    const results = new Map<string, Times>();
    for (const question of questions) {
      const times = await stage(question.what, async (tell) => {
        const rest: number[] = [];
        const sql: number[] = [];
        let cursor: string | undefined;
        for (let run = -WARM_UP; run < runs; run++) {
          const page = { limit: question.limit, ...(cursor === undefined ? {} : { cursor }) };
          const { ms: took, body } = await plane.get(`/v1/tenants?${queryOf(question, page)}`);
          const alone = await bare.run(await statements.of(question.filter, page));
          cursor = question.paging === true ? body.next : undefined;
          if (run < 0) continue;
          rest.push(took);
          sql.push(alone);
          tell(`${run + 1} of ${runs}`);
        }
        return { rest: distributionOf(rest), bare: distributionOf(sql) };
      });
      results.set(question.what, times);
    }
    return verdict(tenants, results);
  } finally {
    await statements.close();
    await bare.close();
    await plane.close();
  }
});

function queryOf({ filter }: Question, page: PageRequest): URLSearchParams {
  return new URLSearchParams(
    Object.entries({ ...filter, ...page }).map(([name, value]): [string, string] => [name, String(value)]),
  );
}

/** The statements that CMK's own code makes of a question, taken down while it asks them. */
function openStatements(appUrl: string) {
  let taken: Statement[] = [];
  const db = new Kysely<CmkDatabase>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: appUrl, max: 1 }) }),
    log: ({ query: { sql, parameters } }) => {
      if (/^select /i.test(sql)) taken.push({ sql, parameters });
    },
  });
  // Lists read the database and nothing else of CMK.
  const cmk = { db } as Pick<Cmk, 'db'> as Cmk;
  return {
    async of(filter: TenantFilter, page: PageRequest): Promise<readonly Statement[]> {
      taken = [];
      await listTenants(cmk, filter, page);
      return taken;
    },
    close: () => db.destroy(),
  };
}

function verdict(tenants: number, results: ReadonlyMap<string, Times>) {
  const rows = [...results].flatMap(([what, { rest, bare }]): [string, Distribution][] => [
    [what, rest],
    ['  its statements alone', bare],
  ]);
  const targets = [...results].map(([what, { rest }]) =>
    below(LIMIT_MS, { what: `${what}, p99`, value: rest.p99, shown: ms }),
  );
  return {
    data: { tenants, milliseconds: Object.fromEntries(results), limitMs: LIMIT_MS },
    text: distributionTable(`of ${tenants} tenants`, rows),
    failures: targets.flatMap(({ what, measured, met }) =>
      met ? [] : [`${what} is ${measured}; it must stay below ${LIMIT_MS} ms`],
    ),
    targets,
  };
}
