/** A development installation as a whole: its supervisor, its components, and what one of them has to know of another. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { publicPemOf, readSigner } from '../../orbital/index.ts';
import { describeError } from '../errors.ts';
import { Endpoints } from '../home/endpoints.ts';
import { readJson } from '../home/json-file.ts';
import { type HomePaths, homePaths } from '../home/paths.ts';
import { isAlive } from '../home/process-alive.ts';
import { Installation } from '../installation/installation.ts';
import { cmkComponent, cmkDatabase, coreOf, databaseOf, gatewayOf, REGIONS } from '../installation/names.ts';
import { checkCertificate } from './certificates.ts';
import type { Check } from './check.ts';
import { checkRoom } from './disk.ts';
import { checkSecretFile } from './files.ts';
import { governanceFacts } from './governance.ts';
import { askHealth } from './health.ts';
import { checksOf, listenersOf } from './plan.ts';
import { signsBy, trustedKeys } from './region.ts';
import {
  type CmkSubject,
  type CoreSubject,
  type GatewaySubject,
  readSubject,
  type Subject,
} from './subject.ts';
import { finding, passed, type Verdict } from './verdict.ts';

const WHOLE = 'installation';
const OLDEST_NODE = 24;

export function judgeNode(version: string): Verdict {
  const major = Number(version.replace(/^v/, '').split('.')[0]);
  const facts = { version, needed: OLDEST_NODE };
  if (major < OLDEST_NODE)
    return finding('NODE_TOO_OLD', 'Node', `${version}; ${OLDEST_NODE} is needed`, facts);
  return passed('Node', version, facts);
}

/** `endpoints`: what endpoints.json says; undefined where there is no such file. */
export function judgeSupervisor(
  endpoints: { readonly ready: boolean; readonly supervisor: { readonly pid: number } } | undefined,
  lives: boolean,
): Verdict {
  if (endpoints === undefined) return finding('SUPERVISOR_STOPPED', 'supervisor', 'it does not run');
  const { pid } = endpoints.supervisor;
  if (lives)
    return passed('supervisor', `process ${pid}, ${endpoints.ready ? 'all is up' : 'not all is up'}`, {
      pid,
    });
  const told = `process ${pid} is gone, and endpoints.json says ready: ${endpoints.ready}`;
  return finding(endpoints.ready ? 'SUPERVISOR_DEAD' : 'SUPERVISOR_STOPPED', 'supervisor', told, { pid });
}

/** Of a component that the supervisor has started, or has not. `answers`: undefined where it has no health address. */
export function judgeComponent(name: string, state: string, answers: boolean | undefined): Verdict {
  const facts = { component: name, state };
  if (state !== 'up') return finding('COMPONENT_DOWN', 'component', `${name} is ${state}`, facts);
  if (answers === false)
    return finding('COMPONENT_SILENT', 'component', `${name} is up and does not answer`, facts);
  return passed('component', 'up', facts);
}

/** Everything that is looked at in a home. */
export async function checksOfHome(home: string): Promise<Check[]> {
  const paths = homePaths(home);
  const whole = (subject: string, run: Check['run']): Check => ({ component: WHOLE, subject, run });
  const node = whole('Node', () => [judgeNode(process.version)]);
  if (!existsSync(paths.installation)) {
    const told = `there is no installation in ${paths.root}`;
    return [node, whole('home', () => [finding('HOME_MISSING', 'home', told, { home })])];
  }
  let endpoints: Endpoints | undefined;
  let installation: Installation;
  try {
    endpoints = await readJson(paths.endpoints, Endpoints);
    installation = await Installation.open(paths);
  } catch (error) {
    const told = describeError(error).message;
    return [node, whole('home', () => [finding('HOME_INVALID', 'home', told, { home: paths.root })])];
  }
  const lives = endpoints !== undefined && isAlive(endpoints.supervisor.pid);
  const read = await Promise.all(components().map((name) => readSubject(configOf(paths, name), name)));
  const subjects = read.flatMap((one) => ('subject' in one ? [one.subject] : []));
  const troubles = read.flatMap((one, at) =>
    'trouble' in one ? [{ component: components()[at] ?? WHOLE, verdict: one.trouble }] : [],
  );
  const hasOwnBroker = installation.stored.brokerUrl === undefined;
  const listeners = await listenersOf(subjects);
  const perComponent = await Promise.all(
    subjects.map((subject) =>
      checksOf(subject, { ...placeOf(subject, endpoints, lives), hasOwnBroker }, listeners),
    ),
  );
  return [
    node,
    whole('supervisor', () => [judgeSupervisor(endpoints, lives)]),
    whole('files of the home', () => filesOf(paths)),
    whole('disks', async () => (await Promise.all(dataOf(paths).map(checkRoom))).flat()),
    ...(lives ? (endpoints?.processes ?? []).map(componentCheck) : []),
    ...troubles.map(({ component, verdict }) => ({
      component,
      subject: 'configuration file',
      run: () => [verdict],
    })),
    ...perComponent.flat(),
    ...acrossPlanes(subjects, lives),
  ];
}

const components = (): readonly string[] => [
  cmkComponent,
  ...REGIONS.flatMap((region) => [coreOf(region), gatewayOf(region)]),
];
const configOf = (paths: HomePaths, name: string): string => join(paths.component(name), 'config.json');

function placeOf(subject: Subject, endpoints: Endpoints | undefined, isLive: boolean) {
  const pid = endpoints?.processes.find(({ name }) => name === subject.name)?.pid ?? undefined;
  const pids = new Set(isLive && pid !== undefined ? [pid] : []);
  switch (subject.kind) {
    case 'cmk':
      return { pids, isLive, database: cmkDatabase };
    case 'core':
      return { pids, isLive, database: databaseOf(subject.config.region) };
    case 'gateway':
      return { pids, isLive };
  }
}

function componentCheck({ name, state, health }: Endpoints['processes'][number]): Check {
  return {
    component: name,
    subject: 'component',
    run: async () => [
      judgeComponent(name, state, health === null ? undefined : (await askHealth(health)) !== undefined),
    ],
  };
}

async function filesOf(paths: HomePaths): Promise<Verdict[]> {
  const files = [
    { what: 'passwords', file: paths.installation },
    { what: 'endpoints', file: paths.endpoints },
    { what: 'control channel', file: paths.control },
    { what: 'people', file: paths.people },
    { what: 'logins', file: paths.sessions },
    { what: 'software keystore', file: paths.keystore },
  ];
  return (await Promise.all(files.map((file) => checkSecretFile({ ...file, mayBeMissing: true })))).flat();
}

/** The home, and where its databases lie, which may be another disk. */
const dataOf = (paths: HomePaths): string[] => [
  paths.root,
  ...[cmkDatabase, ...REGIONS.map(databaseOf)]
    .map((server) => paths.postgres(server))
    .filter(existsSync)
    .slice(0, 1),
];

/** What no component knows by itself: whether the other side takes its certificate and its signatures. */
function acrossPlanes(subjects: readonly Subject[], lives: boolean): Check[] {
  const cmk = subjects.find((subject) => subject.kind === 'cmk');
  return REGIONS.flatMap((region) => {
    const of = subjects.filter((subject) => subject.kind !== 'cmk' && subject.config.region === region);
    const core = of.find((subject) => subject.kind === 'core');
    const gateway = of.find((subject) => subject.kind === 'gateway');
    if (core === undefined) return [];
    return [
      ...(gateway === undefined
        ? []
        : [{ component: core.name, subject: 'certificates', run: () => checkMesh(core, gateway) }]),
      ...(cmk === undefined || !lives
        ? []
        : [{ component: core.name, subject: 'signatures', run: () => checkSignatures(cmk, core) }]),
    ];
  });
}

/** Each end's certificate as the other end judges it. */
async function checkMesh(core: CoreSubject, gateway: GatewaySubject): Promise<Verdict[]> {
  const { tls } = core.config;
  const { core: road } = gateway.config;
  const ends = await Promise.all([
    checkCertificate({
      checked: 'server certificate, as the gateway judges it',
      cert: tls.cert,
      purpose: 'server',
      host: road.servername,
      trust: road.ca,
    }),
    checkCertificate({
      checked: 'certificate of the gateway, as the core judges it',
      cert: road.cert,
      purpose: 'client',
      trust: tls.ca,
    }),
  ]);
  return ends.flat();
}

async function checkSignatures(cmk: CmkSubject, core: CoreSubject): Promise<Verdict[]> {
  const [facts, trusted, own] = await Promise.all([governanceFacts(cmk), trustedKeys(core), signsBy(core)]);
  const { region } = core.config;
  const verdicts: Verdict[] = [];
  const { keyId, signingKey } = cmk.config.orbital;
  const active = facts?.signing.find(({ state }) => state === 'active') ?? {
    keyId,
    publicKey: publicPemOf((await readSigner(signingKey, keyId)).privateKey),
  };
  if (trusted !== undefined)
    verdicts.push(judgeTrust('governance', region, active, trusted.get(active.keyId), core.file));
  const known = facts?.regions.find(({ name }) => name === region)?.keys;
  if (known !== undefined && own !== undefined) {
    const there =
      known.find((key) => key.publicKey.trim() === own.publicKey.trim()) ??
      known.find((key) => key.keyId === own.keyId);
    verdicts.push(judgeTrust('region', region, own, there?.publicKey, core.file));
  }
  return verdicts;
}

/** `known`: the key that the other side has under that name. */
export function judgeTrust(
  signer: 'governance' | 'region',
  region: string,
  { keyId, publicKey }: { readonly keyId: string; readonly publicKey: string },
  known: string | undefined,
  file: string,
): Verdict {
  const [who, other] = signer === 'governance' ? ['governance', region] : [region, 'governance'];
  const checked = `signatures of ${who}`;
  if (known?.trim() === publicKey.trim())
    return passed(checked, `${other} knows ${keyId}`, { region, keyId });
  const told =
    known === undefined ? `${other} does not know ${keyId}` : `${other} knows another key as ${keyId}`;
  const trust =
    signer === 'governance'
      ? `okcm signing-key trust ${keyId} --public-key PUBLIC.pem --config ${file}`
      : `okcm signing-key list --region ${region}`;
  return finding('SIGNING_KEY_UNTRUSTED', checked, told, { region, keyId, trust });
}
