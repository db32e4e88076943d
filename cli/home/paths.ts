/** Where everything lies in a home directory. Nobody else can list it or read a file in it: it holds keys and passwords. */
import { join, resolve } from 'node:path';

export const DEFAULT_HOME = '.okcm';

export interface HomePaths {
  readonly root: string;
  /** Held by SQLite's file lock while a supervisor lives. */
  readonly lock: string;
  /** Ports, passwords, the broker: what must not change between starts. */
  readonly installation: string;
  /** For clients and tests: where to connect, with which certificates. */
  readonly endpoints: string;
  /** How `okcm stop|start` reach the supervisor. */
  readonly control: string;
  /** The applications whose certificates were issued here. */
  readonly applications: string;
  /** What the first run encrypted, for later runs to decrypt. */
  readonly keepsakes: string;
  readonly logs: string;
  readonly compileCache: string;
  /** L1 keys of development tenants. */
  readonly keystore: string;
  readonly token: string;
  /** Who can log in at a development installation, with their passwords. */
  readonly people: string;
  /** Who has logged in from here. */
  readonly sessions: string;
  /** The newest checkpoint of every audit chain. */
  readonly auditCheckpoints: string;
  component(name: string): string;
  postgres(server: string): string;
  authority(name: 'mesh-ca' | 'application-ca'): string;
  application(tenant: string, name: string): string;
}

export function homePaths(home: string): HomePaths {
  const root = resolve(home);
  const at = (...parts: string[]): string => join(root, ...parts);
  return {
    root,
    lock: at('lock.sqlite'),
    installation: at('installation.json'),
    endpoints: at('endpoints.json'),
    control: at('control.json'),
    applications: at('applications.json'),
    keepsakes: at('keepsakes.json'),
    logs: at('logs'),
    compileCache: at('compile-cache'),
    keystore: at('cmk', 'software-keystore.json'),
    token: at('cmk', 'token'),
    people: at('cmk', 'people.json'),
    sessions: at('sessions.json'),
    auditCheckpoints: at('cmk', 'audit-checkpoints'),
    component: (name) => at(...name.split('/')),
    postgres: (server) => at('postgres', server.replaceAll('/', '-')),
    authority: (name) => at('pki', name),
    application: (tenant, name) => at('applications', tenant, name),
  };
}
