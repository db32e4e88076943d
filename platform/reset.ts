// Ending a TCP connection by a reset, where that can be done.
import type { Socket } from 'node:net';

/**
 * Ends a connection by a reset, so that the peer learns that it did not end in order. While an end is under way it is only
 * closed: libuv refuses a reset then, and Node would keep the descriptor open for ever, and could not leave its event loop
 * at the end. `above` is the connection of TLS that ends this one, where there is one.
 */
export function resetConnection(socket: Socket, above: Socket = socket): void {
  const ending = [socket, above].some(
    ({ writableEnded, writableFinished }) => writableEnded && !writableFinished,
  );
  if (socket.connecting || ending) socket.destroy();
  else socket.resetAndDestroy();
}
