/**
 * The accounts of a NATS server that carries Orbital, in nats-server's own language. Governance's account has the streams; each
 * region has an account of its own, without JetStream, which imports what concerns that region and nothing else. Within one
 * account permissions would not do: whoever asks JetStream something names the subject that the answer goes to, and the
 * server sends it there with its own authority, be it into the tasks of another region. Through an import the answer
 * goes to a subject of the account that has asked.
 */
import { OkcmError } from '../../platform/errors.ts';
import { reportChannel, statusChannel } from '../transport.ts';
import {
  API,
  CONSUMER,
  type NatsPermissions,
  natsGovernancePermissions,
  natsRegionPermissions,
} from './nats-names.ts';

export interface NatsLogin {
  readonly user: string;
  /** As it is, or in bcrypt; or the environment variable of nats-server that holds it. */
  readonly password: string | { readonly variable: string };
}
export interface NatsUsers {
  readonly governance: NatsLogin;
  readonly regions: readonly (NatsLogin & { readonly name: string })[];
  /** Of the system's account: sees the server, and no message. */
  readonly admin?: NatsLogin;
}

const ABOUT = [
  '# Who may do what. Governance makes the streams, in its own account. Each region has an account of its own: it imports what it',
  '# takes from its two streams and the two subjects on which it says what it has to say, and neither sees nor takes another',
  '# region’s tasks. Do not join the accounts: within one of them the permissions below do not keep a region from writing tasks of',
  '# another, since JetStream sends its answers to whatever subject the question names, whoever asks.',
];
/** The account that has the streams; those of regions are called `OPENKCM_` and the region's name. */
const ACCOUNT = 'OPENKCM';
/**
 * Of a region, at each server or, where servers form a cluster, at all together. A core has one connection with about ten
 * subscriptions: so a region may have some ten cores and restart all at once, and takes no more of the server's connections from
 * the others.
 */
const REGION_LIMITS = 'limits { max_conn: 32, max_subs: 1000 }';
/**
 * A request for messages is good for 5 s (`PULL_EXPIRES_MS`), and is answered by many; this long the server remembers who asked.
 * Anything else is answered once.
 */
const ANSWERED_BY_MANY = 'response_type: stream, response_threshold: "10s"';

/**
 * The text of accounts.conf. Exports are open to every account of the server: which one imports what is decided here.
 * @throws OkcmError NATS_USERS: two planes with one user, or a region that is there twice
 * @throws RangeError for what is no name of a region
 */
export function natsAccounts({ governance, regions, admin }: NatsUsers): string {
  const logins = [governance, ...regions, ...(admin === undefined ? [] : [admin])];
  for (const names of [logins.map(({ user }) => user), regions.map(({ name }) => name)])
    if (new Set(names).size < names.length)
      throw new OkcmError('NATS_USERS', 'every plane and every region needs a user of its own');
  return lines(
    ...ABOUT,
    block('accounts', [
      block(ACCOUNT, [
        'jetstream { max_file: 16GB, max_mem: 0, max_streams: 700, max_consumers: 700 }',
        array('exports', [
          service(statusChannel()),
          service(reportChannel()),
          service(`${API}.CONSUMER.MSG.NEXT.*.${CONSUMER}`, ANSWERED_BY_MANY),
          service(`$JS.ACK.*.${CONSUMER}.>`),
        ]),
        userOf(governance, natsGovernancePermissions()),
      ]),
      ...regions.map((region) => {
        const permissions = natsRegionPermissions(region.name);
        return block(`${ACCOUNT}_${region.name}`, [
          REGION_LIMITS,
          array(
            'imports',
            permissions.publish.map(
              (subject) => `{ service: { account: ${ACCOUNT}, subject: ${quoted(subject)} } }`,
            ),
          ),
          userOf(region, permissions),
        ]);
      }),
      ...(admin === undefined ? [] : [`SYS { users: [${loginOf(admin)} }] }`]),
    ]),
    ...(admin === undefined ? [] : ['system_account: SYS']),
    '',
  );
}

const service = (subject: string, more?: string): string =>
  `{ service: ${quoted(subject)}${more === undefined ? '' : `, ${more}`} }`;

const loginOf = ({ user, password }: NatsLogin): string =>
  `{ user: ${quoted(user)}, password: ${typeof password === 'string' ? quoted(password) : `$${password.variable}`}`;

const userOf = (login: NatsLogin, { publish, subscribe }: NatsPermissions): string =>
  lines(
    'users: [',
    indented(
      `${loginOf(login)}, permissions {`,
      indented(array('publish', publish.map(quoted)), array('subscribe', subscribe.map(quoted))),
      '} }',
    ),
    ']',
  );

const quoted = (text: string): string => JSON.stringify(text);
const lines = (...parts: readonly string[]): string => parts.join('\n');
const indented = (...parts: readonly string[]): string => lines(...parts).replaceAll(/^(?=.)/gm, '  ');
const block = (name: string, inside: readonly string[]): string =>
  lines(`${name} {`, indented(...inside), '}');
const array = (name: string, items: readonly string[]): string =>
  lines(`${name}: [`, indented(...items), ']');
