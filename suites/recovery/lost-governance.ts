/** Governance is lost and put back to its backup, while a region goes on serving and holds what governance has forgotten. */
import assert from 'node:assert/strict';
import type { DriftWorld } from '../drift/world.ts';

const SERVICE = 'payments';
/** Made by the first link, in the place of the one that stood on the regional secret alone. */
const L3_AFTER_LINK = 2;

/** @param name of its tenants; nobody else's. Rejects where something is not served, or the planes do not come together. */
export async function loseGovernance(world: DriftWorld, name: string): Promise<void> {
  const { planes } = world;
  const [kept, forgotten] = [`${name}-kept`, `${name}-forgotten`];
  const serve = () => planes.createKey(kept, SERVICE, L3_AFTER_LINK);
  await planes.onboard(kept, SERVICE);
  await planes.link(kept);
  await serve();
  await world.idle();
  const governance = await world.backupOfGovernance();
  await planes.onboard(forgotten, SERVICE);
  await world.idle();
  assert.ok((await world.served()).some(({ tenant }) => tenant === forgotten));

  await planes.world.stop();
  await serve();
  await world.putBack({ governance });
  await serve();
  await world.calm();
  await world.check();
  await serve();
  const served = (await world.served()).map(({ tenant }) => tenant);
  assert.ok(served.includes(kept) && !served.includes(forgotten), served.join(', '));
}
