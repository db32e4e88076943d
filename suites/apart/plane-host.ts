/** One plane, in the network that this process is in: its components under a supervisor, as `okcm up` runs them. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { homePaths } from '../../cli/home/paths.ts';
import { buildSupervisor, initialiseRegion } from '../../cli/installation/components.ts';
import { Installation } from '../../cli/installation/installation.ts';
import type { Supervisor } from '../../cli/supervisor/supervisor.ts';
import { serveCalls } from './calls.ts';
import { bringUp, type Door, ip, type Network, openDoor, type Reach, reach } from './network.ts';
import { componentsOf, GOVERNANCE, type Plane } from './plan.ts';
import { type Relay, startRelay } from './relay.ts';

export interface PlaneCalls {
  /** Only in a network of its own. */
  bringUp(network: Network): Promise<void>;
  /** Resolves when everything answers. */
  serve(argument: { home: string; plane: Plane }): Promise<void>;
  /** Each port of this network's loopback also at a socket of that name in the directory. */
  expose(argument: { ports: readonly number[]; directory: string }): Promise<void>;
  openDoor(argument: Door): Promise<void>;
  reach(argument: Reach): Promise<string>;
  /** Sends the text as it is, whatever becomes of it. */
  say(argument: { host: string; port: number; text: string }): Promise<void>;
  /** `add` or `delete` a route to one address by way of another. */
  route(argument: { change: 'add' | 'delete'; to: string; via: string }): Promise<void>;
}

let supervisor: Supervisor | undefined;
const relays: Relay[] = [];

const calls: PlaneCalls = {
  bringUp,
  async serve({ home, plane }) {
    const installation = await Installation.open(homePaths(home));
    const { ports } = installation.stored;
    if (ports === undefined) throw new Error('the home has no ports');
    const all = buildSupervisor(installation, ports, () => undefined);
    supervisor = all;
    const [database, ...programs] = componentsOf(plane);
    await all.get(database).start();
    if (plane !== GOVERNANCE) await initialiseRegion(installation, plane, all.closing);
    await Promise.all(programs.map((name) => all.get(name).start()));
  },
  async expose({ ports, directory }) {
    for (const port of ports)
      relays.push(
        await startRelay({ listen: { path: `${directory}/${port}` }, to: { host: '127.0.0.1', port } }),
      );
  },
  openDoor,
  reach,
  async say({ host, port, text }) {
    const socket = connect({ host, port });
    socket.on('error', () => undefined); // whoever listens there need not like it
    const over = once(socket, 'close');
    socket.end(text);
    socket.resume();
    await over;
  },
  route: ({ change, to, via }) => ip('route', change, `${to}/32`, 'via', via),
};

serveCalls({ ...calls }, async () => {
  for (const relay of relays) await relay.close();
  await supervisor?.stopAll();
});
