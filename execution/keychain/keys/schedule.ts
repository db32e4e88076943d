/**
 * What is to be done next for a tenant's keys, and when: pure. The manifest alone decides, so that work that a crash
 * interrupted is found again, and two cores find the same.
 */

import { L2 } from '../stores/key-store.ts';
import { activeOf, type KeyHistory, living, successorOf } from './key-history.ts';
import { isLiving } from './key-states.ts';
import { type Manifest, numberFor } from './manifest.ts';

/** The region's own times, where governance has said nothing. Milliseconds; 0: never. */
export interface RotationDefaults {
  readonly l2AfterMs: number;
  readonly l3AfterMs: number;
  readonly ivkAfterMs: number;
  /** A scheduled L3 version is made this long before it becomes active, so that every gateway holds it by then. */
  readonly leadMs: number;
}

const DAY_MS = 86_400_000;
export const defaultRotation: RotationDefaults = {
  l2AfterMs: 90 * DAY_MS,
  l3AfterMs: 30 * DAY_MS,
  ivkAfterMs: 365 * DAY_MS,
  leadMs: 60_000,
};

export type Work =
  /** L3 versions that stand under an older L2. */
  | { readonly kind: 'rewrap'; readonly service: string }
  /** An L2 version under which nothing stands any more. */
  | { readonly kind: 'retire'; readonly version: number }
  | { readonly kind: 'rotate-l2' }
  | { readonly kind: 'prepare-l3'; readonly service: string }
  | { readonly kind: 'rotate-l3'; readonly service: string };

interface Due {
  readonly atMs: number;
  readonly work: Work;
}

/** The work that is due by `nowMs`, the longest due first. */
export function workDue(manifest: Manifest, defaults: RotationDefaults, nowMs: number): Work[] {
  return [...unfinished(manifest), ...scheduled(manifest, defaults)]
    .filter(({ atMs }) => atMs <= nowMs)
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ work }) => work);
}

/** When to look at this tenant again; null: not until something changes it. */
export function dueAtMs(manifest: Manifest, defaults: RotationDefaults, nowMs: number): number | null {
  const next = soonest(manifest, defaults);
  return next === null ? null : Math.max(next.atMs, nowMs);
}

/** When the next version of a key follows by itself; null: never. */
export function nextRotationMs(
  manifest: Manifest,
  defaults: RotationDefaults,
  service: string | null,
): number | null {
  const history = service === null ? manifest.l2 : (manifest.services[service] ?? []);
  const afterMs = rotateAfterMs(manifest, defaults, service);
  return afterMs === 0 ? null : activeOf(history).activatedAtMs + afterMs;
}

export function rotateAfterMs(
  manifest: Manifest,
  defaults: RotationDefaults,
  service: string | null,
): number {
  const own = service ?? L2;
  const { rotateAfterS } = manifest;
  if (Object.hasOwn(rotateAfterS, own)) return numberFor(rotateAfterS, own) * 1000;
  return service === null ? defaults.l2AfterMs : defaults.l3AfterMs;
}

function soonest(manifest: Manifest, defaults: RotationDefaults): Due | null {
  const due = [...unfinished(manifest), ...scheduled(manifest, defaults)];
  return due.reduce<Due | null>(
    (first, each) => (first === null || each.atMs < first.atMs ? each : first),
    null,
  );
}

/** What a rotation of L2 has begun, and what a first link demands: due at once. */
function* unfinished(manifest: Manifest): Generator<Due> {
  const { l2, services, exposed } = manifest;
  const active = activeOf(l2);
  const parents = new Set<number>();
  const stale = new Set<string>();
  for (const [service, history] of Object.entries(services))
    for (const { parent, state } of history) {
      if (!isLiving(state)) continue;
      parents.add(parent);
      if (parent !== active.version) stale.add(service);
    }
  if (active.version <= numberFor(exposed, L2)) yield now({ kind: 'rotate-l2' });
  for (const service of stale) yield now({ kind: 'rewrap', service });
  for (const { version } of living(l2))
    if (version !== active.version && !parents.has(version)) yield now({ kind: 'retire', version });
  for (const [service, history] of Object.entries(services))
    if (activeOf(history).version <= numberFor(exposed, service)) yield now({ kind: 'rotate-l3', service });
}

function* scheduled(manifest: Manifest, defaults: RotationDefaults): Generator<Due> {
  const l2AtMs = nextRotationMs(manifest, defaults, null);
  if (l2AtMs !== null) yield { atMs: l2AtMs, work: { kind: 'rotate-l2' } };
  for (const [service, history] of Object.entries(manifest.services)) {
    const atMs = nextRotationMs(manifest, defaults, service);
    if (atMs !== null) yield forL3(service, history, atMs, leadOf(manifest, defaults, service));
  }
}

function forL3(service: string, history: KeyHistory, atMs: number, leadMs: number): Due {
  if (successorOf(history) !== undefined) return { atMs, work: { kind: 'rotate-l3', service } };
  return { atMs: atMs - leadMs, work: { kind: 'prepare-l3', service } };
}

/** Never more than a tenth of the time between two rotations. */
function leadOf(manifest: Manifest, defaults: RotationDefaults, service: string): number {
  return Math.min(defaults.leadMs, rotateAfterMs(manifest, defaults, service) / 10);
}

function now(work: Work): Due {
  return { atMs: 0, work };
}
