/**
 * Hands that order changes of every sort, each of one thing and one change after the other, so that what has to come of it
 * is known: a key's rotations and emergencies, an application that comes and goes, a link that is opened, rotated and closed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Orders, Refusal } from './orders.ts';
import type { Settlements } from './settlements.ts';

export interface Desk {
  readonly orders: Orders;
  readonly settlements: Settlements;
  /** Whether more is wanted. */
  readonly isOpen: () => boolean;
}

/** One in so many rotations is overtaken by an emergency, and one in so many followed by a policy of the same key. */
const COMPROMISE_EVERY = 5;
const POLICY_EVERY = 3;
/** A little less each time: to lower it takes no more than one operator, and no key becomes that old here. */
const POLICY_SECONDS = 2_500_000;
const LINK_POLL_MS = 250;

/** A service, and what becomes of its key. */
export async function keyHand(desk: Desk, tenant: string, service: string): Promise<void> {
  const path = `/v1/tenants/${tenant}`;
  const { orders, settlements } = desk;
  // Not waited for: a region that does not know the service yet says so, and is asked again.
  let open = [...(await orders.ask('POST', `${path}/services`, { name: service }))];
  for (let turn = 1; desk.isOpen(); turn++) {
    open.push(...(await orders.ask('POST', `${path}/rotations`, { service })));
    if (turn % POLICY_EVERY === 0) {
      const rotateAfterSeconds = POLICY_SECONDS - turn;
      open.push(...(await orders.ask('PUT', `${path}/rotation-policy`, { service, rotateAfterSeconds })));
    }
    if (turn % COMPROMISE_EVERY === 0)
      open.push(...(await orders.ask('POST', `${path}/compromises`, { service, reason: 'a storm' })));
    await settlements.of(open);
    open = [];
  }
}

/** An application that is registered and removed, again and again, with the same certificate. */
export async function applicationHand(
  desk: Desk,
  tenant: string,
  application: { readonly name: string; readonly service: string; readonly certificate: string },
): Promise<void> {
  const path = `/v1/tenants/${tenant}/applications`;
  const { name, service, certificate } = application;
  const { orders, settlements } = desk;
  for (let turn = 1; desk.isOpen(); turn++) {
    const put = await orders.ask('POST', path, { name, services: [service], certificate });
    // Every other time the removal overtakes it.
    if (turn % 2 === 0) await settlements.of(put);
    await settlements.of([...put, ...(await orders.ask('DELETE', `${path}/${name}`))]);
  }
}

/** A link that is opened, rotated and closed; every other time the end comes while the rotation is under way. */
export async function linkHand(desk: Desk, tenant: string, key: string): Promise<void> {
  const path = `/v1/tenants/${tenant}`;
  const { orders, settlements } = desk;
  const comesTo = async (wanted: string): Promise<void> => {
    for (;;) {
      const { state } = await orders.look<{ state: string }>(`${path}/links`);
      if (state === wanted) return;
      if (state === 'failed') throw new Error(`the link of ${tenant} has failed`);
      await delay(LINK_POLL_MS);
    }
  };
  for (let turn = 1; desk.isOpen(); turn++) {
    await orders.ask('POST', `${path}/link`, { key });
    await comesTo('active');
    await orders.ask('POST', `${path}/link/rotate`, {});
    if (turn % 2 === 0) await comesTo('active');
    await settlements.of(await orders.ask('POST', `${path}/unlink`, { reason: 'a storm' }));
    await comesTo('closed');
  }
}

/** A hand that was told no does not go on; that is told, and judged by what it was told. */
export async function untilRefused(hand: Promise<void>): Promise<string | undefined> {
  try {
    await hand;
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}
