/** Sync (D7): the pushes that a gateway has missed. Superseded ones may be left out, so numbers may have gaps. */
import { MAX_SYNC_PUSHES, type SyncRequest, type SyncResponse } from '../../mesh/index.ts';
import { readHead, readPushes } from '../store/pushes.ts';
import type { MeshDependencies } from './dependencies.ts';
import type { GatewayPeer } from './gateways.ts';

export async function sync(
  { db }: MeshDependencies,
  _peer: GatewayPeer,
  { after }: SyncRequest,
): Promise<SyncResponse> {
  // Before the pushes: without `more`, everything up to this head is in the answer.
  const head = await readHead(db);
  const { pushes, more } = await readPushes(db, after, MAX_SYNC_PUSHES);
  const upToHead = pushes.filter(({ number }) => number <= head);
  return { head, pushes: upToHead, snapshot: false, more: more && upToHead.length === pushes.length };
}
