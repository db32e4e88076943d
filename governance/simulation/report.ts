/**
 * The report: what would stop, where, when, and what was last used. A pure function of the facts that governance had, of
 * what the regions answered, and of nothing else: the same report comes of them for ever.
 */
import type { JobResult, KeyInventory } from '../../contracts/index.ts';
import type { Simulation, SimulationAnswer } from '../store/simulation-tables.ts';
import type { ApplicationFacts, Facts, RegionFacts } from './fact-types.ts';
import {
  type Effect,
  effectOnJob,
  effectOnProposal,
  effects,
  outcomeIn,
  type Subject,
  simulated,
} from './outcomes.ts';
import type {
  LeaseReport,
  RegionReport,
  SimulationReport,
  VersionReport,
  WorkflowReport,
} from './report-types.ts';

export function reportOf(
  simulation: Simulation,
  answers: readonly SimulationAnswer[],
  probeEveryMs: number,
): SimulationReport {
  const { subject, facts } = simulation;
  const regions = facts.regions.map((region) =>
    regionReport(region, subject, facts, answersOf(answers, region.region)),
  );
  const stopping = regions.filter(({ stops }) => stops);
  const stops = stopping.length > 0;
  const rules = simulated[subject.action];
  const workflows = workflowReports(facts, subject, stops, regions, answers);
  const distinct = (of: (region: RegionReport) => readonly string[]): number =>
    new Set(stopping.flatMap(of)).size;
  const sum = (of: (region: RegionReport) => number): number =>
    stopping.reduce((total, region) => total + of(region), 0);
  return {
    id: simulation.id,
    tenant: simulation.tenant,
    subject,
    askedBy: simulation.asked_by,
    askedAt: simulation.asked_at.toISOString(),
    state: answers.every(({ answered_at }) => answered_at !== null) ? 'complete' : 'asking',
    stops,
    means: rules.means,
    reversible: rules.reversible,
    back: rules.back,
    noticedWithinMs: 'key' in subject ? probeEveryMs : null,
    totals: {
      regions: stopping.length,
      systems: distinct(({ systems }) => systems.map(({ name }) => name)),
      services: distinct(({ services }) => services.map(({ service }) => service)),
      versions: sum(({ versions }) => versions.length),
      objects: sum(({ services }) => services.reduce((total, { objects }) => total + (objects ?? 0), 0)),
      applications: distinct(({ applications }) => applications.map(({ name }) => name)),
      gateways: sum(({ gateways }) => gateways.filter(({ leases }) => leases > 0).length),
      leases: sum(({ leases }) => leases.length),
      workflows: workflows.filter(({ effect }) => effect !== 'unaffected').length,
    },
    lastUsedAt: latest(stopping.map(({ lastUsedAt }) => lastUsedAt)),
    regions,
    workflows,
  };
}

interface Answers {
  readonly all: readonly SimulationAnswer[];
  readonly keys: JobResult<'KEY_INSPECT'> | null;
  readonly use: JobResult<'USE_INSPECT'> | null;
}

function answersOf(answers: readonly SimulationAnswer[], region: string): Answers {
  const all = answers.filter((answer) => answer.region === region);
  const answerTo = (question: SimulationAnswer['question']) =>
    all.find((each) => each.question === question)?.answer ?? null;
  // Each was held against the schema of its question when it came.
  return {
    all,
    keys: answerTo('keys') as JobResult<'KEY_INSPECT'> | null,
    use: answerTo('use') as JobResult<'USE_INSPECT'> | null,
  };
}

function regionReport(region: RegionFacts, subject: Subject, facts: Facts, answers: Answers): RegionReport {
  const { stops, why } = outcomeIn(region, subject, facts);
  const only = subject.action === 'drill' ? subject.service : undefined;
  const affected = (service: string): boolean => stops && (only === undefined || service === only);
  const leases = leasesOf(answers, affected);
  const services = servicesOf(region, facts, answers, leases, affected);
  const versions = versionsOf(region, answers, affected, stops && only === undefined);
  const systems = stops ? facts.systems.filter(({ service }) => service === null || affected(service)) : [];
  const applications = applicationsOf(region, facts, answers, affected);
  return {
    region: region.region,
    stops,
    why,
    link: region.link,
    seal: region.seal,
    reportedAt: region.reportedAt,
    stale: region.stale,
    answers: answers.all.map(({ question, answered_at, error }) => ({
      question,
      answeredAt: answered_at?.toISOString() ?? null,
      error,
    })),
    systems: [...systems],
    services,
    versions: versions.named,
    applications,
    gateways: gatewaysOf(region, answers, leases),
    leases,
    omitted: versions.omitted + (stops ? (answers.use?.omitted ?? 0) + unnamed(facts) : 0),
    lastUsedAt: latest(leases.map(({ lastUsedAt }) => lastUsedAt)),
    lastGatewayStopsBy: latest(leases.map(({ graceEndsBy }) => graceEndsBy)),
  };
}

const unnamed = ({ applications, applicationCount, systems, systemCount }: Facts): number =>
  applicationCount - applications.length + (systemCount - systems.length);

function leasesOf({ use }: Answers, affected: (service: string) => boolean): LeaseReport[] {
  return (use?.gateways ?? []).flatMap(({ name, connected, leasesEndBy, graceEndsBy, leases }) =>
    leases
      .filter(({ service }) => affected(service))
      .map(({ service, lastUsedAt }) => ({
        gateway: name,
        service,
        connected,
        endsBy: leasesEndBy,
        graceEndsBy,
        lastUsedAt: lastUsedAt ?? null,
      })),
  );
}

function servicesOf(
  region: RegionFacts,
  facts: Facts,
  { keys }: Answers,
  leases: readonly LeaseReport[],
  affected: (service: string) => boolean,
): RegionReport['services'] {
  return region.services
    .filter(({ service }) => affected(service))
    .map(({ service, state }) => {
      const l3 = keys?.services.find((each) => each.service === service)?.l3;
      return {
        service,
        state,
        objects: l3 === undefined ? null : l3.versions.reduce((sum, { dependents }) => sum + dependents, 0),
        lastUsedAt: latest(
          leases.filter((lease) => lease.service === service).map(({ lastUsedAt }) => lastUsedAt),
        ),
        applications: facts.applications.filter((application) => application.services.includes(service))
          .length,
      };
    });
}

function versionsOf(
  region: RegionFacts,
  { keys }: Answers,
  affected: (service: string) => boolean,
  withL2: boolean,
): { named: VersionReport[]; omitted: number } {
  const named: VersionReport[] = [];
  let omitted = 0;
  const add = (level: 'L2' | 'L3', service: string | null, { versions, living }: KeyInventory): void => {
    const own = versions.filter(({ state }) => !state.startsWith('destroyed'));
    omitted += Math.max(0, living - own.length);
    for (const { version, state, createdAt, dependents } of own)
      named.push({ level, service, version, state, createdAt, dependents });
  };
  if (keys !== null) {
    if (withL2) add('L2', null, keys.l2);
    for (const { service, l3 } of keys.services) if (affected(service)) add('L3', service, l3);
    return { named, omitted };
  }
  // The region has not told: the active versions, as governance heard of them last.
  const known = (level: 'L2' | 'L3', service: string | null, version: number | null): void => {
    if (version !== null)
      named.push({ level, service, version, state: 'active', createdAt: null, dependents: null });
  };
  if (withL2) known('L2', null, region.l2Version);
  for (const { service, l3Version } of region.services)
    if (affected(service)) known('L3', service, l3Version);
  return { named, omitted };
}

function applicationsOf(
  { region }: RegionFacts,
  { applications }: Facts,
  { use }: Answers,
  affected: (service: string) => boolean,
): RegionReport['applications'] {
  const seenAt = new Map(use?.applications.map(({ fingerprint, lastSeenAt }) => [fingerprint, lastSeenAt]));
  const stateIn = ({ regions }: ApplicationFacts) => regions.find((each) => each.region === region)?.state;
  return applications.flatMap((application) => {
    const services = application.services.filter(affected);
    const state = stateIn(application);
    if (services.length === 0 || state === undefined) return [];
    return [
      { name: application.name, services, state, lastSeenAt: seenAt.get(application.fingerprint) ?? null },
    ];
  });
}

/** Those that are registered, and whoever else holds a key. */
function gatewaysOf(
  region: RegionFacts,
  { use }: Answers,
  leases: readonly LeaseReport[],
): RegionReport['gateways'] {
  const registered = new Map(region.gateways.map(({ name, state }) => [name, state]));
  const holding = (use?.gateways ?? []).map(({ name }) => name);
  const connected = new Set([
    ...region.connected,
    ...(use?.gateways ?? []).filter((gateway) => gateway.connected).map(({ name }) => name),
  ]);
  return [...new Set([...registered.keys(), ...holding])].sort().map((name) => ({
    name,
    state: registered.get(name) ?? 'unknown',
    connected: connected.has(name),
    leases: leases.filter(({ gateway }) => gateway === name).length,
  }));
}

function workflowReports(
  facts: Facts,
  subject: Subject,
  stops: boolean,
  regions: readonly RegionReport[],
  answers: readonly SimulationAnswer[],
): WorkflowReport[] {
  const stopped = (region: string | null): boolean =>
    region === null ? stops : (regions.find((each) => each.region === region)?.stops ?? false);
  const of = (
    kind: WorkflowReport['kind'],
    id: string | null,
    what: string,
    region: string | null,
    since: string | null,
    effect: Effect,
  ): WorkflowReport => ({ kind, id, what, region, since, effect, means: effects[effect] });
  return [
    ...facts.proposals.map(({ id, action, proposer, createdAt }) =>
      of(
        'proposal',
        id,
        `${action}, proposed by ${proposer}`,
        null,
        createdAt,
        effectOnProposal(action, subject, stops),
      ),
    ),
    ...facts.jobs.map(({ id, kind, entity, createdAt }) => {
      const region = /@(.+)$/.exec(entity)?.[1] ?? null;
      return of(
        'job',
        id,
        `${kind} of ${entity}`,
        region,
        createdAt,
        effectOnJob(kind, subject, stopped(region)),
      );
    }),
    ...facts.drills.map(({ id, service, until }) =>
      of('drill', id, `of ${service ?? 'the whole tenant'}, until ${until}`, null, null, 'unaffected'),
    ),
    ...schedulesOf(facts, answers).map(({ region, what }) => {
      const pauses = subject.action !== 'drill' && stopped(region);
      return of('schedule', null, what, region, null, pauses ? 'resumes' : 'unaffected');
    }),
  ];
}

/** What a region or governance would do by itself. */
function schedulesOf(facts: Facts, answers: readonly SimulationAnswer[]): { region: string; what: string }[] {
  return facts.regions.flatMap(({ region, link }) => {
    const { keys } = answersOf(answers, region);
    const rotation = (name: string, { nextRotationAt }: KeyInventory): { region: string; what: string }[] =>
      nextRotationAt === undefined ? [] : [{ region, what: `rotation of ${name}, due ${nextRotationAt}` }];
    return [
      ...(link.rotateAt === null ? [] : [{ region, what: `rotation of the link, due ${link.rotateAt}` }]),
      ...(keys === null ? [] : rotation('the tenant key', keys.l2)),
      ...(keys?.services.flatMap(({ service, l3 }) => rotation(`the key of ${service}`, l3)) ?? []),
    ];
  });
}

/** Instants in RFC 3339 of the same length compare as text. */
function latest(instants: readonly (string | null)[]): string | null {
  return instants.reduce(
    (last, instant) => (instant !== null && (last === null || instant > last) ? instant : last),
    null,
  );
}
