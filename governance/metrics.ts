/** The metrics of CMK itself, each set to 0 at the start; Orbital adds its own to the same registry. */
import type { JobKind, ManifestClass } from '../contracts/index.ts';
import { Counter, Gauge, Histogram, type Registry } from '../platform/metrics.ts';
import { type FindingKind, findingKinds, mendOf } from './drift/findings.ts';
import { keyStates } from './keystores/provider.ts';
import { linkStates } from './links/states.ts';

export const keyJobKinds = [
  'ROTATE_LINK',
  'KEY_ROTATE',
  'KEY_COMPROMISE',
  'ROTATION_POLICY',
  'KEY_INSPECT',
  'KEY_DESTROY',
] as const satisfies readonly JobKind[];
export type KeyJobKind = (typeof keyJobKinds)[number];

export interface CmkMetrics {
  request(method: string, route: string, status: number, seconds: number): void;
  authenticationFailure(): void;
  keystoreAnswer(state: string): void;
  killSwitch(): void;
  /** A region has ended a job that rotates, inspects or destroys. */
  keyJob(kind: KeyJobKind, outcome: 'done' | 'failed'): void;
  /** Links by state, counted anew. */
  links(counts: Readonly<Record<string, number>>): void;
  regionReportAge(region: string, seconds: number): void;
  /** How long ago a region has told that page of a class's manifest that it has not told for the longest time. */
  manifestAge(region: string, of: ManifestClass, seconds: number): void;
  /** Pages of a region's manifest, of all classes: so many reports is a round at most. */
  manifestPages(region: string, pages: number): void;
  notification(outcome: NotificationOutcome): void;
  /** L1 keys by state, and how many of them nothing clear is heard of, counted anew. */
  l1Keys(counts: Readonly<Record<string, number>>, warnings: number): void;
  driftFound(kind: FindingKind): void;
  /** A job was made to mend it. */
  driftMended(kind: FindingKind): void;
  /** Findings that stand, by kind; pages of manifests that do not agree, and regions of which something waits, counted anew. */
  drift(
    counts: Readonly<Record<string, number>>,
    of: { readonly differingPages: number; readonly heldBack: number },
  ): void;
}

export const notificationOutcomes = ['delivered', 'failed', 'lost'] as const;
export type NotificationOutcome = (typeof notificationOutcomes)[number];

export function createCmkMetrics(registry: Registry): CmkMetrics {
  const registers = [registry];
  const requests = new Histogram({
    name: 'okcm_cmk_http_request_seconds',
    help: 'REST requests by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const authenticationFailures = new Counter({
    name: 'okcm_cmk_authentication_failures_total',
    help: 'REST requests without a valid credential',
    registers,
  });
  const keystore = new Counter({
    name: 'okcm_cmk_keystore_answers_total',
    help: 'What keystores said when a key was probed or used',
    labelNames: ['state'],
    registers,
  });
  for (const state of Object.keys(keyStates)) keystore.inc({ state }, 0);
  const kills = new Counter({
    name: 'okcm_cmk_kill_switch_total',
    help: 'Tenants unlinked because their L1 key was disabled, deleted or withdrawn at its provider',
    registers,
  });
  const keyJobs = new Counter({
    name: 'okcm_cmk_key_jobs_total',
    help: 'Rotations, inventories and destructions that regions have ended, by kind of job',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  for (const kind of keyJobKinds) for (const outcome of ['done', 'failed']) keyJobs.inc({ kind, outcome }, 0);
  const links = new Gauge({
    name: 'okcm_cmk_links',
    help: 'Links by state',
    labelNames: ['state'],
    registers,
  });
  for (const state of linkStates) links.set({ state }, 0);
  const reportAge = new Gauge({
    name: 'okcm_cmk_region_report_age_seconds',
    help: 'How long ago a region last reported',
    labelNames: ['region'],
    registers,
  });
  const manifestAge = new Gauge({
    name: 'okcm_cmk_manifest_age_seconds',
    help: 'How long ago a region told the page of its manifest that was told longest ago, by class; where none was, since it was enrolled',
    labelNames: ['region', 'class'],
    registers,
  });
  const manifestPages = new Gauge({
    name: 'okcm_cmk_manifest_pages',
    help: 'Pages of a region’s manifest, one of which at least it tells every ten seconds',
    labelNames: ['region'],
    registers,
  });
  const notifications = new Counter({
    name: 'okcm_cmk_notifications_total',
    help: 'Attempts to tell a channel of an event; lost: given up after the last of them',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of notificationOutcomes) notifications.inc({ outcome }, 0);
  const l1Keys = new Gauge({
    name: 'okcm_cmk_l1_keys',
    help: 'L1 keys by the state that their keystores last surely said',
    labelNames: ['state'],
    registers,
  });
  for (const state of Object.keys(keyStates)) l1Keys.set({ state }, 0);
  const warnings = new Gauge({
    name: 'okcm_cmk_l1_key_warnings',
    help: 'L1 keys of which CMK hears nothing clear',
    registers,
  });
  const found = new Counter({
    name: 'okcm_cmk_drift_found_total',
    help: 'Things of regions that were found to differ from what governance wants, by kind of finding',
    labelNames: ['finding'],
    registers,
  });
  const mended = new Counter({
    name: 'okcm_cmk_drift_mends_total',
    help: 'Jobs that were made to mend them, by kind of finding',
    labelNames: ['finding'],
    registers,
  });
  const standing = new Gauge({
    name: 'okcm_cmk_drift_findings',
    help: 'Findings that stand, by kind: alert on those that nothing mends',
    labelNames: ['finding', 'mend'],
    registers,
  });
  for (const finding of findingKinds) {
    found.inc({ finding }, 0);
    if (mendOf(finding) !== 'tell') mended.inc({ finding }, 0);
    standing.set({ finding, mend: mendOf(finding) }, 0);
  }
  const differing = new Gauge({
    name: 'okcm_cmk_drift_differing_pages',
    help: 'Pages of regions’ manifests whose digests are not those of what governance wants',
    registers,
  });
  const heldBackRegions = new Gauge({
    name: 'okcm_cmk_drift_held_back_regions',
    help: 'Regions that differ in more than is mended or told of one within an hour',
    registers,
  });
  return {
    request: (method, route, status, seconds) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    authenticationFailure: () => authenticationFailures.inc(),
    keystoreAnswer: (state) => keystore.inc({ state }),
    killSwitch: () => kills.inc(),
    keyJob: (kind, outcome) => keyJobs.inc({ kind, outcome }),
    links: (counts) => {
      for (const state of linkStates) links.set({ state }, counts[state] ?? 0);
    },
    regionReportAge: (region, seconds) => reportAge.set({ region }, seconds),
    manifestAge: (region, of, seconds) => manifestAge.set({ region, class: of }, seconds),
    manifestPages: (region, pages) => manifestPages.set({ region }, pages),
    notification: (outcome) => notifications.inc({ outcome }),
    l1Keys: (counts, unclear) => {
      for (const state of Object.keys(keyStates)) l1Keys.set({ state }, counts[state] ?? 0);
      warnings.set(unclear);
    },
    driftFound: (finding) => found.inc({ finding }),
    driftMended: (finding) => mended.inc({ finding }),
    drift: (counts, { differingPages, heldBack }) => {
      for (const finding of findingKinds)
        standing.set({ finding, mend: mendOf(finding) }, counts[finding] ?? 0);
      differing.set(differingPages);
      heldBackRegions.set(heldBack);
    },
  };
}
