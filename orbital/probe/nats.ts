/**
 * NATS: what is published to learn of a right names a stream that it does not belong to (`Nats-Expected-Stream`), so that
 * JetStream refuses it; what is asked for is asked for in words that mean nothing. Subscriptions to what one must not hear are made and dropped.
 */
import {
  AuthorizationError,
  connect,
  Empty,
  headers,
  type NatsConnection,
  NoRespondersError,
  PermissionViolationError,
  type RequestOptions,
  TimeoutError,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node';
import { lanes } from '../messages.ts';
import {
  reportChannel,
  statusChannel,
  type TransportOptions,
  type TransportRole,
  taskChannel,
} from '../transport.ts';
import { addressOf, tlsOf } from '../transports/nats.ts';
import { API, CONSUMER, inboxOf, streamOf } from '../transports/nats-names.ts';
import { type BrokerProbe, type BrokerTrouble, PROBE_ANSWER_MS, PROBE_CONNECT_MS } from './answers.ts';
import { connectionTrouble } from './failure.ts';

const NO_STREAM = 'OKCM_PROBE';
/** Asks a consumer for messages in JSON that is none: it says so, and hands none out. (Other texts ask for one message.) */
const NO_REQUEST = '{';
const BAD_REQUEST = 400;
/** The server tells of a refused subscription a moment after it was made. */
const REFUSAL_WAIT_MS = 150;

/** `absent`: permitted, and there is no such stream or consumer. */
type Answer = 'permitted' | 'refused' | 'absent';

export async function probeNats(
  url: string,
  role: TransportRole,
  options: Pick<TransportOptions, 'credentials' | 'tls'>,
): Promise<BrokerProbe> {
  const tls = tlsOf(url, options);
  let connection: NatsConnection;
  try {
    connection = await connect({
      ...addressOf(url, options.credentials),
      name: 'orbital probe',
      inboxPrefix: inboxOf(role),
      ...(tls === undefined ? {} : { tls }),
      timeout: PROBE_CONNECT_MS,
      reconnect: false,
      maxReconnectAttempts: 0,
    });
  } catch (error) {
    const isRefused = error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError;
    const trouble = isRefused
      ? ({ kind: 'credentials', message: error.message } as const)
      : connectionTrouble(error);
    return { product: 'nats', rights: 0, troubles: [trouble] };
  }
  try {
    const { version, jetstream } = connection.info ?? {};
    if (jetstream !== true) {
      const message = `NATS ${version ?? ''} runs without JetStream`;
      return { product: 'nats', version, rights: 0, troubles: [{ kind: 'no-jetstream', message }] };
    }
    const asked =
      role.plane === 'region' ? await askRegion(connection, role.region) : await askGovernance(connection);
    return { product: 'nats', version, ...asked };
  } finally {
    await connection.close().catch(() => {});
  }
}

type Asked = Pick<BrokerProbe, 'rights' | 'troubles'>;

async function askRegion(connection: NatsConnection, region: string): Promise<Asked> {
  const needed = await Promise.all([
    ...[statusChannel(), reportChannel()].map(async (channel) =>
      judge(await askPublish(connection, channel), `publish to ${channel}`, channel),
    ),
    ...lanes.map(async (lane) => {
      const channel = taskChannel(region, lane);
      const subject = `${API}.CONSUMER.MSG.NEXT.${streamOf(channel)}.${CONSUMER}`;
      return judge(await askConsumer(connection, subject), `publish to ${subject}`, channel);
    }),
  ]);
  const status = `${API}.STREAM.INFO.${streamOf(statusChannel())}`;
  const excess = [
    ...((await askApi(connection, status)) === 'refused' ? [] : [`publish to ${status}`]),
    ...((await maySubscribe(connection, 'okcm.>')) ? ['subscribe to okcm.>'] : []),
    ...((await maySubscribe(connection, '_INBOX_governance.>')) ? ['subscribe to _INBOX_governance.>'] : []),
  ];
  return sum(needed, excess);
}

/** It makes the streams, which can be seen only by making them. */
async function askGovernance(connection: NatsConnection): Promise<Asked> {
  const needed = await Promise.all([
    askApi(connection, `${API}.INFO`).then((answer) => judge(answer, `publish to ${API}.INFO`)),
    ...[statusChannel(), reportChannel()].map(async (channel) => {
      const subject = `${API}.STREAM.INFO.${streamOf(channel)}`;
      // A stream that is not there is made at the start.
      const answer = await askApi(connection, subject);
      return judge(answer === 'absent' ? 'permitted' : answer, `publish to ${subject}`);
    }),
  ]);
  return sum(needed, []);
}

/** Undefined: all is well. */
type Judgement = BrokerTrouble | 'silent' | undefined;

function judge(answer: Answer | 'silent', right: string, queue = right): Judgement {
  if (answer === 'silent') return answer;
  if (answer === 'refused') return { kind: 'right-missing', right };
  return answer === 'absent' ? { kind: 'queue-missing', queue } : undefined;
}

function sum(needed: readonly Judgement[], excess: readonly string[]): Asked {
  const troubles = needed.filter((trouble) => trouble !== undefined && trouble !== 'silent');
  return {
    rights: needed.filter((trouble) => trouble === undefined).length,
    troubles: [...troubles, ...excess.map((right) => ({ kind: 'right-excess', right }) as const)],
  };
}

async function askPublish(connection: NatsConnection, channel: string): Promise<Answer> {
  const expected = headers();
  expected.set('Nats-Expected-Stream', NO_STREAM);
  return await request(connection, channel, Empty, { headers: expected });
}

const askApi = (connection: NatsConnection, subject: string): Promise<Answer> =>
  request(connection, subject, Empty);

/**
 * What is not permitted is told at once. Silence proves nothing, and counts as no right: a consumer may be busy, and one that is not
 * there is silent, too.
 */
async function askConsumer(connection: NatsConnection, subject: string): Promise<Answer | 'silent'> {
  try {
    return await request(connection, subject, NO_REQUEST);
  } catch (error) {
    if (causeOf(error) instanceof TimeoutError) return 'silent';
    throw error;
  }
}

async function request(
  connection: NatsConnection,
  subject: string,
  body: Uint8Array | string,
  options: Pick<RequestOptions, 'headers'> = {},
): Promise<Answer> {
  try {
    const answer = await connection.request(subject, body, { timeout: PROBE_ANSWER_MS, ...options });
    if (answer.headers?.code === BAD_REQUEST) return 'permitted';
    const { error } = answer.json<{ error?: { code?: number } }>();
    return error?.code === 404 ? 'absent' : 'permitted';
  } catch (error) {
    if (isRefusal(error)) return 'refused';
    if (isSilence(error)) return 'absent';
    if (error instanceof TimeoutError)
      throw new Error(`nothing answers ${subject} within ${PROBE_ANSWER_MS} ms`, { cause: error });
    throw error;
  }
}

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);
const isRefusal = (error: unknown): boolean =>
  error instanceof PermissionViolationError || causeOf(error) instanceof PermissionViolationError;
/** Nobody listens on that subject: no stream takes it. */
const isSilence = (error: unknown): boolean =>
  error instanceof NoRespondersError || causeOf(error) instanceof NoRespondersError;

async function maySubscribe(connection: NatsConnection, subject: string): Promise<boolean> {
  let isRefused = false;
  const subscription = connection.subscribe(subject, {
    callback: (error) => {
      isRefused ||= error instanceof Error;
    },
  });
  await connection.flush();
  await new Promise((resolve) => setTimeout(resolve, REFUSAL_WAIT_MS));
  subscription.unsubscribe();
  return !isRefused;
}
