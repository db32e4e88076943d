/**
 * Everything that `okcm doctor` can find, in one table: how bad it is, why it matters, and the command that mends it.
 * `{name}` stands for a fact of the finding. docs/guide/doctor.md lists the same rows, and a test compares the two.
 *
 * Broken: something does not work now, or does not do what it is there for. Warning: it works, and will not for long, or
 * works worse than it could.
 */

export type Severity = 'broken' | 'warning';

export interface CodeEntry {
  readonly severity: Severity;
  readonly why: string;
  readonly mend: string;
}

const broken = (why: string, mend: string): CodeEntry => ({ severity: 'broken', why, mend });
const warning = (why: string, mend: string): CodeEntry => ({ severity: 'warning', why, mend });

export const findingCodes = {
  // The doctor itself
  CHECK_FAILED: broken('whether this is in order is not known', 'okcm doctor --json'),
  CHECK_HUNG: broken('what does not answer the doctor does not answer the component either', 'okcm doctor'),

  // The installation
  NODE_TOO_OLD: broken('the programs are TypeScript that Node 24 runs as it stands', 'npm ci'),
  ADDON_MISSING: warning(
    'the gateway encrypts by the runtime’s own ciphers, at a fraction of the speed',
    'npm run build:native',
  ),
  ADDON_NOT_LOADED: warning(
    'the addon is there, and the gateway that runs was started without it',
    'okcm stop {component} && okcm start {component}',
  ),
  SUPERVISOR_STOPPED: warning('nothing of this installation runs', 'npm start'),
  SUPERVISOR_DEAD: broken(
    'endpoints.json says that all is ready, and programs that read it wait for an answer in vain',
    'npm start',
  ),
  HOME_MISSING: broken('there is no installation in this directory', 'npm start -- --home {home}'),
  HOME_INVALID: broken('a file of the home directory cannot be used', 'ls -l {home}'),
  COMPONENT_DOWN: broken(
    'what stands on it is refused, or goes on with what it has',
    'okcm start {component}',
  ),
  COMPONENT_SILENT: broken(
    'it is started, and its health address does not answer',
    'okcm stop {component} && okcm start {component}',
  ),

  // Its configuration
  CONFIG_NOT_FOUND: broken('no component starts without its configuration', 'ls -l {file}'),
  CONFIG_UNREADABLE: broken('no component starts without its configuration', 'ls -l {file}'),
  CONFIG_TOO_OPEN: broken('it holds passwords, and the component refuses it', 'chmod 600 {file}'),
  CONFIG_TOO_LARGE: broken('the component refuses it', 'ls -l {file}'),
  CONFIG_NOT_JSON: broken(
    'the component refuses it',
    "node -e 'JSON.parse(fs.readFileSync(process.argv[1]))' {file}",
  ),
  CONFIG_INVALID: broken('the component refuses to start with it', '$EDITOR {file}'),
  CONFIG_OF_NOBODY: broken('it is neither of CMK nor of a core nor of a gateway', '$EDITOR {file}'),
  DEVELOPMENT_SETTING: broken(
    'development credentials are taken, which are tokens in a file',
    '$EDITOR {file}  # "development": false',
  ),

  // Files
  FILE_MISSING: broken('the component does not start without it', 'ls -l {file}'),
  FILE_UNREADABLE: broken('the component does not start without it', 'ls -l {file}'),
  FILE_TOO_OPEN: broken('other users of this host can read or change a secret', 'chmod 600 {file}'),

  // Clocks
  CLOCK_SKEWED: broken(
    'proofs of links and certificates are judged by the clock: valid ones are refused, or ended ones accepted',
    'timedatectl set-ntp true',
  ),
  CLOCK_DRIFTS: warning('clocks that are left alone go on drifting', 'timedatectl set-ntp true'),

  // Certificates
  CERT_UNREADABLE: broken('without it no connection is made', 'openssl x509 -in {file} -noout -text'),
  CERT_KEY_MISMATCH: broken(
    'the component does not start, or goes on with the files of before',
    'openssl x509 -in {file} -noout -pubkey | diff - <(openssl pkey -in {key} -pubout)',
  ),
  CERT_EXPIRED: broken('every peer refuses it', 'install -m 644 RENEWED.pem {file}'),
  CERT_NOT_YET_VALID: broken(
    'every peer refuses it until then',
    'date -u; openssl x509 -in {file} -noout -dates',
  ),
  CERT_EXPIRES_SOON: warning('every peer will refuse it', 'install -m 644 RENEWED.pem {file}'),
  CERT_WRONG_NAME: broken(
    'who connects by this name refuses the certificate',
    'openssl x509 -in {file} -noout -ext subjectAltName',
  ),
  CERT_WRONG_USAGE: broken(
    'peers refuse a certificate that is not meant for this end of a connection',
    'openssl x509 -in {file} -noout -ext keyUsage,extendedKeyUsage',
  ),
  CERT_CHAIN: broken(
    'who trusts that authority refuses the certificate',
    'openssl verify -CAfile {ca} -untrusted {file} {file}',
  ),
  CERT_REVOKED: broken('every peer that reads the list refuses it', 'install -m 644 RENEWED.pem {file}'),
  CRL_STALE: broken(
    'with "whenStale": "refuse" all connections of that authority’s certificates are ended',
    'install -m 644 FRESH.crl {file}',
  ),
  CRL_EXPIRES_SOON: warning(
    'from then on certificates of that authority are refused',
    'install -m 644 FRESH.crl {file}',
  ),
  CRL_REFUSED: broken('no certificate is looked up in it', 'openssl crl -in {file} -noout -text'),

  // What the system permits
  MEMLOCK_TOO_LOW: broken('keys lie in memory that may be swapped to a disk', 'ulimit -l {neededKiB}'),
  MEMLOCK_LOW: warning(
    'once more keys are in use, some lie in memory that may be swapped',
    'ulimit -l {neededKiB}',
  ),
  MEMORY_NOT_LOCKED: broken('keys lie in memory that may be swapped to a disk', 'ulimit -l {neededKiB}'),
  NOFILE_TOO_LOW: broken('connections are refused, and files cannot be opened', 'ulimit -n {needed}'),
  NOFILE_LOW: warning(
    'fewer connections are taken than the limits of the component say',
    'ulimit -n {needed}',
  ),
  CORE_DUMPS_ON: warning('a crash would write keys to a disk', 'ulimit -c 0'),

  // Ports and disks
  PORT_TAKEN: broken('the component cannot listen there, and others reach somebody else', 'kill {pid}'),
  PORT_TAKEN_HERE: broken(
    'the component cannot listen there, and others reach somebody else',
    'npm start -- --ports auto',
  ),
  DISK_FULL: broken('what cannot be written is refused: new keys, jobs, audit events', 'df -h {directory}'),
  DISK_LOW: warning('a disk that fills up stops everything that writes', 'df -h {directory}'),

  // Databases
  DATABASE_UNREACHABLE: broken(
    'the component does not start, and what runs answers 503',
    'nc -zv {host} {port}',
  ),
  DATABASE_DOWN: broken('the component does not start, and what runs answers 503', 'okcm start {database}'),
  DATABASE_PASSWORD: broken('the server refuses the login', '$EDITOR {file}  # {field}'),
  DATABASE_MISSING: broken('the server has no such database', 'createdb --owner {role} {name}'),
  DATABASE_TLS: broken('the connection to the database is not made', '$EDITOR {file}  # {field}'),
  DATABASE_PLAIN: warning(
    'whoever is between here and the server reads and changes rows',
    '$EDITOR {file}  # {field}: ?sslmode=verify-full&sslrootcert=FILE',
  ),
  DATABASE_FULL: broken(
    'no further connection is taken',
    'psql -c "ALTER SYSTEM SET max_connections = {needed}"',
  ),
  DATABASE_READ_ONLY: broken('nothing can be written on a standby', '$EDITOR {file}  # {field}'),
  DATABASE_TOO_OLD: broken('the schema does not fit this PostgreSQL', 'psql -c "SELECT version()"'),
  CONNECTIONS_TOO_FEW: warning(
    'under load requests wait for a connection, and fail after 5 s',
    'psql -c "ALTER SYSTEM SET max_connections = {needed}"',
  ),
  ROLE_SUPERUSER: broken(
    'row-level security does not hold it: one mistake shows a tenant the rows of another',
    'psql -c "ALTER ROLE {role} NOSUPERUSER"',
  ),
  ROLE_BYPASSRLS: broken(
    'row-level security does not hold it: one mistake shows a tenant the rows of another',
    'psql -c "ALTER ROLE {role} NOBYPASSRLS"',
  ),
  ROLE_OWNS_TABLES: broken(
    'an owner switches row-level security off by one statement, and CMK refuses to start so',
    '$EDITOR {file}  # {field}: a role of its own, see docs/guide/doctor.md',
  ),
  ROLE_MEMBER: broken(
    'it can become a role that row-level security does not hold',
    'psql -c "REVOKE {memberOf} FROM {role}"',
  ),
  ROLE_CANNOT_MIGRATE: broken(
    'the component cannot make its tables',
    'psql -c "ALTER DATABASE {name} OWNER TO {role}"',
  ),
  MIGRATIONS_PENDING: broken('the tables are not what this release works with', '{restart}'),
  MIGRATIONS_UNKNOWN: broken(
    'the database was used by a newer release, and this one must not write to it',
    'git log -1  # then install the release that the database knows',
  ),

  // Brokers
  BROKER_UNREACHABLE: broken('no job reaches a region, and no region is heard', 'nc -zv {host} {port}'),
  BROKER_DOWN: broken('no job reaches a region, and no region is heard', 'okcm start broker'),
  BROKER_CREDENTIALS: broken('the broker refuses the login', '$EDITOR {file}  # broker.url'),
  BROKER_TLS: broken('no connection to the broker is made', 'openssl s_client -connect {host}:{port}'),
  BROKER_PLAIN: warning(
    'whoever is between here and the broker reads the password, and what is sent',
    '$EDITOR {file}  # broker.url: tls:// or amqps://',
  ),
  BROKER_RIGHTS_MISSING: broken('what this plane has to send or to take does not pass', '{grant}'),
  BROKER_RIGHTS_EXCESS: warning('whoever steals this login can do more than this plane ever does', '{grant}'),
  BROKER_NO_JETSTREAM: broken(
    'without JetStream NATS keeps nothing, and Orbital cannot send',
    'nats-server --jetstream',
  ),
  BROKER_QUEUE_MISSING: warning(
    'governance makes it as soon as it is connected and knows the region',
    'okcm doctor --config CMK.json',
  ),
  BROKER_QUEUE_KIND: broken(
    'a queue of another kind or other limits loses what a quorum queue keeps, and is refused',
    'rabbitmqctl delete_queue {queue}',
  ),

  // Seals and regions
  REGION_NOT_INITIALISED: broken(
    'the region has no MasterKey yet',
    'okcm region init --config {file} --holder NAME=FILE',
  ),
  REGION_OF_OTHERS: broken(
    'the database belongs to another region, and the core refuses it',
    '$EDITOR {file}',
  ),
  SEALED: broken(
    'no key of the region opens: gateways go on with the keys they have until their leases end',
    'okcm region unseal --operator OPERATOR.json',
  ),
  SEALED_BY_PROVIDER: broken(
    'no key of the region opens: gateways go on with the keys they have until their leases end',
    'okcm doctor --config {file}  # what is wrong with the seal stands beside this',
  ),
  SEAL_UNREACHABLE: broken('a core that starts anew stays sealed', 'curl -sS {url}/v1/sys/health'),
  SEAL_PROVIDER_SEALED: broken('a core that starts anew stays sealed', 'bao operator unseal'),
  SEAL_REFUSED: broken(
    'a core that starts anew stays sealed',
    'bao token lookup  # with the token in {file}',
  ),
  SEAL_TOKEN_ENDS: warning(
    'a core that starts after that stays sealed',
    'bao token renew  # the token in {file}',
  ),
  SEAL_DIFFERS: broken(
    'the core opens the region by neither "seal" nor "previousSeal"',
    '$EDITOR {file}  # seal',
  ),
  SEAL_TO_MIGRATE: warning(
    'the region is still under the seal of before',
    'okcm region migrate-seal --operator OPERATOR.json --yes',
  ),
  SEAL_WITHOUT_ADMIN: broken('shares cannot be given: there is no admin listener', '$EDITOR {file}  # admin'),
  PKCS11_MISSING: broken('a core that starts anew stays sealed', 'ls -l {module}'),
  DEVELOPMENT_SEAL: broken(
    'THE SEAL IS A FILE ON THE SAME HOST: whoever reads it and the database reads every key of the region',
    '$EDITOR {file}  # seal; then okcm region migrate-seal --operator OPERATOR.json --yes',
  ),
  LINK_EXPIRED: broken('nothing of the tenant opens in the region', 'okcm link {tenant}'),
  LINK_ENDS_SOON: warning(
    'unless governance proves the key again, nothing of the tenant opens then',
    'okcm jobs list',
  ),
  RENEWAL_LATE: warning('the link ends when no proof of the customer’s key comes in time', 'okcm status'),
  LINK_CLOSED: warning(
    'somebody has closed it: nothing of the tenant opens until it is linked again',
    'okcm link {tenant}',
  ),
  LINK_CLOSING: warning(
    'a region has not answered yet: where a gateway cannot reach its core it serves what it holds until its lease ends',
    'okcm jobs tasks --state pending',
  ),
  KEY_IN_TROUBLE: warning(
    'a link that stands on it is closed, or ends when no proof of the key comes in time',
    'okcm key list {tenant}',
  ),
  KEYSTORE_WITHOUT_CREDENTIAL: broken(
    'CMK cannot log in there: no key of it is made, proved or linked',
    'install -m 600 CREDENTIAL {file}',
  ),
  KEYSTORE_UNPROVED: warning(
    'CMK takes what the maker’s SDK finds on its host: a variable, a file, the role of the machine; where it finds none, no key is linked',
    'okcm keystore add NAME --kind {kind} --set {field}=FILE',
  ),
  REGION_SILENT: broken('what governance asks of the region waits', 'okcm doctor --config CORE.json'),
  TASKS_STALLED: broken('the region has not done what it was asked', 'okcm jobs tasks --region {region}'),
  TASKS_LAG: warning('the region is behind with what it was asked', 'okcm jobs tasks --region {region}'),
  JOBS_FAILED: warning('what was wanted was not done, and waits for somebody to look', 'okcm jobs failed'),
  MESSAGES_REFUSED: warning(
    'somebody sends what is not signed by a known key, or a key is not known where it should be',
    'okcm jobs refused',
  ),
  SIGNING_KEY_UNUSABLE: broken('nothing can be signed by it', 'ls -l {file}'),
  SIGNING_KEY_UNTRUSTED: broken('everything that it signs is refused at the other side', '{trust}'),
  SIGNING_KEY_DIFFERS: broken(
    'the file holds another key than the one that is known by its name',
    'ls -l {file}',
  ),

  // Gateways
  CORE_UNREACHABLE: broken(
    'the gateway goes on with the keys it has until its leases end',
    'nc -zv {host} {port}',
  ),
  CORE_DOWN: broken('the gateway goes on with the keys it has until its leases end', 'okcm start {core}'),
  CORE_REFUSES_GATEWAY: broken(
    'the core has ended the connection: it does not trust the certificate, or the key is not registered',
    'curl -sS -X POST CMK/v1/regions/{region}/gateways  # register the certificate {file}',
  ),
  GATEWAY_BEHIND: broken(
    'it has not applied what the core has pushed, and serves no leased key until it has',
    'okcm status',
  ),
  GATEWAY_BACKLOG: warning('at the limit it refuses Create', 'okcm status'),
  STORE_DOWN: broken('keys cannot be kept: Create is refused', 'okcm status'),
  STORE_NOT_DURABLE: warning(
    'keys that were acknowledged may be lost with the process',
    '$EDITOR {file}  # store',
  ),
  WORKERS_DOWN: warning('fewer processes serve than were asked for', 'okcm status'),
  HOT_PATH_OFF: warning(
    'every request takes the general path, at a fraction of the speed',
    '$EDITOR {file}  # hotPath',
  ),
} as const satisfies Record<string, CodeEntry>;

export type FindingCode = keyof typeof findingCodes;
