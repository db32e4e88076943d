/**
 * The reference: a message from publish to its consumer through an embedded broker and nothing else, with Orbital's own
 * transports on a PostgreSQL of its own, on the same machine under the same load.
 */
import { randomBytes } from 'node:crypto';
import { connectTransport, prepareEmbeddedBroker, type Transport } from '../../orbital/index.ts';
import { taskChannel } from '../../orbital/transport.ts';
import { sleep, withDeadline } from '../../platform/backoff.ts';
import { testDatabase } from '../../testkit/postgres.ts';

const REGION = 'bench';
/** About what a signed UNLINK takes. */
const MESSAGE_BYTES = 1_200;
const DEADLINE_MS = 10_000;
const POLL_MS = 20;
const WARM_UP_TRIPS = 5;

export class RoundTrip {
  readonly #governance: Transport;
  readonly #region: Transport;
  readonly #arrived: () => Promise<void>;

  private constructor(governance: Transport, region: Transport, arrived: () => Promise<void>) {
    this.#governance = governance;
    this.#region = region;
    this.#arrived = arrived;
  }

  static async open(): Promise<RoundTrip> {
    const { url } = await testDatabase();
    const password = randomBytes(12).toString('hex');
    const login = (user: string) => ({ user, password });
    await prepareEmbeddedBroker(url, {
      governance: login('bench_governance'),
      regions: [{ name: REGION, ...login('bench_region') }],
    });
    const address = new URL(url);
    address.username = '';
    address.password = '';
    const governance = await connectTransport(
      address.href,
      { plane: 'governance' },
      { credentials: login('bench_governance') },
    );
    const region = await connectTransport(
      address.href,
      { plane: 'region', region: REGION },
      { credentials: login('bench_region') },
    );
    let arrive = (): void => undefined;
    await region.consume(taskChannel(REGION, 'urgent'), async () => arrive());
    const trip = new RoundTrip(
      governance,
      region,
      () =>
        new Promise((resolve) => {
          arrive = resolve;
        }),
    );
    await trip.#warmUp();
    return trip;
  }

  /** How long one took, in milliseconds. */
  async once(): Promise<number> {
    const arrived = this.#arrived();
    const startedAt = performance.now();
    await this.#governance.publish(taskChannel(REGION, 'urgent'), randomBytes(MESSAGE_BYTES));
    await withDeadline(DEADLINE_MS, 'the reference message', () => arrived);
    return performance.now() - startedAt;
  }

  async close(): Promise<void> {
    await this.#region.close();
    await this.#governance.close();
  }

  /** Until the broker is in reach, and its connections are open. */
  async #warmUp(): Promise<void> {
    await withDeadline(DEADLINE_MS, 'the reference broker', async (signal) => {
      while (!this.#governance.healthy() || !this.#region.healthy()) await sleep(POLL_MS, signal);
    });
    for (let trip = 0; trip < WARM_UP_TRIPS; trip++) await this.once();
  }
}
