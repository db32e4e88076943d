/**
 * What the capture of everything that crossed the broker may show, and what it must not (D1, D12): no secret in any spelling, no
 * key that is wrapped, but link secrets that are sealed each to one region and open in no other.
 */

import { join } from 'node:path';
import { homePaths } from '../../cli/home/paths.ts';
import { coreOf, REGIONS, type RegionName } from '../../cli/installation/names.ts';
import { type JobKind, jobKinds } from '../../contracts/index.ts';
import { frameOf } from '../broker-capture/frames.ts';
import { type Findings, searchCapture, toldIn } from '../broker-capture/search.ts';
import { governanceDatabase, regionDatabase } from '../support/databases.ts';
import type { Pattern } from '../support/memory-scan.ts';
import {
  cmkDatabase,
  coreDatabase,
  dumpPostgres,
  keyFile,
  only,
  recordedFrames,
  type Stolen,
} from '../support/stolen.ts';
import { opened } from '../support/thief.ts';
import { KEY_BYTES } from '../support/wrapped.ts';
import type { Apart } from './installation.ts';

/** Where a region's secrets lie, down to the keys of services. */
const KEY_TABLES = [
  'keychain.root',
  'keychain.ivks',
  'keychain.links',
  'keychain.tenants',
  'keychain.keys',
] as const;

/** All that one region could open anything with: its database and its seal, at one moment. */
export type RegionGoods = ReadonlyMap<RegionName, Stolen>;

export async function takeGoods({ home }: Apart): Promise<RegionGoods> {
  const goods = new Map<RegionName, Stolen>();
  for (const region of REGIONS) {
    const database = coreDatabase(
      only(await dumpPostgres(await regionDatabase(home, region)), ...KEY_TABLES),
    );
    const seal = keyFile(join(homePaths(home).component(coreOf(region)), 'DEVELOPMENT-SEAL.json'));
    // What is a key by its place is enough to begin with: each opens the next.
    goods.set(region, { wrapped: database.wrapped, keys: seal.keys, values: [] });
  }
  return goods;
}

const LEVELS = ['L2', 'L3', 'link secret'] as const;

export interface CaptureReport {
  readonly bytes: number;
  readonly isWhole: boolean;
  readonly messages: number;
  readonly tasks: Readonly<Partial<Record<JobKind, number>>>;
  readonly statuses: number;
  readonly reports: number;
  /** Secrets that were searched for, and those of them that were found. */
  readonly secrets: number;
  readonly inPlain: readonly string[];
  readonly envelopes: number;
  readonly underL1: number;
  /** Of which level keys were opened from the regions' databases, so that the search is known to know of them. */
  readonly levels: readonly string[];
  /** Those of them that it did not know: it would have overlooked them. */
  readonly overlooked: readonly string[];
  /** Sealed link secrets that the region which they are for could open, and of those the ones that the other one could. */
  readonly sealed: number;
  readonly openedByOthers: readonly string[];
}

/**
 * @param prepared what each region had while it waited for its LINK
 * @param planted the name of a secret that was sent through the broker in plain, so that the search is known to find one
 */
export async function judgeCapture(
  apart: Apart,
  prepared: RegionGoods,
  extra: readonly Pattern[],
  planted: Pattern,
): Promise<CaptureReport> {
  const { home, captureDirectory, secretsDirectory } = apart;
  const { isWhole } = await apart.broker.call('captured', null);
  const keystore = keyFile(homePaths(home).keystore);
  const governance = cmkDatabase(await dumpPostgres(await governanceDatabase(home)));
  const linkSecrets = await opened({ ...governance, values: [] }, keystore);
  const told = toldIn(secretsDirectory);
  const secrets: Pattern[] = [
    ...told,
    ...[...linkSecrets].map(([name, bytes]) => ({ name, bytes })),
    ...keystore.keys.map((bytes) => ({ name: 'L1', bytes })),
    ...extra,
  ];
  const findings = searchCapture(captureDirectory, [...secrets, planted]);
  if (!findings.inPlain.includes(planted.name)) throw new Error('the search does not find what was planted');
  const isTold = new Set(secrets.map(({ bytes }) => bytes.toString('hex')));
  const overlooked: string[] = [];
  const levels = new Set<string>();
  for (const goods of (await takeGoods(apart)).values())
    for (const [name, plain] of await opened(goods)) {
      levels.add(LEVELS.find((level) => name.includes(`: ${level} `)) ?? 'other');
      if (plain.length === KEY_BYTES && !isTold.has(plain.toString('hex'))) overlooked.push(name);
    }
  return {
    isWhole,
    ...countsOf(findings),
    secrets: secrets.length,
    inPlain: findings.inPlain.filter((name) => name !== planted.name),
    envelopes: findings.envelopes,
    underL1: findings.underL1,
    levels: [...levels],
    overlooked,
    ...(await unseal(findings, prepared)),
  };
}

function countsOf({ bytes, messages }: Findings) {
  const ofType = (type: string) => messages.filter((body) => body['type'] === type);
  const tasks = Object.fromEntries(
    [...Map.groupBy(ofType('task'), (body) => String(body['kind']))].map(([kind, its]) => [kind, its.length]),
  ) as CaptureReport['tasks'];
  return {
    bytes,
    messages: messages.length,
    tasks,
    statuses: ofType('status').length,
    reports: ofType('report').length,
  };
}

/** Each region tries everything that it has on every sealed secret. */
async function unseal(
  { messages }: Findings,
  prepared: RegionGoods,
): Promise<Pick<CaptureReport, 'sealed' | 'openedByOthers'>> {
  const sealed = recordedFrames(messages.filter((body) => body['type'] === 'task').map(frameOf));
  const names = new Set(sealed.wrapped.map(({ name }) => name));
  let own = 0;
  const openedByOthers: string[] = [];
  for (const [region, goods] of prepared) {
    const found = [...(await opened(goods, { wrapped: sealed.wrapped, keys: [], values: [] })).keys()];
    for (const name of found.filter((each) => names.has(each))) {
      if (name.startsWith(`${region}/`)) own += 1;
      else openedByOthers.push(`${name}, in ${region}`);
    }
  }
  return { sealed: own, openedByOthers };
}

/** Every reason why the capture shows what it must not, or too little to tell. */
export function failuresIn(report: CaptureReport): string[] {
  const failures: string[] = [];
  const none = (what: string, places: readonly string[]): void => {
    if (places.length > 0) failures.push(`${what}: ${places.length}, such as ${places[0]}`);
  };
  none('secrets in plain in what crossed the broker', report.inPlain);
  if (report.envelopes > 0) failures.push(`${report.envelopes} envelopes crossed the broker`);
  if (report.underL1 > 0) failures.push(`${report.underL1} secrets under an L1 crossed the broker`);
  none('secrets that were not searched for', report.overlooked);
  none(
    'levels of which no key was opened',
    LEVELS.filter((level) => !report.levels.includes(level)),
  );
  none('sealed secrets that another region opens', report.openedByOthers);
  if (report.sealed < REGIONS.length)
    failures.push(`only ${report.sealed} sealed secrets could be opened at all`);
  none(
    'kinds of which no task was seen',
    jobKinds.filter((kind) => report.tasks[kind] === undefined),
  );
  if (report.statuses === 0 || report.reports === 0) failures.push('no status or no report was seen');
  if (!report.isWhole) failures.push('the capture is not whole');
  return failures;
}
