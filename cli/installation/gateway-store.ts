/** Where the gateways of an installation keep their keys: `sqlite`, `memory`, or the address of a Redis. */
import { join } from 'node:path';
import { writePrivate } from '../../platform/config-file.ts';
import { CliError } from '../errors.ts';

export const SQLITE = 'sqlite';
export const MEMORY = 'memory';

const REDIS_PORT = 6379;
const HINT = 'sqlite, memory, redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE] or rediss://…?ca=FILE';

/** Errors: USAGE. */
export function checkGatewayStore(wanted: string): void {
  if (wanted === SQLITE || wanted === MEMORY) return;
  const url = URL.canParse(wanted) ? new URL(wanted) : undefined;
  const isRedis = url !== undefined && ['redis:', 'rediss:'].includes(url.protocol) && url.hostname !== '';
  if (!isRedis || !/^(?:\/\d{0,4})?$/.test(url.pathname))
    throw new CliError('USAGE', 'the gateways’ key store is not understood', { hint: HINT });
  if (url.protocol === 'rediss:' && url.searchParams.get('ca') === null)
    throw new CliError(
      'USAGE',
      'Redis over TLS needs the file of its authority: rediss://HOST:PORT?ca=FILE',
      {
        hint: HINT,
      },
    );
}

const passwordFile = (directory: string): string => join(directory, 'redis-password');

/** The gateway's `store`. `directory` is its own, and holds its file. */
export function gatewayStoreConfig(wanted: string | undefined, directory: string): object {
  if (wanted === MEMORY) return { kind: MEMORY };
  const path = join(directory, 'gateway.sqlite');
  if (wanted === undefined || wanted === SQLITE) return { path };
  const url = new URL(wanted);
  const ca = url.searchParams.get('ca');
  const database = url.pathname.slice(1);
  return {
    kind: 'redis',
    path,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? REDIS_PORT : Number(url.port),
    ...(database === '' ? {} : { database: Number(database) }),
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { passwordFile: passwordFile(directory) }),
    ...(url.protocol === 'rediss:' && ca !== null ? { tls: { ca } } : {}),
  };
}

/** A password stands in a file of its own, which the gateway reads. */
export async function writeGatewayStorePassword(
  wanted: string | undefined,
  directory: string,
): Promise<void> {
  if (wanted === undefined || !URL.canParse(wanted)) return;
  const { password } = new URL(wanted);
  if (password !== '') await writePrivate(passwordFile(directory), decodeURIComponent(password));
}
