/** The broker as this component sees it: its login, and the rights that its plane needs and no more (orbital/probe). */
import {
  type BrokerConfig,
  type BrokerProbe,
  type BrokerTrouble,
  brokerTls,
  probeBroker,
  type TransportRole,
} from '../../orbital/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import { finding, passed, type Verdict } from './verdict.ts';

export interface BrokerCase {
  readonly file: string;
  readonly broker: BrokerConfig;
  readonly role: TransportRole;
  /** The broker is the embedded one of a development installation, which `okcm start broker` starts. */
  readonly isOurs: boolean;
}

const CHECKED = 'broker';

export async function checkBroker(of: BrokerCase): Promise<Verdict[]> {
  let tls: Awaited<ReturnType<typeof brokerTls>>;
  try {
    tls = await brokerTls(of.broker);
  } catch (error) {
    return [finding('BROKER_TLS', CHECKED, errorMessage(error), factsOf(of))];
  }
  return judgeBroker(of, await probeBroker(of.broker.url, of.role, tls));
}

export function judgeBroker(of: BrokerCase, { product, version, rights, troubles }: BrokerProbe): Verdict[] {
  const facts = { ...factsOf(of), product, ...(version === undefined ? {} : { version }), rights };
  const found = troubles.map((trouble) => judgeTrouble(of, trouble, facts));
  if (isPlain(of.broker) && !troubles.some(({ kind }) => kind === 'unreachable'))
    found.push(finding('BROKER_PLAIN', CHECKED, `the connection to ${facts.host} is not encrypted`, facts));
  if (found.length > 0) return found;
  const name = [product, version].filter((part) => part !== undefined).join(' ');
  return [passed(CHECKED, `${name}: connected, ${rights} rights asked for and given`, facts)];
}

type BrokerFacts = Readonly<Record<string, string | number>>;

function judgeTrouble(of: BrokerCase, trouble: BrokerTrouble, facts: BrokerFacts): Verdict {
  const at = `${facts['host']}:${facts['port']}`;
  switch (trouble.kind) {
    case 'unreachable':
      return finding(
        of.isOurs ? 'BROKER_DOWN' : 'BROKER_UNREACHABLE',
        CHECKED,
        `${at}: ${trouble.message}`,
        facts,
      );
    case 'credentials':
      return finding(
        'BROKER_CREDENTIALS',
        CHECKED,
        `${at} refuses "${facts['user']}": ${trouble.message}`,
        facts,
      );
    case 'tls':
      return finding('BROKER_TLS', CHECKED, `${at}: ${trouble.message}`, facts);
    case 'no-jetstream':
      return finding('BROKER_NO_JETSTREAM', CHECKED, trouble.message, facts);
    case 'queue-missing':
      return finding('BROKER_QUEUE_MISSING', CHECKED, `${trouble.queue} is not there`, {
        ...facts,
        queue: trouble.queue,
      });
    case 'queue-kind':
      return finding('BROKER_QUEUE_KIND', CHECKED, `${trouble.queue}: ${trouble.message}`, {
        ...facts,
        queue: trouble.queue,
      });
    case 'right-missing':
      return finding('BROKER_RIGHTS_MISSING', CHECKED, `"${facts['user']}" may not ${trouble.right}`, {
        ...facts,
        right: trouble.right,
        grant: grantOf(of),
      });
    case 'right-excess':
      return finding('BROKER_RIGHTS_EXCESS', CHECKED, `"${facts['user']}" may ${trouble.right}`, {
        ...facts,
        right: trouble.right,
        grant: grantOf(of),
      });
  }
}

/** How the rights of this role are set, by kind of broker: docs/guide/orbital.md has the lists. */
function grantOf({ broker: { url }, role, isOurs }: BrokerCase): string {
  const who = role.plane === 'region' ? `the region ${role.region}` : 'governance';
  if (isOurs) return 'okcm stop broker && okcm start broker';
  if (/^amqps?:/.test(url)) return `rabbitmqctl set_permissions  # of ${who}: docs/guide/doctor.md`;
  if (/^(?:nats|tls):/.test(url))
    return `nats-server --signal reload  # after setting the permissions of ${who}: docs/guide/doctor.md`;
  return `psql  # okcm_broker.permissions of ${who}`;
}

function factsOf({ file, broker: { url } }: BrokerCase): {
  file: string;
  host: string;
  port: number;
  user: string;
} {
  if (!URL.canParse(url)) return { file, host: 'HOST', port: 0, user: '' };
  const { hostname, port, username, protocol } = new URL(url);
  return {
    file,
    host: hostname,
    port: port === '' ? (DEFAULT_PORTS[protocol] ?? 0) : Number(port),
    user: decodeURIComponent(username),
  };
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'nats:': 4222,
  'tls:': 4222,
  'amqp:': 5672,
  'amqps:': 5671,
  'postgres:': 5432,
  'postgresql:': 5432,
};

function isPlain({ url, tls }: BrokerConfig): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, searchParams } = new URL(url);
  if (hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')) return false;
  if (protocol === 'nats:' || protocol === 'amqp:') return tls === undefined;
  return protocol.startsWith('postgres') && !(searchParams.get('sslmode') ?? '').startsWith('verify');
}
