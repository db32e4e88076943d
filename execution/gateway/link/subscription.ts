/**
 * The second connection (D7, D8): dialled by the gateway, used by the core, which sends Put and Notify on it. Each
 * push is answered once it is durable here; one that cannot be applied is answered with a failure, and the core's
 * next heartbeat or our next sync brings it again.
 */
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { FrameReader } from '../../kmip/index.ts';
import {
  decodeMeshResponse,
  decodePush,
  encodeMeshRequest,
  encodePushAnswer,
  MAX_MESH_MESSAGE_BYTES,
  MeshOperation,
  type NumberedPush,
} from '../../mesh/index.ts';
import { LEASE_DEADLINE_MS } from '../limits.ts';

export interface SubscriptionHandlers {
  /** Applies what came together, in one transaction; throws when it could not be made durable. */
  readonly onPushes: (pushes: readonly NumberedPush[]) => void;
  readonly onClosed: (cause: unknown) => void;
}

export interface Subscription {
  close(): void;
}

/** TCP's own sign of life on a connection that may be silent for hours. */
const KEEPALIVE_MS = 10_000;

export function openSubscription(
  connection: ConnectionOptions,
  after: number,
  handlers: SubscriptionHandlers,
): Subscription {
  const socket = connect(connection);
  const reader = new FrameReader({ maxFrameBytes: MAX_MESH_MESSAGE_BYTES });
  let confirmed = false;
  let ended = false;

  const end = (cause: unknown): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    socket.destroy();
    handlers.onClosed(cause);
  };
  const timer = setTimeout(
    () => end(new Error('the core did not confirm the subscription in time')),
    LEASE_DEADLINE_MS,
  );

  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEPALIVE_MS);
  socket.once('secureConnect', () => {
    socket.write(encodeMeshRequest(MeshOperation.Subscribe, { after }));
  });
  socket.on('error', end);
  socket.on('close', () => end(new Error('the core has closed the subscription')));
  socket.on('data', (chunk: Buffer) => {
    try {
      const frames = [...reader.push(chunk)];
      if (!confirmed && frames[0] !== undefined) {
        decodeMeshResponse(MeshOperation.Subscribe, frames[0]);
        frames.shift();
        confirmed = true;
        clearTimeout(timer);
      }
      if (!ended && frames.length > 0) answer(socket, frames, handlers);
    } catch (error) {
      end(error);
    }
  });
  return {
    close: () => {
      ended = true;
      clearTimeout(timer);
      socket.destroy();
    },
  };
}

/** One flush to disk for all that came in one read: where changes come all the time, none waits for many before it. */
function answer(socket: TLSSocket, frames: readonly Uint8Array[], handlers: SubscriptionHandlers): void {
  const pushes = frames.map((frame) => decodePush(frame));
  let failure: { readonly error: unknown } | undefined;
  try {
    handlers.onPushes(pushes.map(({ numbered }) => numbered));
  } catch (error) {
    failure = { error };
  }
  const answers = pushes.map(({ item }) =>
    failure === undefined ? encodePushAnswer(item) : encodePushAnswer(item, failure.error),
  );
  socket.write(Buffer.concat(answers));
}
