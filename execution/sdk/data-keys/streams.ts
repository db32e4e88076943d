/** Messages as streams: of the Web, and of Node. Both pull as fast as their reader reads, and hold one chunk. */
import { Transform, type TransformCallback } from 'node:stream';
import { TransformStream } from 'node:stream/web';
import type { Message } from './messages.ts';

export function webStream(message: Message): TransformStream<Uint8Array, Uint8Array> {
  const pass = async (
    step: Promise<readonly Uint8Array[]>,
    controller: { enqueue(bytes: Uint8Array): void },
  ): Promise<void> => {
    try {
      for (const bytes of await step) if (bytes.length > 0) controller.enqueue(bytes);
    } catch (error) {
      message.wipe();
      throw error;
    }
  };
  return new TransformStream<Uint8Array, Uint8Array>({
    transform: (bytes, controller) => pass(message.push(bytes), controller),
    flush: (controller) => pass(message.finish(), controller),
    // The reader has gone, or the writer has given up.
    cancel: () => message.wipe(),
  });
}

class MessageTransform extends Transform {
  readonly #message: Message;

  constructor(message: Message) {
    super();
    this.#message = message;
  }

  override _transform(bytes: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#pass(this.#message.push(bytes), callback);
  }

  override _flush(callback: TransformCallback): void {
    this.#pass(this.#message.finish(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#message.wipe();
    callback(error);
  }

  #pass(step: Promise<readonly Uint8Array[]>, callback: TransformCallback): void {
    step.then(
      (pieces) => {
        for (const piece of pieces) if (piece.length > 0) this.push(piece);
        callback();
      },
      (error: Error) => callback(error),
    );
  }
}

export function nodeStream(message: Message): Transform {
  return new MessageTransform(message);
}
