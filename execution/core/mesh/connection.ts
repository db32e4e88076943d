/**
 * One accepted gateway connection. Its first request tells what it is for: Subscribe turns it round, and the core
 * sends pushes on it; anything else makes it a connection on which the gateway asks (D8).
 */
import type { TLSSocket } from 'node:tls';
import { QueueFullError, type Semaphore } from '../../../platform/semaphore.ts';
import {
  errorResponse,
  FrameReader,
  KmipError,
  peekVersion,
  type RequestItem,
  serveKmip,
} from '../../kmip/index.ts';
import {
  decodeMeshRequest,
  encodeMeshFailure,
  encodeMeshResponse,
  MAX_MESH_MESSAGE_BYTES,
  MeshOperation,
  type MeshRequest,
  type MeshResponse,
  meshPayload,
} from '../../mesh/index.ts';
import { readHead, readPushes } from '../store/pushes.ts';
import { announce } from './announce.ts';
import type { MeshDependencies } from './dependencies.ts';
import type { GatewayPeer } from './gateways.ts';
import { heartbeat } from './heartbeat.ts';
import { lease } from './lease.ts';
import { Subscriber } from './subscriber.ts';
import { sync } from './sync.ts';
import { tunnel } from './tunnel.ts';

/** From the handshake to the end of the first request. */
const FIRST_REQUEST_TIMEOUT_MS = 10_000;
/** A gateway sends heartbeats every second on one connection; the others of its pool may rest. */
const IDLE_TIMEOUT_MS = 15 * 60_000;
const MAX_IN_FLIGHT = 64;

/**
 * Short requests must not wait behind lifecycle ones, nor announcements behind either, nor a heartbeat behind anything,
 * so each kind has a line of its own (D8); in that of the tunnelled requests no tenant takes the places of the others.
 */
export interface Lanes {
  readonly heart: Semaphore;
  readonly hot: Semaphore;
  readonly lifecycle: Semaphore;
  readonly announce: Semaphore;
}

const answerers: {
  [O in MeshOperation]?: (
    deps: MeshDependencies,
    peer: GatewayPeer,
    request: MeshRequest<O>,
    arrivedAtMs: number,
  ) => Promise<MeshResponse<O>>;
} = {
  [MeshOperation.Tunnel]: tunnel,
  [MeshOperation.Announce]: announce,
  [MeshOperation.Lease]: lease,
  [MeshOperation.Heartbeat]: heartbeat,
  [MeshOperation.Sync]: sync,
};

function laneOf(operation: MeshOperation): keyof Lanes {
  if (operation === MeshOperation.Tunnel) return 'lifecycle';
  if (operation === MeshOperation.Heartbeat) return 'heart';
  return operation === MeshOperation.Announce ? 'announce' : 'hot';
}

/** Whose share of the lane a request takes: the tenant that the gateway names, until the core has checked it. */
function shareOf(request: MeshRequest<MeshOperation>): string | undefined {
  return 'caller' in request ? request.caller.tenant : undefined;
}

const meshNames = new Map<number, string>(
  Object.entries(MeshOperation).map(([name, value]) => [value, name]),
);

/** In the lane of its kind. `arrivedAtMs` is on the clock of `performance.now()`. */
async function answer<O extends MeshOperation>(
  deps: MeshDependencies,
  peer: GatewayPeer,
  lanes: Lanes,
  { operation, item, arrivedAtMs }: { operation: O; item: RequestItem; arrivedAtMs: number },
): Promise<Uint8Array> {
  const answerer = answerers[operation];
  if (answerer === undefined) {
    throw KmipError.invalidMessage('Subscribe is the first request of a connection of its own');
  }
  const request = meshPayload(operation, item);
  return lanes[laneOf(operation)].run(
    async () => encodeMeshResponse(operation, item, await answerer(deps, peer, request, arrivedAtMs)),
    shareOf(request),
  );
}

/** Answers one whole request; never rejects. */
async function handle(
  deps: MeshDependencies,
  peer: GatewayPeer,
  lanes: Lanes,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  let request: ReturnType<typeof decodeMeshRequest>;
  try {
    request = decodeMeshRequest(bytes);
  } catch (error) {
    const { resultReason, message } = KmipError.from(error);
    return errorResponse(peekVersion(bytes), resultReason, message);
  }
  const { operation, item } = request;
  const name = meshNames.get(operation) ?? 'other';
  const startMs = performance.now();
  const seconds = () => (performance.now() - startMs) / 1000;
  deps.gateways.seen(peer);
  try {
    const response = await answer(deps, peer, lanes, { operation, item, arrivedAtMs: startMs });
    deps.metrics.mesh(name, 'success', seconds());
    return response;
  } catch (error) {
    deps.metrics.mesh(name, 'failed', seconds());
    if (error instanceof QueueFullError) {
      return encodeMeshFailure(item, KmipError.generalFailure('the core is busy; try again'));
    }
    if (!(error instanceof KmipError) || error.cause !== undefined) {
      deps.logger.error(
        { err: error, operation: name, gateway: peer.identity.name },
        'a mesh request failed',
      );
    }
    return encodeMeshFailure(item, error);
  }
}

/** Takes over the socket. */
export function serveGateway(
  deps: MeshDependencies,
  peer: GatewayPeer,
  lanes: Lanes,
  socket: TLSSocket,
): void {
  const reader = new FrameReader({ maxFrameBytes: MAX_MESH_MESSAGE_BYTES });
  const chunks: Buffer[] = [];
  const timer = setTimeout(() => socket.destroy(), FIRST_REQUEST_TIMEOUT_MS);
  const onError = () => socket.destroy();
  const onClose = () => clearTimeout(timer);
  const onData = (chunk: Buffer) => {
    chunks.push(chunk);
    let first: Uint8Array | undefined;
    try {
      [first] = reader.push(chunk);
    } catch {
      // The server kit says what is wrong with it.
      first = new Uint8Array();
    }
    if (first === undefined) return;
    clearTimeout(timer);
    socket.off('data', onData);
    socket.off('error', onError);
    socket.pause();
    if (isSubscribe(first)) {
      void subscribe(deps, peer, socket, first);
      return;
    }
    // What has been read goes back, and the server kit reads it again from its beginning.
    socket.unshift(Buffer.concat(chunks));
    serveKmip(socket, {
      handle: (bytes) => handle(deps, peer, lanes, bytes),
      onError: (err) =>
        deps.logger.info({ err, gateway: peer.identity.name }, 'a gateway connection had trouble'),
      maxFrameBytes: MAX_MESH_MESSAGE_BYTES,
      maxInFlight: MAX_IN_FLIGHT,
      maxOutputBytes: MAX_MESH_MESSAGE_BYTES,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
    });
    socket.resume();
  };
  socket.on('data', onData);
  socket.on('error', onError);
  socket.once('close', onClose);
}

function isSubscribe(bytes: Uint8Array): boolean {
  try {
    return decodeMeshRequest(bytes).operation === MeshOperation.Subscribe;
  } catch {
    return false;
  }
}

async function subscribe(
  deps: MeshDependencies,
  peer: GatewayPeer,
  socket: TLSSocket,
  bytes: Uint8Array,
): Promise<void> {
  const onError = () => socket.destroy();
  socket.on('error', onError);
  try {
    const { item } = decodeMeshRequest(bytes);
    const { after } = meshPayload(MeshOperation.Subscribe, item);
    const head = await readHead(deps.db);
    if (after > head) {
      // A gateway that knows more than the region has seen another database: it must not go on as if nothing were.
      deps.logger.error({ gateway: peer.identity.name, after, head }, 'a gateway is ahead of the region');
      socket.end(
        encodeMeshFailure(item, KmipError.generalFailure('the region has never been that far; sync from 0')),
      );
      return;
    }
    socket.write(encodeMeshResponse(MeshOperation.Subscribe, item, { head }));
    deps.hub.add(
      new Subscriber({
        socket,
        peer,
        after,
        read: async (from, max) => (await readPushes(deps.db, from, max)).pushes,
        logger: deps.logger,
        onAcknowledged: () => {
          deps.gateways.seen(peer);
          deps.hub.acknowledged();
        },
      }),
    );
    deps.logger.info({ gateway: peer.identity.name, after, head }, 'a gateway has subscribed');
  } catch (err) {
    deps.logger.warn({ err, gateway: peer.identity.name }, 'a subscription could not be opened');
    socket.destroy();
  }
}
