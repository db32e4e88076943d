/**
 * The other side of bench:lanes, in a thread of its own: keeps so many requests that need the core in flight, of several
 * tenants in equal parts. Told `start` and `stop` by its parent; answers each once it is so.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { KmipClient, Operation } from '../../execution/kmip/index.ts';

export interface LifecycleOptions {
  readonly inFlight: number;
  readonly tenants: readonly {
    readonly host: string;
    readonly port: number;
    readonly cert: string;
    readonly key: string;
    readonly ca: string;
    /** A key of the tenant's. */
    readonly uid: string;
  }[];
}

/** What it answers to `stop`. */
export interface LifecycleResult {
  readonly answered: number;
  readonly refused: number;
  /** Why, the first time. */
  readonly reason?: string;
}

/** A gateway reads no further from a connection with so many unanswered. */
const PENDING_PER_CONNECTION = 50;
const TIMEOUT_MS = 30_000;
const REFUSED_PAUSE_MS = 50;

const { inFlight, tenants } = workerData as LifecycleOptions;
const port = parentPort;
if (port === null) throw new Error('this is a thread of bench:lanes');

const each = Math.ceil(inFlight / tenants.length);
const clients = tenants.map(
  ({ uid, ...access }) =>
    [
      uid,
      new KmipClient({
        ...access,
        servername: 'localhost',
        timeoutMs: TIMEOUT_MS,
        poolSize: Math.ceil(each / PENDING_PER_CONNECTION),
        maxPending: PENDING_PER_CONNECTION,
      }),
    ] as const,
);
let going = false;
let answered = 0;
let refused = 0;
let reason: string | undefined;
let ended: Promise<unknown> = Promise.resolve();

async function line(client: KmipClient, uniqueIdentifier: string, index: number): Promise<void> {
  for (let turn = index; going; turn++) {
    try {
      // Half of them search, half of them look something up.
      if (turn % 2 === 0) await client.request(Operation.Locate, { maximumItems: 1 });
      else await client.request(Operation.GetAttributes, { uniqueIdentifier, attributeName: ['State'] });
      answered += 1;
    } catch (error) {
      refused += 1;
      reason ??= error instanceof Error ? error.message : String(error);
      await new Promise((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS));
    }
  }
}

port.on('message', (told: 'start' | 'stop' | 'close') => {
  if (told === 'start') {
    going = true;
    [answered, refused, reason] = [0, 0, undefined];
    ended = Promise.all(
      clients.flatMap(([uid, client]) =>
        Array.from({ length: each }, (_, index) => line(client, uid, index)),
      ),
    );
    port.postMessage('started');
    return;
  }
  going = false;
  if (told === 'close') {
    for (const [, client] of clients) client.close();
    port.close();
    return;
  }
  const result: LifecycleResult = { answered, refused, ...(reason === undefined ? {} : { reason }) };
  ended.then(
    () => port.postMessage(result),
    () => port.postMessage(result),
  );
});
