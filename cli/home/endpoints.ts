/**
 * `endpoints.json`: where a running installation can be reached, written for clients and for tests. Private (0600),
 * since it holds the development token of CMK. `ready` is true only while everything is up.
 */
import { type Static, Type } from 'typebox';
import { CliError } from '../errors.ts';
import { readJson } from './json-file.ts';
import { isHomeLocked } from './lock.ts';
import { type HomePaths, homePaths } from './paths.ts';
import { isAlive } from './process-alive.ts';

const HostPort = Type.Object({ host: Type.String(), port: Type.Integer() });

export const ApplicationFiles = Type.Object({
  name: Type.String(),
  service: Type.String(),
  cert: Type.String(),
  key: Type.String(),
  ca: Type.String(),
});
export type ApplicationFiles = Static<typeof ApplicationFiles>;

export const Endpoints = Type.Object({
  ready: Type.Boolean(),
  cmk: Type.Object({ url: Type.String(), token: Type.String(), health: Type.String() }),
  regions: Type.Array(
    Type.Object({
      name: Type.String(),
      gateway: HostPort,
      /** The same gateway, for KMIP over HTTPS. */
      https: HostPort,
      core: HostPort,
      health: Type.Object({ gateway: Type.String(), core: Type.String() }),
    }),
  ),
  tenants: Type.Array(Type.Object({ id: Type.String(), applications: Type.Array(ApplicationFiles) })),
  processes: Type.Array(
    Type.Object({
      name: Type.String(),
      pid: Type.Union([Type.Integer(), Type.Null()]),
      health: Type.Union([Type.String(), Type.Null()]),
      state: Type.String(),
      log: Type.String(),
    }),
  ),
  supervisor: Type.Object({ pid: Type.Integer() }),
  /** Where to look at the data at rest, for operators and for the search for leaked keys. */
  data: Type.Array(Type.String()),
});
export type Endpoints = Static<typeof Endpoints>;

/**
 * Errors: NOT_READY while it is being started or stopped; NOT_RUNNING when nothing has been started from this home, or it has been
 * stopped.
 */
export async function readEndpoints(home: string): Promise<{ endpoints: Endpoints; paths: HomePaths }> {
  const paths = homePaths(home);
  const endpoints = await readJson(paths.endpoints, Endpoints);
  // A supervisor that was killed leaves its file behind.
  if (endpoints === undefined || !isAlive(endpoints.supervisor.pid)) {
    if (await isHomeLocked(paths))
      throw new CliError('NOT_READY', `what runs on ${paths.root} is being started or stopped`);
    throw new CliError('NOT_RUNNING', `nothing is running on ${paths.root}`);
  }
  return { endpoints, paths };
}
