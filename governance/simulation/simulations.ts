/**
 * Asking for a simulation, and looking at it. Asking reads the facts where nothing can be written, keeps them, and has the
 * regions look at what they hold; a region that does not answer leaves its part as governance knows it.
 */
import { randomUUID } from 'node:crypto';
import type { JobKind } from '../../contracts/index.ts';
import type { Actor } from '../audit/event.ts';
import { audit } from '../audit/record.ts';
import type { Cmk } from '../context.ts';
import { createOrJoin } from '../dispatch/jobs.ts';
import { lockTenant, requireTenant } from '../domain/lookups.ts';
import { cursorOf, limitOf, type Page, type PageRequest, toPage } from '../domain/pages.ts';
import { CmkError } from '../errors.ts';
import { MAX_INVENTORY_AGE_MS, MAX_SIMULATIONS_PER_TENANT } from '../limits.ts';
import { askRegion } from '../rotation/inventory.ts';
import type { RegionJob } from '../store/schema.ts';
import type { Question, Simulation } from '../store/simulation-tables.ts';
import { asTenant, type Trx } from '../store/transactions.ts';
import type { Facts } from './fact-types.ts';
import { readFacts } from './facts.ts';
import type { Subject } from './outcomes.ts';
import { asReader, type Reading } from './reading.ts';
import { reportOf } from './report.ts';
import type { SimulationReport } from './report-types.ts';

/** Kinds of job that ask and change nothing: a simulation can make no other. */
export type Inspection = Extract<JobKind, 'KEY_INSPECT' | 'USE_INSPECT'>;

type Ask = (cmk: Cmk, trx: Trx, who: Actor, tenant: string, region: string) => Promise<RegionJob>;
const asks: Readonly<Record<Question, Ask>> = {
  keys: askRegion,
  use: (cmk, trx, who, tenant, region) =>
    createOrJoin<Inspection>(cmk, trx, {
      kind: 'USE_INSPECT',
      task: { region, payload: { tenant } },
      correlationId: who.correlationId,
      deadlineMs: MAX_INVENTORY_AGE_MS,
    }),
};

/** Errors: TENANT_UNKNOWN, KEY_UNKNOWN, SERVICE_UNKNOWN, REGION_UNKNOWN, NO_REGIONS, LIMIT_REACHED. */
export async function simulate(
  cmk: Cmk,
  who: Actor,
  tenant: string,
  subject: Subject,
  regions: readonly string[] | undefined,
): Promise<SimulationReport> {
  const facts = await asReader(cmk.db, tenant, async (reading) => {
    const read = await readFacts(reading, tenant, regions);
    await requireSubject(reading, tenant, subject);
    return read;
  });
  const id = await asTenant(cmk.db, tenant, async (trx) => {
    await lockTenant(trx, tenant);
    return await keep(cmk, trx, who, tenant, subject, facts);
  });
  return await getSimulation(cmk, tenant, id);
}

async function requireSubject(reading: Reading, tenant: string, subject: Subject): Promise<void> {
  if ('key' in subject) {
    const key = await reading
      .selectFrom('l1_keys')
      .select('alias')
      .where('tenant', '=', tenant)
      .where('alias', '=', subject.key)
      .executeTakeFirst();
    if (key === undefined) throw new CmkError('KEY_UNKNOWN', `${tenant} has no key ${subject.key}`);
  }
  if (subject.action !== 'drill' || subject.service === undefined) return;
  const service = await reading
    .selectFrom('services')
    .select('name')
    .where('tenant', '=', tenant)
    .where('name', '=', subject.service)
    .executeTakeFirst();
  if (service === undefined)
    throw new CmkError('SERVICE_UNKNOWN', `${tenant} has no service ${subject.service}`);
}

async function keep(
  cmk: Cmk,
  trx: Trx,
  who: Actor,
  tenant: string,
  subject: Subject,
  facts: Facts,
): Promise<string> {
  const id = randomUUID();
  await trx
    .insertInto('simulations')
    .values({
      id,
      tenant,
      subject: JSON.stringify(subject),
      facts: JSON.stringify(facts),
      asked_by: who.actor,
      correlation_id: who.correlationId,
      asked_at: new Date(facts.at),
    })
    .execute();
  for (const { region } of facts.regions)
    for (const [question, ask] of Object.entries(asks) as [Question, Ask][]) {
      const { job } = await ask(cmk, trx, who, tenant, region);
      await trx
        .insertInto('simulation_answers')
        .values({
          tenant,
          simulation: id,
          region,
          question,
          job,
          answer: null,
          error: null,
          answered_at: null,
        })
        .execute();
    }
  await forgetOldest(trx, tenant);
  await audit(trx, who, {
    tenant,
    action: 'simulation.run',
    subject: `simulation:${id}`,
    outcome: 'accepted',
    detail: { ...subject, regions: facts.regions.map(({ region }) => region) },
  });
  return id;
}

async function forgetOldest(trx: Trx, tenant: string): Promise<void> {
  await trx
    .deleteFrom('simulations')
    .where('tenant', '=', tenant)
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('simulations')
        .select('id')
        .where('tenant', '=', tenant)
        .orderBy('asked_at', 'desc')
        .orderBy('id')
        .offset(MAX_SIMULATIONS_PER_TENANT),
    )
    .execute();
}

/** Throws SIMULATION_UNKNOWN. */
export async function getSimulation(cmk: Cmk, tenant: string, id: string): Promise<SimulationReport> {
  return await asReader(cmk.db, tenant, async (reading) => {
    const simulation = await reading
      .selectFrom('simulations')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst();
    if (simulation === undefined)
      throw new CmkError('SIMULATION_UNKNOWN', `${tenant} has no simulation ${id}`);
    const answers = await reading
      .selectFrom('simulation_answers')
      .selectAll()
      .where('simulation', '=', id)
      .orderBy('region')
      .orderBy('question')
      .execute();
    return reportOf(simulation, answers, cmk.link.probeEveryMs);
  });
}

export interface SimulationSummary {
  id: string;
  subject: Subject;
  askedBy: string;
  askedAt: string;
  state: 'asking' | 'complete';
}

/** Newest first. Throws TENANT_UNKNOWN. */
export async function listSimulations(
  cmk: Cmk,
  tenant: string,
  page: PageRequest,
): Promise<Page<SimulationSummary>> {
  return await asTenant(cmk.db, tenant, async (trx) => {
    await requireTenant(trx, tenant);
    let query = trx
      .selectFrom('simulations')
      .select(['id', 'subject', 'asked_by', 'asked_at'])
      .select((eb) =>
        eb
          .exists(
            eb
              .selectFrom('simulation_answers')
              .select('question')
              .whereRef('simulation_answers.simulation', '=', 'simulations.id')
              .where('answered_at', 'is', null),
          )
          .as('awaited'),
      )
      .where('tenant', '=', tenant)
      .orderBy('asked_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limitOf(page) + 1);
    const after = cursorOf(page);
    if (after !== undefined) {
      const { at, id } = placeOf(after);
      query = query.where((eb) =>
        eb.or([eb('asked_at', '<', at), eb.and([eb('asked_at', '=', at), eb('id', '<', id)])]),
      );
    }
    return toPage(await query.execute(), page, placeIn, (row) => ({
      id: row.id,
      subject: row.subject,
      askedBy: row.asked_by,
      askedAt: row.asked_at.toISOString(),
      state: row.awaited === true ? 'asking' : 'complete',
    }));
  });
}

/** Where a page of rows by time ends: instants have milliseconds here, as they were written. */
const placeIn = ({ asked_at, id }: Pick<Simulation, 'asked_at' | 'id'>): string =>
  `${asked_at.toISOString()} ${id}`;

export function placeOf(cursor: string): { at: Date; id: string } {
  const match = /^(\S{24}) ([0-9a-f-]{36})$/.exec(cursor);
  const at = new Date(match?.[1] ?? '');
  if (match === null || Number.isNaN(at.getTime()))
    throw new CmkError('INVALID_CURSOR', 'the cursor names no place in this list');
  return { at, id: match[2] ?? '' };
}
