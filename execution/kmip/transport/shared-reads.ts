/**
 * What the connections of a process send, read into one buffer instead of a fresh one for each read: memory that a busy
 * server would make garbage of some ten thousand times a second, with what clients want to have encrypted in it.
 *
 * Node offers that for connections that a program opens itself (`onread` of `net.connect` and `tls.connect`), not for those
 * that a server has accepted. They have the same switch inside, which is thrown here. It is not documented: where a runtime
 * has it no longer, the bytes come as `data`, each read in a buffer of its own, and all else is the same.
 */
import type { Socket } from 'node:net';

/** As much as the runtime asks of TCP at once; TLS gives 16 KiB at most. */
const BUFFER_BYTES = 64 * 1024;

/** One for all: whoever is handed bytes is done with them before anything else is read. */
const shared = Buffer.allocUnsafeSlow(BUFFER_BYTES);
const bytesOfShared = new Uint8Array(shared.buffer);
/** The last view of it: reads are often as long as those before them. */
let view = shared.subarray(0, 0);

interface Handle {
  useUserBuffer(buffer: Uint8Array): void;
}

/**
 * Hands `received` whatever the peer sends, in order, from now on. The bytes are valid until it returns; what it wants to
 * keep of them it copies. Returns whether they come in the shared buffer, which is zeroised behind each read.
 */
export function onReads(socket: Socket, received: (bytes: Buffer) => void): boolean {
  const places = placesIn(socket);
  const handle: unknown = Reflect.get(socket, '_handle');
  // Bytes that have come already lie in the socket's own buffers, and must not be overtaken.
  if (places === undefined || !isSwitch(handle) || socket.readableLength > 0) {
    socket.on('data', received);
    return false;
  }
  const take = (length: number): boolean => {
    if (view.length !== length) view = shared.subarray(0, length);
    try {
      received(view);
    } finally {
      bytesOfShared.fill(0, 0, length);
    }
    return true;
  };
  Reflect.set(socket, places.buffer, shared);
  Reflect.set(socket, places.callback, take);
  handle.useUserBuffer(shared);
  // To one that was destroyed in the middle of what had come, the rest is not handed; by then nobody is at work on another's.
  socket.once('close', () => bytesOfShared.fill(0));
  // As a listener of `data` would: without it nobody would hear of the end.
  socket.resume();
  return true;
}

/** Where a socket keeps what `onread` gave it. Undefined: not where we know of, or not empty. */
function placesIn(socket: Socket): { buffer: symbol; callback: symbol } | undefined {
  const symbols = Object.getOwnPropertySymbols(socket);
  const named = (name: string): symbol | undefined => symbols.find(({ description }) => description === name);
  const [buffer, callback, generator] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map(named);
  if (buffer === undefined || callback === undefined || generator === undefined) return undefined;
  const areEmpty = [buffer, callback, generator].every((place) => Reflect.get(socket, place) === null);
  return areEmpty ? { buffer, callback } : undefined;
}

function isSwitch(handle: unknown): handle is Handle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'useUserBuffer' in handle &&
    typeof handle.useUserBuffer === 'function'
  );
}
