/** What Linux tells of processes and ports in /proc: limits, capabilities, who listens. Elsewhere nothing is known. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { errorMessage } from '../../platform/errors.ts';

/** Processes that are looked at for the owner of a port. */
const MAX_PROCESSES = 8_192;
const MAX_COMMAND_BYTES = 65_536;
const CAP_IPC_LOCK = 14;
const LISTENING = '0A';

export interface ProcessLimits {
  readonly pid: number;
  /** The limit that holds now; undefined: unlimited. */
  readonly openFiles: number | undefined;
  readonly lockedBytes: number | undefined;
  /** Whether the process may lock more than that (CAP_IPC_LOCK). */
  readonly mayLockAll: boolean;
  readonly coreBytes: number | undefined;
  /** A dump of it would hold memory. Undefined where that is not told. */
  readonly dumpsMemory: boolean | undefined;
}

/** Undefined where there is no such process, or no /proc. */
export async function readLimits(pid: number): Promise<ProcessLimits | undefined> {
  try {
    const [limits, status] = await Promise.all([proc(pid, 'limits'), proc(pid, 'status')]);
    const filter = await proc(pid, 'coredump_filter').catch(() => undefined);
    return parseLimits(pid, limits, status, filter);
  } catch {
    return undefined;
  }
}

export function parseLimits(
  pid: number,
  limits: string,
  status: string,
  filter: string | undefined,
): ProcessLimits {
  const soft = (name: string): number | undefined => {
    const value = new RegExp(`^${name}\\s+(\\S+)`, 'm').exec(limits)?.[1];
    return value === undefined || value === 'unlimited' ? undefined : Number(value);
  };
  const capabilities = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return {
    pid,
    openFiles: soft('Max open files'),
    lockedBytes: soft('Max locked memory'),
    mayLockAll: ((capabilities >> BigInt(CAP_IPC_LOCK)) & 1n) === 1n,
    coreBytes: soft('Max core file size'),
    dumpsMemory: filter === undefined ? undefined : Number.parseInt(filter, 16) !== 0,
  };
}

export interface Listener {
  /** `*` for all addresses, `v6` for one of IPv6 that is not looked at closer. */
  readonly address: string;
  readonly port: number;
  /** Of the process; undefined where it belongs to somebody whose processes we may not look at. */
  readonly pid?: number;
  /** The program's name, not its arguments: they may hold anything. */
  readonly program?: string;
  readonly arguments?: readonly string[];
}

/** Undefined where the system does not tell. */
export async function findListeners(ports: ReadonlySet<number>): Promise<readonly Listener[] | undefined> {
  let tables: string[];
  try {
    tables = await Promise.all(
      ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
    );
  } catch {
    return undefined;
  }
  if (tables.every((text) => text === '')) return undefined;
  const sockets = tables.flatMap(parseListening).filter(({ port }) => ports.has(port));
  const owners = await ownersOf(new Set(sockets.map(({ inode }) => inode)));
  return sockets.map(({ address, port, inode }) => ({ address, port, ...owners.get(inode) }));
}

/** Local address, port and inode of every socket that listens, as /proc/net/tcp words it. */
export function parseListening(table: string): { address: string; port: number; inode: string }[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      const [hex = '', portHex = ''] = local.split(':');
      const port = Number.parseInt(portHex, 16);
      if (state !== LISTENING || inode === undefined || Number.isNaN(port)) return [];
      return [{ address: addressOf(hex), port, inode }];
    });
}

/** The kernel writes the four bytes of IPv4 as a number of this host, which is little-endian wherever we run. */
function addressOf(hex: string): string {
  if (/^0+$/.test(hex)) return '*';
  if (hex.length !== 8) return 'v6';
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.');
}

type Owner = Required<Pick<Listener, 'pid' | 'program' | 'arguments'>>;

async function ownersOf(inodes: ReadonlySet<string>): Promise<ReadonlyMap<string, Owner>> {
  const owners = new Map<string, Owner>();
  if (inodes.size === 0) return owners;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).slice(0, MAX_PROCESSES);
  for (const pid of pids) {
    if (owners.size === inodes.size) break;
    const held = await socketsOf(pid);
    for (const inode of inodes) if (held.has(inode)) owners.set(inode, await describe(Number(pid)));
  }
  return owners;
}

async function socketsOf(pid: string): Promise<ReadonlySet<string>> {
  try {
    const links = await Promise.all(
      (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
    );
    return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
  } catch {
    return new Set(); // it has ended, or belongs to somebody else
  }
}

async function describe(pid: number): Promise<Owner> {
  const [program, line] = await Promise.all(
    ['comm', 'cmdline'].map((name) => proc(pid, name).catch((error: unknown) => errorMessage(error))),
  );
  return {
    pid,
    program: (program ?? '').trim(),
    arguments: (line ?? '').slice(0, MAX_COMMAND_BYTES).split('\0'),
  };
}

const proc = (pid: number, name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8');
