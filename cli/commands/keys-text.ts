/** Keys in words: which is meant, inventories and policies as tables, durations and ages as people say them. */
import { MAX_ROTATE_AFTER_S } from '../../contracts/index.ts';
import type { InventoryView, KeyInventoryView, PoliciesView } from '../cmk/views.ts';
import { colors, table } from '../output.ts';

/** For options that may be repeated. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  value,
];
export const keyName = (tenant: string, service: string | undefined): string =>
  service === undefined ? `the key of ${tenant}` : `the key of ${tenant}/${service}`;

const UNITS_S = { h: 3_600, d: 86_400 } as const;
const MIN_ROTATE_AFTER_S = UNITS_S.h;

/** `90d`, `12h`, or `never`, which is 0. Undefined for anything else, and for what governance would refuse. */
export function parseDuration(text: string): number | undefined {
  if (text === 'never') return 0;
  const match = /^([1-9][0-9]{0,8})([hd])$/.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[1]) * UNITS_S[match[2] === 'h' ? 'h' : 'd'];
  return seconds >= MIN_ROTATE_AFTER_S && seconds <= MAX_ROTATE_AFTER_S ? seconds : undefined;
}

/** The largest unit in which it is at least 2: `90 d`, `36 h`, `50 min`. */
export function describeSeconds(seconds: number): string {
  for (const [unit, size] of [
    ['d', UNITS_S.d],
    ['h', UNITS_S.h],
    ['min', 60],
  ] as const)
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.max(0, Math.floor(seconds))} s`;
}

const ago = (instant: string, now: number): string => describeSeconds((now - Date.parse(instant)) / 1000);

export function describeInventory(region: InventoryView, now = Date.now()): string {
  const { inventory, at } = region;
  if (inventory === null || at === null)
    return `${colors.bold(region.region)}: ${region.pending ? 'asked, no answer yet' : `no answer${region.error === null ? '' : ` (${region.error})`}`}`;
  const keys = [
    { level: 'L2', service: null, name: 'tenant key', key: inventory.l2 },
    ...inventory.services.map(({ service, l3 }) => ({ level: 'L3', service, name: service, key: l3 })),
  ];
  const state = region.pending ? ', asked again' : region.error === null ? '' : `, then ${region.error}`;
  return [
    `${colors.bold(region.region)}: told ${ago(at, now)} ago${state}`,
    table(
      ['level', 'service', 'version', 'state', 'age', 'dependents'],
      keys.flatMap(({ level, service, key }) =>
        key.versions.map((each) => [
          level,
          service,
          each.version,
          each.state,
          ago(each.createdAt, now),
          each.dependents,
        ]),
      ),
    ),
    ...keys.map(({ name, key }) => `${name}: ${key.living} living, ${nextRotation(key, now)}`),
  ].join('\n');
}

function nextRotation({ nextRotationAt, rotateAfterSeconds }: KeyInventoryView, now: number): string {
  if (nextRotationAt === undefined) return 'never rotated by itself';
  const inSeconds = (Date.parse(nextRotationAt) - now) / 1000;
  const when = inSeconds <= 0 ? 'due now' : `in ${describeSeconds(inSeconds)}`;
  return `next rotation ${when} (every ${describeSeconds(rotateAfterSeconds)})`;
}

export function describePolicies({ link, items }: PoliciesView): string {
  const { rotateAfterSeconds } = link;
  const after = (seconds: number | null): string =>
    seconds === null ? 'default' : seconds === 0 ? 'never' : describeSeconds(seconds);
  return table(
    ['key', 'rotates after', 'set by', 'region', 'state', 'next rotation'],
    [
      ['link', rotateAfterSeconds === null ? 'never' : after(rotateAfterSeconds), null, null, null, null],
      ...(items.some(({ service }) => service === null)
        ? []
        : [['tenant key', 'default', null, null, null, null]]),
      ...items.flatMap((item) =>
        item.regions.map((region) => [
          item.service ?? 'tenant key',
          after(item.rotateAfterSeconds),
          item.setBy,
          region.region,
          region.error ? `${region.state} (${region.error})` : region.state,
          region.nextRotationAt,
        ]),
      ),
    ],
  );
}
