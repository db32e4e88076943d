/**
 * A thousand regions behind one queue of the broker and one process: no broker on a small machine holds two thousand
 * queues. All else is theirs alone: name, operator, tables in a schema of their own.
 */
import { lanes, type Transport, taskChannel } from '../../orbital/index.ts';
import { parseJson } from '../../orbital/json.ts';
import { familyOf } from '../../orbital/transport.ts';
import { MANY } from './brokers.ts';

const PREFETCH = 8;

export const manyNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `r${String(index + 1).padStart(4, '0')}`);

/** Governance's end: every region's tasks into the one queue. */
export const intoOne = (transport: Transport): Transport => ({
  ...transport,
  publish: (channel, message) => transport.publish(gathered(channel), message),
});

function gathered(channel: string): string {
  if (familyOf(channel) !== 'tasks') return channel;
  const lane = lanes.find((each) => channel.endsWith(`.${each}`));
  if (lane === undefined) throw new RangeError(`${channel} has no lane`);
  return taskChannel(MANY, lane);
}

/** The regions' end: hands each message to the region that it names. Consumes once all of them have said that they do. */
export class OutOfOne {
  readonly #transport: Transport;
  readonly #handlers = new Map<string, (message: Uint8Array) => Promise<void>>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  forRegion(): Transport {
    return {
      ...this.#transport,
      consume: async (channel, handler) => {
        this.#handlers.set(channel, handler);
        return { close: async () => void this.#handlers.delete(channel) };
      },
    };
  }

  async consume(): Promise<void> {
    for (const lane of lanes)
      await this.#transport.consume(
        taskChannel(MANY, lane),
        async (message) => {
          const handler = this.#handlers.get(taskChannel(targetOf(message), lane));
          if (handler === undefined) throw new Error('a task for nobody');
          await handler(message);
        },
        { prefetch: PREFETCH },
      );
  }
}

function targetOf(message: Uint8Array): string {
  const { body } = parseJson(message) as { body: string };
  return (parseJson(Buffer.from(body, 'base64url')) as { target: string }).target;
}
