/**
 * The reference: what the broker alone takes and hands out, through Orbital's own transport. Messages as large as a signed
 * task, REFERENCE_IN_FLIGHT in hand; each is confirmed to its publisher, delivered and acknowledged.
 */
import { randomBytes } from 'node:crypto';
import type { Transport } from '../../orbital/index.ts';
import { taskChannel } from '../../orbital/transport.ts';
import { withDeadline } from '../../platform/backoff.ts';
import { type Broker, connectBroker, REFERENCE_REGION } from './brokers.ts';

const MESSAGE_BYTES = 1_200;
/** Enough to keep a broker busy, whatever Orbital itself lets wait. */
const REFERENCE_IN_FLIGHT = 64;
const WARM_UP_MESSAGES = 200;
const DEADLINE_MS = 120_000;

export class Reference {
  readonly #governance: Transport;
  readonly #region: Transport;
  readonly #channel = taskChannel(REFERENCE_REGION, 'normal');
  #arrived = (): void => undefined;

  private constructor(governance: Transport, region: Transport) {
    this.#governance = governance;
    this.#region = region;
  }

  static async open(broker: Broker): Promise<Reference> {
    const [governance, region] = await Promise.all([
      connectBroker(broker.address({ plane: 'governance' })),
      connectBroker(broker.address({ plane: 'region', region: REFERENCE_REGION })),
    ]);
    const reference = new Reference(governance, region);
    // Only governance makes a channel: by its first message.
    await governance.publish(reference.#channel, randomBytes(MESSAGE_BYTES));
    await region.consume(reference.#channel, async () => reference.#arrived(), {
      prefetch: REFERENCE_IN_FLIGHT,
    });
    await reference.perSecond(WARM_UP_MESSAGES);
    return reference;
  }

  /** Messages in a second. */
  async perSecond(messages: number): Promise<number> {
    let left = messages;
    const done = Promise.withResolvers<void>();
    this.#arrived = () => {
      if (--left === 0) done.resolve();
    };
    const body = randomBytes(MESSAGE_BYTES);
    let toSend = messages;
    const startedAt = performance.now();
    const sender = async (): Promise<void> => {
      while (toSend-- > 0) await this.#governance.publish(this.#channel, body);
    };
    await withDeadline(DEADLINE_MS, 'the reference messages', async () => {
      await Promise.all(Array.from({ length: REFERENCE_IN_FLIGHT }, sender));
      await done.promise;
    });
    return (messages / (performance.now() - startedAt)) * 1_000;
  }

  async close(): Promise<void> {
    await this.#region.close();
    await this.#governance.close();
  }
}
