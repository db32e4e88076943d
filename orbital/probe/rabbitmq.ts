/**
 * RabbitMQ: it looks at rights first and at the rest of a request afterwards. So a consumer is asked for with a priority that
 * is no number, and a message is sent with a time to live that is none: what is refused for that was permitted.
 */
import { type Channel, Connection } from 'rabbitmq-client';
import { withDeadline } from '../../platform/backoff.ts';
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { lanes } from '../messages.ts';
import {
  reportChannel,
  statusChannel,
  type TransportOptions,
  type TransportRole,
  taskChannel,
} from '../transport.ts';
import { exchangeOf, tlsOf, topologyOf, withCredentials } from '../transports/rabbitmq.ts';
import { type BrokerProbe, type BrokerTrouble, PROBE_ANSWER_MS, PROBE_CONNECT_MS } from './answers.ts';
import { connectionTrouble } from './failure.ts';

/** Longer than any probe: the first failure to connect is the answer. */
const NO_RETRY_MS = 600_000;
/** 403 of a login, 530 of a virtual host that is not this user's. */
const LOGIN_REFUSED: ReadonlySet<string> = new Set(['ACCESS_REFUSED', 'NOT_ALLOWED']);

type Answer = 'permitted' | 'refused' | 'absent';
type Options = Pick<TransportOptions, 'credentials' | 'tls'>;

export async function probeRabbit(url: string, role: TransportRole, options: Options): Promise<BrokerProbe> {
  const connection = open(url, options);
  try {
    await connected(connection);
  } catch (error) {
    connection.unsafeDestroy();
    const isRefused = LOGIN_REFUSED.has(errorCode(error) ?? '');
    const trouble = isRefused
      ? ({ kind: 'credentials', message: errorMessage(error) } as const)
      : connectionTrouble(error);
    return { product: 'rabbitmq', rights: 0, troubles: [trouble] };
  }
  // From here on every question has a channel of its own, whose errors are the answers.
  connection.on('error', () => {});
  try {
    const asked =
      role.plane === 'region' ? await askRegion(connection, role.region) : await askGovernance(connection);
    return { product: 'rabbitmq', ...asked };
  } finally {
    await withDeadline(PROBE_ANSWER_MS, 'closing', () => connection.close()).catch(() => {});
    connection.unsafeDestroy();
  }
}

function open(url: string, options: Options): Connection {
  const tls = tlsOf(url, options);
  return new Connection({
    url: withCredentials(url, options),
    connectionName: 'orbital probe',
    retryLow: NO_RETRY_MS,
    retryHigh: NO_RETRY_MS,
    acquireTimeout: PROBE_ANSWER_MS,
    connectionTimeout: PROBE_CONNECT_MS,
    ...(tls === undefined ? {} : { tls }),
  });
}

function connected(connection: Connection): Promise<void> {
  return withDeadline(
    PROBE_CONNECT_MS,
    'connecting',
    () =>
      new Promise((resolve, reject) => {
        connection.once('connection', () => resolve());
        connection.on('error', reject);
      }),
  );
}

type Asked = Pick<BrokerProbe, 'rights' | 'troubles'>;

async function askRegion(connection: Connection, region: string): Promise<Asked> {
  const troubles: BrokerTrouble[] = [];
  let rights = 0;
  const own = lanes.map((lane) => taskChannel(region, lane));
  for (const queue of own) {
    const answer = await mayConsume(connection, queue);
    if (answer === 'permitted') rights += 1;
    else troubles.push(judge(answer, `read from the queue ${queue}`, queue));
  }
  const inbound = exchangeOf(statusChannel());
  const answer = await mayPublish(connection, inbound);
  if (answer === 'permitted') rights += 1;
  else troubles.push(judge(answer, `write to the exchange ${inbound}`, statusChannel()));

  const tasks = exchangeOf(own[0] ?? '');
  const excess: [Promise<Answer>, string][] = [
    [mayConsume(connection, statusChannel()), `read from the queue ${statusChannel()}`],
    [mayPublish(connection, tasks), `write to the exchange ${tasks}`],
  ];
  for (const [asked, right] of excess) {
    if ((await asked) === 'permitted') troubles.push({ kind: 'right-excess', right });
  }
  return { rights, troubles };
}

function judge(answer: 'refused' | 'absent', right: string, queue: string): BrokerTrouble {
  return answer === 'refused' ? { kind: 'right-missing', right } : { kind: 'queue-missing', queue };
}

/** What is not there yet it makes itself. What is there has to be what it would make: declaring that again changes nothing. */
async function askGovernance(connection: Connection): Promise<Asked> {
  const troubles: BrokerTrouble[] = [];
  let rights = 0;
  for (const channel of [statusChannel(), reportChannel()]) {
    const there = await on(connection, (asked) => asked.queueDeclare({ queue: channel, passive: true }));
    if (there === 'NOT_FOUND') continue;
    const { queue } = topologyOf(channel);
    let said = '';
    const declared = await on(
      connection,
      (asked) => asked.queueDeclare(queue),
      (message) => {
        said = message;
      },
    );
    if (declared === 'ACCESS_REFUSED')
      troubles.push({ kind: 'right-missing', right: `configure the queue ${channel}` });
    else if (declared !== undefined) troubles.push({ kind: 'queue-kind', queue: channel, message: said });
    else rights += 1;
    if ((await mayConsume(connection, channel)) === 'refused')
      troubles.push({ kind: 'right-missing', right: `read from the queue ${channel}` });
  }
  return { rights, troubles };
}

async function mayConsume(connection: Connection, queue: string): Promise<Answer> {
  const code = await on(connection, (channel) =>
    channel.basicConsume({ queue, arguments: { 'x-priority': 'none' as unknown as number } }, () => {}),
  );
  return answerOf(code);
}

async function mayPublish(connection: Connection, exchange: string): Promise<Answer> {
  const code = await on(connection, async (channel) => {
    await channel.confirmSelect();
    await channel.basicPublish(
      { exchange, routingKey: 'orbital-probe', expiration: 'none' },
      Buffer.alloc(0),
    );
  });
  return answerOf(code);
}

function answerOf(code: string | undefined): Answer {
  if (code === 'ACCESS_REFUSED') return 'refused';
  return code === 'NOT_FOUND' ? 'absent' : 'permitted';
}

/** What the broker says to it, on a channel of its own: the code by which it closes that, or undefined. */
async function on(
  connection: Connection,
  ask: (channel: Channel) => Promise<unknown>,
  hear: (message: string) => void = () => {},
): Promise<string | undefined> {
  const channel = await connection.acquire({ emitErrorsFromChannel: true });
  const closed = new Promise<never>((_resolve, reject) => channel.once('error', reject));
  closed.catch(() => {}); // where nobody waits for it any more
  try {
    await withDeadline(PROBE_ANSWER_MS, 'the broker', () => Promise.race([ask(channel), closed]));
    return undefined;
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || code === 'DEADLINE_EXCEEDED') throw error;
    hear(errorMessage(error));
    return code;
  } finally {
    if (channel.active) await channel.close().catch(() => {});
  }
}
