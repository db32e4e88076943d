/**
 * What many tenants cost a core: how long the key chain takes to start, to read a service's keys from the database and
 * from memory, what each tenant held takes of memory, and whether memory stays within its budget. In process, on a real
 * PostgreSQL. Reads are told beside a bare select of the same rows.
 *
 *     npm run bench:hydration -- --tenants 10000
 */
import { fork } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { table } from '../cli/output.ts';
import type { TenantId } from '../contracts/index.ts';
import { KEY_BYTES } from '../execution/envelope/index.ts';
import { defaultLimits, type Keychain } from '../execution/keychain/index.ts';
import { distributionTable, measure, ms, type Stage, type Tell } from '../testkit/measure/command.ts';
import { type Distribution, distributionOf } from '../testkit/measure/distribution.ts';
import { atMost } from '../testkit/measure/target.ts';
import type { Held, HolderTask } from './hydration/holder.ts';
import type { MemoryUse } from './hydration/memory.ts';
import { coldReads, recheckedReads, timed, warmReads } from './hydration/reads.ts';
import { BenchRegion, SERVICE, tenantName } from './hydration/region.ts';

const options = {
  tenants: { default: 10_000, about: 'tenants in the region, each with one service' },
  sample: { default: 2_000, about: 'services that are read, chosen at random' },
  linked: { default: 200, about: 'tenants that are linked to an L1' },
  starts: { default: 20, about: 'how often the key chain is started' },
  budget: { default: 65_536, about: 'bytes of memory for keys, for the eviction' },
} as const;
type Options = Readonly<Record<keyof typeof options, number>>;

const FEW_TENANTS = 1_000;
/** Of what fits the budget. */
const OVER_BUDGET = 2;
const MIBIBYTE = 1024 ** 2;

interface Eviction {
  readonly budgetBytes: number;
  readonly mostBytes: number;
  readonly held: number;
  readonly wiped: boolean;
  readonly sameKeys: boolean;
  readonly cold: Distribution;
}

await measure('bench:hydration', options, async (given, stage) => {
  const region = await stage('start PostgreSQL, make a region', () => BenchRegion.create());
  const room = { maxTenants: given.tenants, maxCachedServices: given.tenants, keyMemoryBytes: 32 * MIBIBYTE };
  // Most measurements want nobody else at the database: the sweep has its own limits.
  const limits = { ...room, sweepMs: 3_600_000 };
  try {
    const provisioned = await provision(region, given, limits, stage);
    const starts = await stage(
      `start the key chain ${given.starts} times`,
      () => startOften(region, given.starts, limits),
      (times) => `p50 ${ms(distributionOf(times).p50)}`,
    );
    const reads = await readEverything(region, given, limits, stage);
    const held = await stage('hold 0, 1,000, and all tenants', (tell) =>
      holdMany(region, given, limits, tell),
    );
    const eviction = await stage('hold more than the budget', (tell) => evict(region, given, limits, tell));
    return verdict(given, { provisioned, starts: distributionOf(starts), reads, held, eviction });
  } finally {
    await region.close();
  }
});

type Limits = Parameters<BenchRegion['keychain']>[0];

async function provision(region: BenchRegion, given: Options, limits: Limits, stage: Stage) {
  const keychain = await region.keychain(limits);
  const provisionMs = await stage(
    `provision ${given.tenants} tenants with a service each`,
    (tell) => timed(() => region.provision(keychain, given.tenants, (done) => tell(`${done} tenants`))),
    (took) => `${ms(took / given.tenants)} each`,
  );
  const linkMs = await stage(
    `link ${given.linked} of them`,
    (tell) =>
      timed(async () => {
        for (let index = 0; index < given.linked; index++) {
          await region.link(keychain, tenantName(index));
          tell(`${index + 1} links`);
        }
      }),
    (took) => `${ms(took / given.linked)} each`,
  );
  keychain.close();
  return { provisionMs, linkMs };
}

async function startOften(region: BenchRegion, starts: number, limits: Limits): Promise<number[]> {
  const times: number[] = [];
  for (let start = 0; start < starts; start++) {
    times.push(await timed(async () => (await region.keychain(limits)).close()));
  }
  return times;
}

async function readEverything(region: BenchRegion, given: Options, limits: Limits, stage: Stage) {
  const { recheckMs } = defaultLimits;
  const keychain = await region.keychain({ ...limits, recheckMs });
  const unlinked = sampleOf(given.sample, given.linked, given.tenants);
  const linked = Array.from({ length: given.linked }, (_, index) => tenantName(index));
  // Statements are planned, connections opened and code compiled by reads that do not count.
  await coldReads(region, await region.keychain(limits), unlinked.slice(0, FEW_TENANTS / 5), () => undefined);
  const cold = await stage(`read ${unlinked.length} services cold`, (tell) =>
    coldReads(region, keychain, unlinked, tell),
  );
  const coldLinked = await stage(`read ${linked.length} services of linked tenants cold`, (tell) =>
    coldReads(region, keychain, linked, tell),
  );
  const warm = await warmReads(keychain, unlinked);
  const rechecked = await recheckedReads(keychain, unlinked, recheckMs);
  keychain.close();
  return { cold, coldLinked, warm: distributionOf(warm), rechecked: distributionOf(rechecked) };
}

function holdMany(region: BenchRegion, given: Options, limits: Limits, tell: Tell): Promise<Held[]> {
  const counts = [...new Set([0, Math.min(FEW_TENANTS, given.tenants), given.tenants])];
  const task: HolderTask = { place: region.place, limits, counts };
  const child = fork(join(import.meta.dirname, 'hydration', 'holder.ts'));
  const held: Held[] = [];
  return new Promise((resolve, reject) => {
    child.on('message', (told: Held | number) => {
      if (typeof told === 'number') tell(`${told} held`);
      else held.push(told);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0 && held.length === counts.length) resolve(held);
      else reject(new Error(`the process that holds keys ended with ${code}`));
    });
    child.send(task);
  });
}

async function evict(region: BenchRegion, given: Options, limits: Limits, tell: Tell): Promise<Eviction> {
  const keychain = await region.keychain({ ...limits, keyMemoryBytes: given.budget });
  const first = await keychain.serviceKeys(tenantName(0), SERVICE);
  const firstKey = digestOf(first);
  let mostBytes = 0;
  const times: number[] = [];
  const reads = Math.min(given.tenants, OVER_BUDGET * Math.ceil(given.budget / KEY_BYTES));
  for (let index = 1; index < reads; index++) {
    times.push(await timed(() => keychain.serviceKeys(tenantName(index), SERVICE)));
    // Nothing was wrapped here, so a service takes one key's slot.
    mostBytes = Math.max(mostBytes, keychain.heldServices * KEY_BYTES);
    tell(`${keychain.heldServices} held, ${index + 1} read`);
  }
  const wiped = first.isWiped;
  const again = digestOf(await keychain.serviceKeys(tenantName(0), SERVICE));
  const { heldServices: held } = keychain;
  keychain.close();
  return {
    budgetBytes: given.budget,
    mostBytes,
    held,
    wiped,
    sameKeys: again === firstKey,
    cold: distributionOf(times),
  };
}

function digestOf(keys: Awaited<ReturnType<Keychain['serviceKeys']>>): string {
  return keys.active.key.use((bytes) => createHash('sha256').update(bytes).digest('hex'));
}

/** Distinct ones, in no order, from `from` up to `to`. */
function sampleOf(size: number, from: number, to: number): TenantId[] {
  const all = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
  for (let at = all.length - 1; at > 0; at--) {
    const other = randomInt(at + 1);
    [all[at], all[other]] = [all[other] ?? 0, all[at] ?? 0];
  }
  return all.slice(0, size).map(tenantName);
}

interface Results {
  readonly provisioned: { readonly provisionMs: number; readonly linkMs: number };
  readonly starts: Distribution;
  readonly reads: Awaited<ReturnType<typeof readEverything>>;
  readonly held: readonly Held[];
  readonly eviction: Eviction;
}

function verdict(given: Options, results: Results) {
  const { provisioned, starts, reads, held, eviction } = results;
  const ratio = distributionOf(reads.cold.ratios);
  const ratioLinked = distributionOf(reads.coldLinked.ratios);
  const parts: [string, Distribution][] = [
    [`start with ${given.tenants} tenants`, starts],
    ['read cold', distributionOf(reads.cold.cold)],
    ['  its reference: bare select', distributionOf(reads.cold.bare)],
    ['read cold, tenant linked', distributionOf(reads.coldLinked.cold)],
    ['  its reference, tenant linked', distributionOf(reads.coldLinked.bare)],
    ['read warm', reads.warm],
    ['read warm, link row asked again', reads.rechecked],
    ['read cold, something evicted', eviction.cold],
  ];
  const failures = [
    ...(eviction.mostBytes > eviction.budgetBytes
      ? [`keys took ${eviction.mostBytes} bytes of a budget of ${eviction.budgetBytes}`]
      : []),
    ...(given.tenants * KEY_BYTES > eviction.budgetBytes && !eviction.wiped
      ? ['what was evicted is not wiped']
      : []),
    ...(eviction.sameKeys ? [] : ['a key that was read again is another key']),
  ];
  const times = (what: Distribution): string =>
    `${what.p50.toFixed(1)} (p50 of pairs; p99 ${what.p99.toFixed(1)}, ${what.min.toFixed(1)} to ${what.max.toFixed(1)})`;
  return {
    data: {
      ...given,
      provisioned,
      milliseconds: Object.fromEntries(parts),
      coldInBareSelects: ratio,
      coldLinkedInBareSelects: ratioLinked,
      memory: held,
      eviction,
    },
    text: [
      distributionTable('key chain', parts),
      `read cold, in bare selects: ${times(ratio)}; tenant linked: ${times(ratioLinked)}`,
      memoryTable(held),
      evictionText(eviction),
    ].join('\n\n'),
    failures,
    targets: [
      atMost(eviction.budgetBytes, {
        what: 'bytes of keys in memory, where more tenants are read than fit',
        value: eviction.mostBytes,
        shown: (bytes) => bytes.toLocaleString('en-US'),
      }),
    ],
  };
}

function evictionText({ held, wiped, budgetBytes, mostBytes }: Eviction): string {
  const rest = wiped ? 'the rest was wiped' : 'nothing had to go';
  return `${held} services of ${KEY_BYTES} bytes held in a budget of ${budgetBytes} bytes, at most ${mostBytes}; ${rest}`;
}

function memoryTable(held: readonly Held[]): string {
  const [none] = held;
  const rows = held.map(({ tenants, use }) => {
    const each = (bytes: number): string =>
      tenants === 0 || none === undefined ? '–' : `${Math.round(bytes / tenants)} B`;
    const more = (pick: (use: MemoryUse) => number): number =>
      pick(use) - (none === undefined ? 0 : pick(none.use));
    return [
      tenants,
      mebibytes(use.residentBytes),
      each(more(({ residentBytes }) => residentBytes)),
      each(more(({ heapBytes }) => heapBytes)),
      mebibytes(use.lockedBytes ?? Number.NaN),
      use.lock,
    ];
  });
  return table(['tenants held', 'resident', 'resident each', 'heap each', 'locked', 'lock'], rows);
}

function mebibytes(bytes: number): string {
  return `${(bytes / MIBIBYTE).toFixed(1)} MiB`;
}
