/** What is asked for by proposing it: the answer of every such route is the proposal. */
import type { Cmk } from '../context.ts';
import { propose } from '../workflows/proposals.ts';
import type { ProposalView } from '../workflows/view.ts';
import type { Wish } from '../workflows/wishes.ts';
import { actorOf } from './api.ts';

export async function proposed(
  cmk: Cmk,
  request: Parameters<typeof actorOf>[0] & { readonly params: { readonly tenant: string } },
  wish: Wish,
): Promise<{ proposal: ProposalView }> {
  return { proposal: await propose(cmk, actorOf(request), request.params.tenant, wish) };
}
