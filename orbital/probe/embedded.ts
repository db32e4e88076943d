/** The embedded broker: its functions are called in a transaction that may not write, after they have looked at the right. */
import pg from 'pg';
import { errorCode, errorMessage } from '../../platform/errors.ts';
import { lanes } from '../messages.ts';
import { reportChannel, statusChannel, type TransportRole, taskChannel } from '../transport.ts';
import { SQLSTATE } from '../transports/embedded-schema.ts';
import { type BrokerProbe, type BrokerTrouble, PROBE_ANSWER_MS, PROBE_CONNECT_MS } from './answers.ts';
import { connectionTrouble } from './failure.ts';

/** "cannot execute DELETE in a read-only transaction": the call was permitted, and has changed nothing. */
const READ_ONLY = '25006';
/** invalid_password, invalid_authorization_specification. */
const LOGIN_REFUSED: ReadonlySet<string> = new Set(['28P01', '28000']);
/** undefined_function, invalid_schema_name: nobody has prepared this database. */
const NOT_PREPARED: ReadonlySet<string> = new Set(['42883', '3F000']);

type Action = 'publish' | 'claim';
type Answer = 'permitted' | 'refused' | 'not-prepared';

export async function probeEmbedded(url: string, role: TransportRole): Promise<BrokerProbe> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'orbital probe',
    connectionTimeoutMillis: PROBE_CONNECT_MS,
    statement_timeout: PROBE_ANSWER_MS,
    query_timeout: 2 * PROBE_ANSWER_MS,
  });
  client.on('error', () => {}); // reported by the query that fails
  try {
    await client.connect();
  } catch (error) {
    const refused = LOGIN_REFUSED.has(errorCode(error) ?? '');
    const trouble = refused
      ? ({ kind: 'credentials', message: errorMessage(error) } as const)
      : connectionTrouble(error);
    return { product: 'embedded', rights: 0, troubles: [trouble] };
  }
  try {
    return await askRights(client, role);
  } finally {
    await client.end().catch(() => {});
  }
}

async function askRights(client: pg.Client, role: TransportRole): Promise<BrokerProbe> {
  const troubles: BrokerTrouble[] = [];
  let rights = 0;
  for (const [action, channel] of neededBy(role)) {
    const answer = await ask(client, action, channel);
    if (answer === 'permitted') rights += 1;
    else if (answer === 'not-prepared') troubles.push({ kind: 'queue-missing', queue: channel });
    else troubles.push({ kind: 'right-missing', right: wordsOf(action, channel) });
  }
  for (const [action, channel] of strangeTo(role)) {
    if ((await ask(client, action, channel)) === 'permitted')
      troubles.push({ kind: 'right-excess', right: wordsOf(action, channel) });
  }
  const { rows } = await client.query<{ version: string }>(
    `SELECT current_setting('server_version') AS version`,
  );
  return { product: 'embedded', version: rows[0]?.version, rights, troubles };
}

const wordsOf = (action: Action, channel: string): string =>
  `${action === 'publish' ? 'publish to' : 'consume from'} ${channel}`;

/** A region that nobody has: governance publishes to every one. */
const SOME_REGION = 'orbital-probe';

function neededBy(role: TransportRole): [Action, string][] {
  if (role.plane === 'governance')
    return [
      ...lanes.map((lane): [Action, string] => ['publish', taskChannel(SOME_REGION, lane)]),
      ['claim', statusChannel()],
      ['claim', reportChannel()],
    ];
  return [
    ['publish', statusChannel()],
    ['publish', reportChannel()],
    ...lanes.map((lane): [Action, string] => ['claim', taskChannel(role.region, lane)]),
  ];
}

function strangeTo(role: TransportRole): [Action, string][] {
  if (role.plane === 'governance') return [['claim', taskChannel(SOME_REGION, 'urgent')]];
  return [
    ['claim', statusChannel()],
    ['claim', taskChannel(SOME_REGION, 'urgent')],
    ['publish', taskChannel(role.region, 'urgent')],
  ];
}

async function ask(client: pg.Client, action: Action, channel: string): Promise<Answer> {
  const [text, value] =
    action === 'publish'
      ? ['SELECT okcm_broker.publish($1, $2::bytea)', Buffer.alloc(0)]
      : ['SELECT * FROM okcm_broker.claim($1, $2::integer)', 0];
  await client.query('BEGIN READ ONLY');
  try {
    await client.query(text, [channel, value]);
    return 'permitted';
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === READ_ONLY) return 'permitted';
    if (code === SQLSTATE.notPermitted) return 'refused';
    if (NOT_PREPARED.has(code)) return 'not-prepared';
    throw error;
  } finally {
    await client.query('ROLLBACK');
  }
}
