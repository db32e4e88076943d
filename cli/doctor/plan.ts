/** Which checks a component gets. What they need of the system is gathered once, before they run. */
import { readFile } from 'node:fs/promises';
import { withDeadline } from '../../platform/backoff.ts';
import { checkBroker } from './broker.ts';
import { checkCertificate, readLists } from './certificates.ts';
import type { Check } from './check.ts';
import { askDate, judgeOffset } from './clock.ts';
import { checkCmkDatabase, checkCoreDatabase } from './database-look.ts';
import { checkRoom } from './disk.ts';
import { checkSecretFile } from './files.ts';
import { checkGateway, judgeAddon } from './gateway.ts';
import { checkGovernance } from './governance.ts';
import { askHealth, type Health, healthUrlOf, recordOf, textOf } from './health.ts';
import { judgeLimits, needsOf } from './limits.ts';
import { certificatesOf, clocksOf, directoriesOf, secretFilesOf } from './parts.ts';
import { judgePort, listenerAt, portsOf } from './ports.ts';
import { findListeners, type Listener, readLimits } from './processes.ts';
import { checkRegion } from './region.ts';
import { checkSealProviders } from './seal.ts';
import type { Subject } from './subject.ts';
import { finding, passed, type Verdict } from './verdict.ts';

const GATHER_MS = 3_000;

export interface Surroundings {
  /** Processes that are known to be the component. */
  readonly pids: ReadonlySet<number>;
  /** What it stands on is meant to run: its database, its broker, its core. */
  readonly isLive: boolean;
  /** How `okcm start` calls its database, in a development installation. */
  readonly database?: string | undefined;
  /** Whether the broker is one that `okcm start broker` starts. */
  readonly hasOwnBroker: boolean;
  /** For the admin listener of a core. */
  readonly operatorFile?: string | undefined;
}

interface Seen extends Surroundings {
  readonly health: Health | undefined;
  readonly healthUrl: string | undefined;
  readonly listeners: Listeners;
}
/** Undefined where the system does not tell. */
type Listeners = readonly Listener[] | undefined;

/** Who has the ports of these components: one look at all processes. */
export async function listenersOf(subjects: readonly Subject[]): Promise<Listeners> {
  const ports = new Set(subjects.flatMap((subject) => portsOf(subject).map(({ port }) => port)));
  return await withDeadline(GATHER_MS, 'ports', () => findListeners(ports)).catch(() => undefined);
}

export async function checksOf(
  subject: Subject,
  surroundings: Surroundings,
  listeners: Listeners,
): Promise<Check[]> {
  const healthUrl = healthUrlOf(subject.config.health);
  const health = await askHealth(healthUrl);
  const answered = health !== undefined && isOurs(subject, health) ? health : undefined;
  const seen: Seen = { ...surroundings, health: answered, healthUrl, listeners };
  const check = (what: string, run: Check['run']): Check => ({ component: subject.name, subject: what, run });
  return [
    check('configuration file', () => configured(subject)),
    check('secret files', async () =>
      (await Promise.all(secretFilesOf(subject).map(checkSecretFile))).flat(),
    ),
    check('certificates', () => certificates(subject)),
    check('ports', () => judgePorts(subject, seen)),
    check('limits', () => limits(subject, seen)),
    check('disks', async () => (await Promise.all(rooms(subject).map(checkRoom))).flat()),
    ...clocksOf(subject).map(({ name, url, ca }) =>
      check(`clock against ${name}`, (signal) => clock(name, url, ca, signal)),
    ),
    ...ofKind(subject, seen, check),
  ];
}

const rooms = (subject: Subject): string[] => [...new Set(directoriesOf(subject))];

/** Somebody else may have taken the port of its health, and answer with JSON, too. */
function isOurs({ kind, config }: Subject, { body }: Health): boolean {
  if (kind === 'cmk') return body['component'] === 'cmk' && body['cluster'] === config.cluster;
  return textOf(body['region']) === config.region && (kind === 'gateway') === 'appliedHead' in body;
}

function configured({ kind, file, config, isDevelopment }: Subject): Verdict[] {
  const found = passed(
    'configuration file',
    `follows the schema of ${kind === 'cmk' ? 'CMK' : `a ${kind}`}`,
    { file },
  );
  if (kind !== 'cmk' || isDevelopment || !config.development) return [found];
  return [found, finding('DEVELOPMENT_SETTING', 'configuration file', '"development" is true', { file })];
}

async function certificates(subject: Subject): Promise<Verdict[]> {
  const nowMs = Date.now();
  const tls = subject.kind === 'cmk' ? subject.config.http.tls : subject.config.tls;
  const { verdicts, revocations } =
    tls === undefined ? { verdicts: [], revocations: undefined } : await readLists(tls.crl, tls.ca, nowMs);
  const all = certificatesOf(subject).map((one) => checkCertificate({ ...one, revocations }, nowMs));
  return [...(await Promise.all(all)).flat(), ...verdicts];
}

function judgePorts(subject: Subject, { listeners, pids, health }: Seen): Verdict[] {
  if (listeners === undefined) return [];
  const { file, isDevelopment } = subject;
  return portsOf(subject).map((port) =>
    judgePort({
      port,
      listener: listenerAt(port, listeners),
      file,
      pids,
      answers: health !== undefined,
      isDevelopment,
    }),
  );
}

async function limits(subject: Subject, { listeners, pids, health }: Seen): Promise<Verdict[]> {
  const listening = (listeners ?? []).find(({ arguments: given }) => given?.includes(subject.file))?.pid;
  const pid = [...pids][0] ?? listening;
  const running = pid === undefined ? undefined : await readLimits(pid);
  const own = running ?? (await readLimits(process.pid));
  const needs = needsOf(subject);
  const verdicts =
    own === undefined ? [] : judgeLimits(needs, own, running === undefined ? 'shell' : 'component');
  const problem = textOf(recordOf(health?.body['memory'])?.['problem']);
  if (problem === undefined) return verdicts;
  const neededKiB = Math.ceil(needs.lockedBytes / 1024);
  return [...verdicts, finding('MEMORY_NOT_LOCKED', 'memory of keys', problem, { neededKiB })];
}

async function clock(
  name: string,
  url: string,
  caFile: string | undefined,
  signal: AbortSignal,
): Promise<Verdict[]> {
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
  const offset = await askDate(url, signal, ca);
  return offset === undefined ? [] : [judgeOffset(name, offset)];
}

type MakeCheck = (what: string, run: Check['run']) => Check;

function ofKind(subject: Subject, seen: Seen, check: MakeCheck): Check[] {
  const { isLive, database, hasOwnBroker, operatorFile, health, healthUrl } = seen;
  const { file } = subject;
  switch (subject.kind) {
    case 'cmk': {
      const { broker } = subject.config;
      const restart = restartOf(subject, 'governance/main.ts');
      const role = { plane: 'governance' } as const;
      if (!isLive) return [];
      return [
        check('database', () => checkCmkDatabase(subject, database, restart)),
        check('broker', () => checkBroker({ file, broker, role, isOurs: hasOwnBroker })),
        check('regions', () => checkGovernance(subject)),
      ];
    }
    case 'core': {
      const { broker, region } = subject.config;
      const restart = restartOf(subject, 'execution/core/main.ts');
      const role = { plane: 'region', region } as const;
      const providers = check('seal provider', () => checkSealProviders(subject));
      if (!isLive) return [providers];
      const state = textOf(health?.body['seal']);
      return [
        providers,
        check('database', () => checkCoreDatabase(subject, database, restart)),
        check('broker', () => checkBroker({ file, broker, role, isOurs: hasOwnBroker })),
        check('region', () => checkRegion({ subject, state, operatorFile })),
      ];
    }
    case 'gateway': {
      const addon = check('native addon', () => [judgeAddon()]);
      if (!isLive) return [addon];
      const running =
        health === undefined || healthUrl === undefined ? undefined : { url: healthUrl, health };
      return [addon, check('gateway', (signal) => checkGateway(subject, running, signal))];
    }
  }
}

/** What has a component run its migrations. */
function restartOf({ name, file, isDevelopment }: Subject, program: string): string {
  return isDevelopment ? `okcm stop ${name} && okcm start ${name}` : `node ${program} --config ${file}`;
}
