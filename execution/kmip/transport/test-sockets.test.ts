/** Sockets as a runtime might have them. */
import type { Socket } from 'node:net';

/** As one that has no place for reads of ours. */
export function withoutSwitch(socket: Socket): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null) Reflect.set(handle, 'useUserBuffer', undefined);
}
