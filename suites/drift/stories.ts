/**
 * Stories of two planes that do random things, of which one or both are then put back to what they were at some moment
 * before. At the end of each the planes have to have come together again.
 */
import fc from 'fast-check';
import { testPki } from '../../testkit/pki.ts';
import type { Backup } from '../support/backups.ts';
import type { DriftWorld } from './world.ts';

/** What may happen to the tenants `…-a`, which is linked, and `…-b`, which is not; refused where it does not fit. */
const deeds = {
  'unlink a': (world, name) => post(world, `${name}-a/unlink`, { reason: 'test' }),
  'rotate the link of a': (world, name) => post(world, `${name}-a/link/rotate`, {}),
  'link a': (world, name) => post(world, `${name}-a/link`, { key: 'main' }),
  'link b': (world, name) => post(world, `${name}-b/link`, { key: 'main' }),
  'block b': (world, name) => post(world, `${name}-b/block`, { reason: 'test' }),
  'unblock b': (world, name) => post(world, `${name}-b/unblock`, { reason: 'test' }),
  'terminate b': (world, name) => post(world, `${name}-b/terminate`, { reason: 'test' }),
  'add a service': (world, name) => post(world, `${name}-a/services`, { name: 'orders' }),
  'add an application': (world, name) => addApplication(world, `${name}-a`, `${name}-late`),
  'remove an application': async ({ planes }, name) => {
    await planes.world.call('DELETE', `/v1/tenants/${name}-a/applications/${name}-shop`);
  },
  'rotate a key': (world, name) => post(world, `${name}-a/rotations`, {}),
  'onboard c': async ({ planes }, name) => {
    const { status } = await planes.world.call('GET', `/v1/tenants/${name}-c`);
    if (status !== 200) await planes.onboard(`${name}-c`, 'payments');
  },
} satisfies Record<string, (world: DriftWorld, name: string) => Promise<void>>;
type Deed = keyof typeof deeds;

export interface Story {
  readonly before: readonly Deed[];
  readonly after: readonly Deed[];
  /** Who is put back to the moment between. Both: governance to the moment before all of it. */
  readonly back: 'region' | 'governance' | 'both';
}

const some = fc.uniqueArray(fc.constantFrom(...(Object.keys(deeds) as Deed[])), { maxLength: 4 });
const arbitrary: fc.Arbitrary<Story> = fc.record({
  before: some,
  after: some,
  back: fc.constantFrom<Story['back'][]>('region', 'governance', 'both'),
});

/** Those that everybody thinks of first, then as chance has it. */
export const storiesOf = (count: number, seed: number): readonly Story[] =>
  [
    {
      before: [],
      after: ['unlink a', 'block b', 'remove an application', 'onboard c'],
      back: 'region',
    } as const,
    {
      before: [],
      after: ['link b', 'add an application', 'add a service', 'onboard c'],
      back: 'governance',
    } as const,
    ...fc.sample(arbitrary, { seed, numRuns: Math.max(1, count) }),
  ].slice(0, count);

async function post({ planes }: DriftWorld, path: string, body: unknown): Promise<void> {
  await planes.world.call('POST', `/v1/tenants/${path}`, body);
}

async function addApplication(world: DriftWorld, tenant: string, name: string): Promise<void> {
  const { certificatePem } = await (await testPki()).client(name);
  await post(world, `${tenant}/applications`, {
    name,
    services: ['payments'],
    certificate: certificatePem,
  });
}

async function act(world: DriftWorld, name: string, list: readonly Deed[]): Promise<void> {
  for (const deed of list) {
    await deeds[deed](world, name);
    await world.idle();
  }
}

/** @param name of its tenants; no other story's. Throws where the planes do not come together. */
export async function play(world: DriftWorld, name: string, story: Story): Promise<void> {
  const { planes } = world;
  for (const tenant of [`${name}-a`, `${name}-b`]) await planes.onboard(tenant, 'payments');
  await addApplication(world, `${name}-a`, `${name}-shop`);
  await planes.link(`${name}-a`);
  await world.idle();
  let governance: Backup | undefined;
  let region: Backup | undefined;
  if (story.back === 'both') governance = await world.backupOfGovernance();
  await act(world, name, story.before);
  if (story.back === 'governance') governance = await world.backupOfGovernance();
  else region = await world.backupOfRegion();
  await act(world, name, story.after);
  await world.putBack({ governance, region });
  await world.calm();
  await world.check();
}
