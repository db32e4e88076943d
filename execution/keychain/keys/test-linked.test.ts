/** A region with one tenant that is linked and has one service, and what to look at in it. */
import assert from 'node:assert/strict';
import { objectContext } from '../../envelope/index.ts';
import { acme, Governance, newRegion, payments, type Region, settled, within } from '../fixture.test.ts';
import type { CountDependents, Keychain, KeyEvent } from '../index.ts';

const nothing: CountDependents = async () => () => 0;
export const names = (events: readonly KeyEvent[]) =>
  events.map((event) => {
    const what = 'version' in event ? ` ${event.version}` : 'count' in event ? ` ${event.count}` : '';
    return `${event.kind} ${event.service ?? 'L2'}${what}`;
  });

export async function linked(options: Parameters<Region['core']>[0] = {}) {
  const region = await newRegion();
  const core = await region.core(options);
  const cmk = new Governance(region);
  await cmk.unlink(core, 1); // nothing may be made under the regional secret alone
  await within(region, (tx) => core.provisionTenant(tx, acme));
  await cmk.link(core, 2);
  await settled(region, core);
  await within(region, (tx) => core.provisionService(tx, acme, payments));
  const rotate = (service: typeof payments | null, by = core) =>
    within(region, (tx) => by.rotate(tx, acme, service));
  const states = async (by = core) => {
    const { l2, services } = await by.inventory(region.db, acme, nothing);
    const shown = (key: typeof l2) => key.versions.map(({ version, state }) => `${version} ${state}`);
    return { l2: shown(l2), l3: shown(services.find(({ service }) => service === payments) ?? l2) };
  };
  return { region, core, cmk, rotate, states };
}

export const context = (region: Region, uid: string) => objectContext(region.name, acme, payments, uid);
export const plain = Buffer.alloc(32, 9);

export async function wrapped(core: Keychain, region: Region, uid: string): Promise<Uint8Array> {
  return (await core.serviceKeys(acme, payments)).wrap(plain, context(region, uid));
}

export async function opens(
  core: Keychain,
  region: Region,
  uid: string,
  envelope: Uint8Array,
): Promise<void> {
  const keys = await core.serviceKeys(acme, payments);
  assert.deepEqual(
    keys.unwrap(envelope, context(region, uid)).use((bytes) => Buffer.from(bytes)),
    plain,
  );
}
