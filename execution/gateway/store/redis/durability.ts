/** Whether a Redis server keeps what it has acknowledged. */

export interface ServerFacts {
  /** `INFO`, field by field. */
  readonly info: ReadonlyMap<string, string>;
  /** `CONFIG GET`, where the user may ask for it. */
  readonly config: ReadonlyMap<string, string>;
}

/** What is asked of `CONFIG GET`. */
export const SETTINGS = ['appendfsync', 'no-appendfsync-on-rewrite'] as const;

/** What makes a server fit, for whoever has to set it. */
export const DURABLE_SETTINGS =
  'redis.conf: appendonly yes, appendfsync always, no-appendfsync-on-rewrite no, maxmemory-policy noeviction; or set store.allowLoss, if keys may be lost';

/**
 * Why the server may lose what it has acknowledged; undefined when it may not. With `appendfsync always` Redis answers after its
 * append-only file has been flushed to disk, once for all that was asked in one turn of its event loop.
 */
export function lossOf({ info, config }: ServerFacts): string | undefined {
  if (info.get('role') !== 'master') return 'it is a replica, which takes no writes';
  if (info.get('cluster_enabled') === '1') return 'it is part of a cluster, which is not served';
  if (Number(info.get('maxmemory') ?? 0) > 0 && info.get('maxmemory_policy') !== 'noeviction')
    return 'it evicts keys when its memory is full: maxmemory-policy has to be noeviction';
  if (info.get('aof_enabled') !== '1') return 'it writes no append-only file: appendonly has to be yes';
  const flushes = config.get('appendfsync');
  if (flushes === undefined) return 'it does not tell when it flushes its file: CONFIG GET has to be allowed';
  if (flushes !== 'always')
    return 'it answers before its append-only file is on disk: appendfsync has to be always';
  if (config.get('no-appendfsync-on-rewrite') !== 'no')
    return 'it does not flush while it rewrites its file: no-appendfsync-on-rewrite has to be no';
  return undefined;
}

/** `name:value` lines, with `#` headings between them. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = text.split(/\r?\n/).flatMap((line): [string, string][] => {
    const colon = line.indexOf(':');
    return colon < 1 || line.startsWith('#') ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
  });
  return new Map(fields);
}
