/** The home of an installation of which only a governance plane runs: what the commands read to find it. */
import type { World } from '../../governance/test-world.ts';
import type { Endpoints } from '../home/endpoints.ts';
import { writeJson } from '../home/json-file.ts';
import { homePaths } from '../home/paths.ts';

/** Whoever uses `home` from now on speaks to that plane, as who has the token. */
export async function pointAt(home: string, world: World, token: string): Promise<void> {
  const endpoints: Endpoints = {
    ready: true,
    cmk: { url: world.url(), token, health: world.healthUrl() },
    regions: [],
    tenants: [],
    processes: [],
    supervisor: { pid: process.pid },
    data: [],
  };
  await writeJson(homePaths(home).endpoints, endpoints);
}
