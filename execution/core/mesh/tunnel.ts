/** Tunnel (split record §3, D8): a client's own bytes, run as if the client had come here itself. */
import {
  decodeRequest,
  errorResponse,
  KmipError,
  peekVersion,
  type RequestMessage,
} from '../../kmip/index.ts';
import type { TunnelRequest, TunnelResponse } from '../../mesh/index.ts';
import { MessageBudget } from '../kmip/budget.ts';
import { runBatch } from '../kmip/run-batch.ts';
import { MAX_CLIENT_MESSAGE_BYTES, TUNNEL_WORK_MS } from '../limits.ts';
import { authoriseCaller } from './authorise.ts';
import type { MeshDependencies } from './dependencies.ts';
import type { GatewayPeer } from './gateways.ts';

export async function tunnel(
  deps: MeshDependencies,
  peer: GatewayPeer,
  request: TunnelRequest,
  arrivedAtMs: number,
): Promise<TunnelResponse> {
  const requester = await authoriseCaller(deps, peer, request);
  let message: RequestMessage;
  try {
    message = decodeRequest(request.message, { maxBytes: MAX_CLIENT_MESSAGE_BYTES });
  } catch (error) {
    // The client's mistake, and so the client's answer: the gateway relays it as it is.
    const { resultReason, message: text } = KmipError.from(error);
    return { message: errorResponse(peekVersion(request.message), resultReason, text), effects: [] };
  }
  const { idPlaceholder, ...result } = await runBatch(
    {
      ...deps,
      unannounced: () => deps.elsewhere.unannounced(peer.identity.fingerprint),
      onItem: (operation, outcome, seconds) => deps.metrics.operation(operation, outcome, seconds),
    },
    {
      message,
      items: request.items,
      idPlaceholder: request.idPlaceholder,
      requester,
      budget: new MessageBudget({ untilMs: arrivedAtMs + TUNNEL_WORK_MS }),
    },
  );
  return idPlaceholder === undefined ? result : { ...result, idPlaceholder };
}
