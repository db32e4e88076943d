/** Whether a component has its ports, can have them, or somebody else has. Nothing is opened: a port may just be taken. */
import { basename } from 'node:path';
import type { Listener } from './processes.ts';
import type { Subject } from './subject.ts';
import { finding, passed, type Verdict } from './verdict.ts';

export interface Port {
  readonly what: string;
  readonly host: string;
  readonly port: number;
}

/** Those with a number of their own. */
export function portsOf(subject: Subject): readonly Port[] {
  const { config } = subject;
  const all: (Port | undefined)[] = [{ what: 'health', ...hostPort(config.health) }];
  switch (subject.kind) {
    case 'cmk':
      all.unshift({ what: 'REST', ...hostPort(subject.config.http) });
      break;
    case 'core': {
      const { admin, kmip } = subject.config;
      all.unshift({ what: 'mesh', ...hostPort(kmip) });
      if (admin !== undefined) all.push({ what: 'admin', ...hostPort(admin) });
      break;
    }
    case 'gateway': {
      const { https, kmip } = subject.config;
      all.unshift({ what: 'KMIP', ...hostPort(kmip) });
      if (https !== undefined) all.push({ what: 'HTTPS', ...hostPort(https) });
      break;
    }
  }
  return all.filter((port) => port !== undefined && port.port !== 0) as Port[];
}

const hostPort = ({ host, port }: { readonly host: string; readonly port: number }) => ({ host, port });

export interface PortCase {
  readonly port: Port;
  /** Who listens there, as far as the system tells; undefined: nobody. */
  readonly listener: Listener | undefined;
  readonly file: string;
  /** Processes that are known to be the component. */
  readonly pids: ReadonlySet<number>;
  /** Whether its health address answers as the component does. */
  readonly answers: boolean;
  /** Its ports can be chosen anew by `npm start -- --ports auto`. */
  readonly isDevelopment: boolean;
}

export function judgePort({ port: of, listener, file, pids, answers, isDevelopment }: PortCase): Verdict {
  const { what, host, port } = of;
  const checked = `port ${port} (${what})`;
  const facts = { host, port };
  if (listener === undefined) return passed(checked, 'free', facts);
  const { pid, program } = listener;
  if (isOurs(listener, file, pids, answers))
    return passed(checked, 'the component listens', { ...facts, ...(pid === undefined ? {} : { pid }) });
  const who = pid === undefined ? 'a process of another user' : `${program ?? '?'} (process ${pid})`;
  return finding(
    isDevelopment ? 'PORT_TAKEN_HERE' : 'PORT_TAKEN',
    checked,
    `${who} listens on ${host}:${port}`,
    {
      ...facts,
      ...(pid === undefined ? {} : { pid, program: program ?? '' }),
    },
  );
}

function isOurs(listener: Listener, file: string, pids: ReadonlySet<number>, answers: boolean): boolean {
  const { pid, arguments: given = [] } = listener;
  if (pid === undefined) return answers;
  if (pids.has(pid) || given.includes(file)) return true;
  // Started with a path that is relative to another directory.
  return answers && given.some((argument) => basename(argument) === basename(file));
}

/** Of those that listen, who keeps others from this address. */
export function listenerAt({ host, port }: Port, listeners: readonly Listener[]): Listener | undefined {
  const here = listeners.filter((listener) => listener.port === port && meets(host, listener.address));
  return here.find(({ pid }) => pid !== undefined) ?? here[0];
}

function meets(host: string, address: string): boolean {
  if (address === '*' || host === '0.0.0.0' || host === '::') return true;
  if (address === 'v6') return host.includes(':');
  return host === address || host === 'localhost' || !/^[\d.]+$/.test(host);
}
