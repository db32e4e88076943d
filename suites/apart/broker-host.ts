/**
 * The broker, in the network that this process is in, and the one end of each plane's line to it. Everything that a plane and the
 * broker say to each other passes here and is written down: a file for each connection and direction.
 */
import { randomUUID } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { homePaths } from '../../cli/home/paths.ts';
import { buildSupervisor } from '../../cli/installation/components.ts';
import { Installation } from '../../cli/installation/installation.ts';
import { brokerComponent } from '../../cli/installation/names.ts';
import { portOf } from '../../cli/installation/ports.ts';
import { natsAccounts, rabbitRegionPermissions } from '../../orbital/index.ts';
import { startNats } from '../../testkit/nats.ts';
import { startRabbit } from '../../testkit/rabbitmq.ts';
import { bodiesIn } from '../broker-capture/frames.ts';
import { serveCalls } from './calls.ts';
import { bringUp, type Door, forwarding, type Network, openDoor, type Reach, reach } from './network.ts';
import { type BrokerName, GOVERNANCE, type Line, type Plane } from './plan.ts';
import { type Relay, startRelay, type Watch } from './relay.ts';

/** Enough for hours; past it the capture would no longer be whole, and says so. */
const MAX_CAPTURED_BYTES = 2 * 1024 ** 3;
/** A frame may come in several pieces. */
const TAIL_BYTES = 64 * 1024;

export interface Login {
  readonly plane: Plane;
  readonly user: string;
  readonly password: string;
}
/** The broker, wherever it is: `down` as by a power cut, `up` on the same data. */
interface Broker {
  readonly port: number;
  down(): Promise<void>;
  up(): Promise<void>;
  end(): Promise<void>;
}

export interface BrokerCalls {
  bringUp(network: Network): Promise<void>;
  forwarding(argument: null): Promise<string>;
  openDoor(argument: Door): Promise<void>;
  reach(argument: Reach): Promise<string>;
  /** Resolves with its port; what passes is written into the directory. */
  start(argument: {
    kind: BrokerName;
    home: string;
    logins: readonly Login[];
    directory: string;
  }): Promise<number>;
  /** The broker's port at its end of each line. */
  openLines(argument: { lines: readonly Line[] }): Promise<void>;
  down(argument: null): Promise<void>;
  up(argument: null): Promise<void>;
  /** Resolves when that many planes wait for a task of this kind of the tenant: it is kept from them until `release`. */
  hold(argument: { kind: string; tenant: string; planes: number }): Promise<void>;
  release(argument: null): Promise<void>;
  captured(argument: null): Promise<{ bytes: number; isWhole: boolean }>;
}

interface Hold {
  readonly kind: string;
  readonly tenant: string;
  readonly wanted: number;
  readonly held: Set<Plane>;
  readonly full: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
}

let broker: Broker | undefined;
let lines: readonly Line[] = [];
let directory = '';
const relays: Relay[] = [];
let hold: Hold | undefined;
let bytes = 0;

function governanceOf(logins: readonly Login[]): Login {
  const login = logins.find(({ plane }) => plane === GOVERNANCE);
  if (login === undefined) throw new Error('governance has no login at the broker');
  return login;
}

const openers: Readonly<Record<BrokerName, (home: string, logins: readonly Login[]) => Promise<Broker>>> = {
  async nats(_home, logins) {
    const server = await startNats({
      accounts: natsAccounts({
        governance: governanceOf(logins),
        regions: logins
          .filter(({ plane }) => plane !== GOVERNANCE)
          .map(({ plane, user, password }) => ({ name: plane, user, password })),
      }),
    });
    const { port } = server;
    return { port, down: () => server.kill(), up: () => server.start(), end: () => server.stop() };
  },
  async rabbitmq(_home, logins) {
    const everything = { configure: '.*', write: '.*', read: '.*' };
    const server = await startRabbit({
      users: logins.map(({ plane, user, password }) => ({
        user,
        password,
        ...(plane === GOVERNANCE ? everything : rabbitRegionPermissions(plane)),
      })),
    });
    const { port } = server;
    return { port, down: () => server.kill(), up: () => server.start(), end: () => server.stop() };
  },
  async embedded(home) {
    const installation = await Installation.open(homePaths(home));
    const ports = installation.stored.ports ?? {};
    const supervisor = buildSupervisor(installation, ports, () => undefined);
    const component = supervisor.get(brokerComponent);
    await component.start();
    return {
      port: portOf(ports, brokerComponent),
      down: () => component.stop(),
      up: () => component.start(),
      end: async () => {
        await supervisor.stopAll();
      },
    };
  },
};

/** Writes down what passes, and keeps a region waiting where it is told to. */
function watchOf(plane: Plane): Watch {
  const name = `${plane}-${randomUUID()}`;
  const files = {
    up: openSync(join(directory, `${name}-up`), 'a', 0o600),
    down: openSync(join(directory, `${name}-down`), 'a', 0o600),
  };
  let tail: Buffer = Buffer.alloc(0);
  return async (direction, chunk) => {
    bytes += chunk.length;
    if (bytes <= MAX_CAPTURED_BYTES) writeSync(files[direction], chunk);
    if (hold === undefined || direction === 'up' || plane === GOVERNANCE) return;
    const recent = Buffer.concat([tail, chunk]);
    tail = recent.subarray(-TAIL_BYTES);
    const { kind, tenant, held, wanted, full, released } = hold;
    const isMeant = bodiesIn(recent).some(
      (body) =>
        body['kind'] === kind && (body['payload'] as { tenant?: string } | undefined)?.tenant === tenant,
    );
    if (!isMeant) return;
    held.add(plane);
    if (held.size === wanted) full.resolve();
    await released.promise;
  };
}

async function openLines(port: number): Promise<void> {
  for (const { plane, brokerAddress: host } of lines)
    relays.push(
      await startRelay({
        listen: { host, port },
        to: { host: '127.0.0.1', port },
        watch: () => watchOf(plane),
      }),
    );
}

async function closeLines(): Promise<void> {
  for (const relay of relays.splice(0)) await relay.close();
}

function running(): Broker {
  if (broker === undefined) throw new Error('the broker was not started');
  return broker;
}

const calls: BrokerCalls = {
  bringUp,
  forwarding,
  openDoor,
  reach,
  async start(given) {
    directory = given.directory;
    broker = await openers[given.kind](given.home, given.logins);
    return broker.port;
  },
  async openLines(given) {
    lines = given.lines;
    await openLines(running().port);
  },
  async down() {
    await closeLines();
    await running().down();
  },
  async up() {
    await running().up();
    await openLines(running().port);
  },
  async hold({ kind, tenant, planes }) {
    const [full, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    hold = { kind, tenant, wanted: planes, held: new Set(), full, released };
    await full.promise;
  },
  async release() {
    hold?.released.resolve();
    hold = undefined;
  },
  async captured() {
    return { bytes, isWhole: bytes <= MAX_CAPTURED_BYTES };
  },
};

serveCalls({ ...calls }, async () => {
  hold?.released.resolve();
  await closeLines();
  await broker?.end();
});
