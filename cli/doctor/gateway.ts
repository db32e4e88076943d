/** A gateway that runs, by its own words, and its road to the core. */

import { gcm } from '../../execution/envelope/index.ts';
import { DEFAULT_BACKLOG, MAX_AUDIT_BACKLOG, MAX_GAP_MS } from '../../execution/gateway/limits.ts';
import { readPrivate } from '../../platform/config-file.ts';
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { readPem } from './certificates.ts';
import { askHealth, type Health, type HealthBody, numberOf, recordOf, textOf } from './health.ts';
import type { GatewaySubject } from './subject.ts';
import { lookAtPeer } from './tls-peer.ts';
import { finding, passed, type Verdict } from './verdict.ts';

const ROAD = 'connection to the core';
/** Of what may wait; past it somebody should look. */
const BACKLOG_SHARE = 1 / 2;

export interface GatewayCase {
  readonly file: string;
  readonly component: string;
  readonly core: { readonly host: string; readonly port: number };
  readonly limits: { readonly backlog?: number | undefined; readonly auditBacklog?: number | undefined };
  /** Whether this host has the addon. */
  readonly hasAddon: boolean;
  /** Two looks, further apart than a gap may last. */
  readonly first: HealthBody;
  readonly second: HealthBody;
}

export function judgeGateway(of: GatewayCase): Verdict[] {
  const { file, second: body } = of;
  const { host, port } = of.core;
  return [
    judgePushes(of),
    ...judgeBacklogs(of),
    ...judgeStore(of),
    ...judgeWorkers(body, file),
    ...judgeSpeed(of),
    ...(body['core'] === 'unreachable'
      ? [finding('CORE_UNREACHABLE', ROAD, 'the gateway says that it has none', { file, host, port })]
      : []),
  ];
}

/** Behind at both looks, and the first gap not closed. */
function judgePushes({ first, second, file }: GatewayCase): Verdict {
  const checked = 'pushes of the core';
  const [headBefore, head, applied] = [first['head'], second['head'], second['appliedHead']].map(numberOf);
  const leases = numberOf(second['leases']) ?? 0;
  if (head === undefined || applied === undefined) return passed(checked, 'not told');
  const facts = { file, head, appliedHead: applied, behind: head - applied, leases };
  if (headBefore !== undefined && applied < headBefore)
    return finding('GATEWAY_BEHIND', checked, `${head - applied} of ${head} are not applied`, facts);
  return passed(checked, `${applied} of ${head} applied, ${leases} leases`, facts);
}

function judgeBacklogs({ second, limits, file }: GatewayCase): Verdict[] {
  const all: [string, number, number][] = [
    ['keys to announce', numberOf(second['backlog']) ?? 0, limits.backlog ?? DEFAULT_BACKLOG],
    [
      'audit events to hand over',
      numberOf(second['auditBacklog']) ?? 0,
      limits.auditBacklog ?? MAX_AUDIT_BACKLOG,
    ],
  ];
  return all.map(([checked, waiting, limit]) => {
    const facts = { file, waiting, limit };
    const told = `${waiting} of at most ${limit} wait`;
    return waiting > limit * BACKLOG_SHARE
      ? finding('GATEWAY_BACKLOG', checked, told, facts)
      : passed(checked, told, facts);
  });
}

function judgeStore({ second, file }: GatewayCase): Verdict[] {
  const store = recordOf(second['store']);
  if (store === undefined) return [];
  const kind = textOf(store['kind']) ?? '?';
  const facts = { file, kind };
  if (store['up'] === false) return [finding('STORE_DOWN', 'key store', `${kind} is out of order`, facts)];
  if (store['durable'] === false)
    return [finding('STORE_NOT_DURABLE', 'key store', `${kind} is not durable`, facts)];
  return [passed('key store', kind, facts)];
}

function judgeWorkers(body: HealthBody, file: string): Verdict[] {
  const workers = recordOf(body['workers']);
  const [serving, configured] = [workers?.['serving'], workers?.['configured']].map(numberOf);
  if (serving === undefined || configured === undefined) return [];
  const facts = { file, serving, configured };
  const told = `${serving} of ${configured} serve`;
  return [
    serving < configured ? finding('WORKERS_DOWN', 'workers', told, facts) : passed('workers', told, facts),
  ];
}

function judgeSpeed({ second, hasAddon, component, file }: GatewayCase): Verdict[] {
  const verdicts: Verdict[] = [];
  if (second['cipher'] === 'node' && hasAddon)
    verdicts.push(finding('ADDON_NOT_LOADED', 'native addon', 'the process runs without it', { component }));
  if (second['hotPath'] === 'off')
    verdicts.push(finding('HOT_PATH_OFF', 'hot path', 'it is switched off', { file }));
  return verdicts;
}

/** `first`: what it has said a moment ago. */
async function lookAgain(subject: GatewaySubject, url: string, first: Health): Promise<Verdict[]> {
  await new Promise((resolve) => setTimeout(resolve, MAX_GAP_MS + 100));
  const second = (await askHealth(url)) ?? first;
  const { file, name: component, config } = subject;
  return judgeGateway({
    file,
    component,
    core: config.core,
    limits: { backlog: config.limits.backlog, auditBacklog: config.audit?.maxWaiting },
    hasAddon: gcm.name === 'native',
    first: first.body,
    second: second.body,
  });
}

/** The road to the core, and the gateway's own words where it runs; one core that is away is one finding. */
export async function checkGateway(
  subject: GatewaySubject,
  running: { readonly url: string; readonly health: Health } | undefined,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const [road, words] = await Promise.all([
    checkRoad(subject, signal),
    running === undefined ? [] : lookAgain(subject, running.url, running.health),
  ]);
  const isTold = road.some((verdict) => verdict.state === 'broken' && verdict.checked === ROAD);
  return [...road, ...words.filter(({ checked }) => !isTold || checked !== ROAD)];
}

/** The addon of this host, which a gateway that starts now would load. */
export function judgeAddon(): Verdict {
  const checked = 'native addon';
  if (gcm.name === 'native') return passed(checked, 'AES-GCM by the addon');
  return finding('ADDON_MISSING', checked, 'it was not compiled for this host');
}

/** A handshake with the core, as the gateway itself does it; no message is sent. */
async function checkRoad(
  { config, file, isDevelopment }: GatewaySubject,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const checked = ROAD;
  const { host, port, servername, ca, cert, key } = config.core;
  const facts = { host, port, region: config.region, core: `${config.region}/core`, file: cert };
  let own: readonly [string, string, string];
  try {
    own = await Promise.all([readPem(ca), readPem(cert), readPrivate(key)]);
  } catch {
    return []; // told with the files
  }
  const [authority, certificate, privateKey] = own;
  const address = {
    host,
    port,
    servername,
    ca: { file: ca, pem: authority },
    cert: certificate,
    key: privateKey,
  };
  try {
    const { verdicts, refusal } = await lookAtPeer('certificate of the core', address, signal);
    if (refusal === undefined)
      return [...verdicts, passed(checked, `${host}:${port} keeps it open`, { ...facts, file })];
    const told = `${host}:${port} ended it after the handshake (${refusal})`;
    return [...verdicts, finding('CORE_REFUSES_GATEWAY', checked, told, facts)];
  } catch (error) {
    const code = errorCode(error) ?? '';
    // The alert of a server that does not take our certificate (RFC 8446 §6.2).
    if (/^ERR_SSL_.*ALERT/.test(code))
      return [finding('CORE_REFUSES_GATEWAY', checked, `${host}:${port} refuses it: ${code}`, facts)];
    const away = isDevelopment ? 'CORE_DOWN' : 'CORE_UNREACHABLE';
    return [finding(away, checked, `${host}:${port}: ${errorMessage(error)}`, facts)];
  }
}
