/**
 * The servers that are measured: a gateway of a whole installation, and beside it what it is compared with — a second
 * gateway of the same region that leaves everything to the general codec, a bare echo, PyKMIP's server.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homePaths } from '../../cli/home/paths.ts';
import { authority } from '../../cli/installation/authorities.ts';
import { gatewayOf, REGIONS } from '../../cli/installation/names.ts';
import { COLLECTOR_OPTIONS } from '../../execution/gateway/collector.ts';
import type { GatewayConfig } from '../../execution/gateway/index.ts';
import { issue } from '../../platform/pki.ts';
import { startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import type { PemFiles } from '../../testkit/pki.ts';
import { eventually, REPOSITORY, System } from '../../testkit/system.ts';
import { type Access, type Negotiated, negotiatedOn, open } from './connections.ts';
import { withDescendants } from './cpu.ts';
import type { EchoOptions, EchoStep } from './echo.ts';
import { behindAllOthers } from './scheduling.ts';

const MEET_WITHIN_MS = 30_000;
const NO_ADDON = 'the gateway measured does AES-GCM without the addon: npm run build:native';
const [REGION, OTHER_REGION] = REGIONS;

export interface Server {
  readonly name: 'gateway' | 'general' | 'echo' | 'pykmip';
  readonly access: Access;
  readonly pid: number;
  /** Of a gateway. */
  readonly healthUrl?: string;
  close(): Promise<void>;
}

export class World {
  readonly gateway: Server;
  /** Why its figures are not those of an installation as it should be. */
  readonly problems: readonly string[];
  readonly #system: System;
  readonly #config: GatewayConfig;
  readonly #negotiated: Negotiated;

  private constructor(
    system: System,
    gateway: Server,
    config: GatewayConfig,
    negotiated: Negotiated,
    problems: readonly string[],
  ) {
    this.#system = system;
    this.gateway = gateway;
    this.#config = config;
    this.#negotiated = negotiated;
    this.problems = problems;
  }

  static async start(): Promise<World> {
    const system = await System.start();
    // What takes no part must not take the processor, either.
    for (const part of ['gateway', 'core', 'db']) await system.must('stop', `${OTHER_REGION}/${part}`);
    const { gateway, health } = system.region(REGION);
    const files = system.files();
    const [cert, key, ca] = await readAll(files.cert, files.key, files.ca);
    const pid = system.endpoints.processes.find(({ name }) => name === gatewayOf(REGION))?.pid;
    if (pid === undefined || pid === null) throw new Error('the gateway does not run');
    const path = join(homePaths(system.home).component(gatewayOf(REGION)), 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as GatewayConfig;
    const access = { ...gateway, cert, key, ca };
    const close = (): Promise<void> => Promise.resolve();
    const { cipher } = (await (await fetch(health.gateway)).json()) as { cipher: string };
    const problems = cipher === 'native' ? [] : [NO_ADDON];
    const server: Server = { name: 'gateway', access, pid, healthUrl: health.gateway, close };
    const socket = await open(access);
    const negotiated = negotiatedOn(socket);
    socket.destroy();
    return new World(system, server, config, negotiated, problems);
  }

  /** With which the gateway serves, for a server that shall be like it. */
  get serverFiles(): PemFiles {
    const { cert, key, ca } = this.#config.tls;
    return { certFile: cert, keyFile: key, caFile: ca };
  }

  /**
   * Governance and the core are never on the machine of a gateway, and here would take its processor: a region goes on
   * without the one, and the other, which it needs, goes behind the gateway.
   * @returns why its core does not, or nothing
   */
  async byItself(): Promise<string | undefined> {
    for (const part of ['cmk', 'cmk/db']) await this.#system.must('stop', part);
    const { pid } = this.#system.endpoints.supervisor;
    return behindAllOthers(() => {
      const served = withDescendants(this.gateway.pid);
      return withDescendants(pid).filter((each) => !served.includes(each));
    });
  }

  async close(): Promise<void> {
    await this.#system.interrupt();
  }

  /** The gateway's certificates, what it has agreed on with its clients, and as many bytes. */
  async echo(steps: readonly EchoStep[], grown = false): Promise<Server> {
    const { certFile, keyFile, caFile } = this.serverFiles;
    const [cert, key, ca] = await readAll(certFile, keyFile, caFile);
    const { child, port } = await startEcho({ cert, key, ca, negotiated: this.#negotiated, steps, grown });
    const access = { ...this.gateway.access, host: '127.0.0.1', port };
    return { name: 'echo', access, pid: child.pid, close: () => child.kill() };
  }

  /** A gateway of the same region, configured alike but for its hot path, which is off. */
  async general(): Promise<Server> {
    const name = 'gateway-2';
    const directory = temporaryDirectory('general');
    const ca = await authority(homePaths(this.#system.home), 'mesh-ca');
    const own = await issue({ ca, commonName: name, usages: ['client'], days: 2 });
    const place = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
    await writeFile(place.cert, own.certificatePem);
    await writeFile(place.key, own.privateKeyPem, { mode: 0o600 });
    const { https: _, ...config } = this.#config;
    const configured = {
      ...config,
      name,
      kmip: { host: '127.0.0.1', port: 0 },
      health: { host: '127.0.0.1', port: 0 },
      core: { ...config.core, ...place },
      store: { path: join(directory, 'gateway.sqlite') },
      hotPath: 'off',
    };
    const file = join(directory, 'config.json');
    await writeFile(file, JSON.stringify(configured), { mode: 0o600 });
    await this.#system.rest('POST', `/v1/regions/${REGION}/gateways`, {
      name,
      certificate: own.certificatePem,
    });
    const child = await startChild({
      name,
      command: process.execPath,
      args: [...COLLECTOR_OPTIONS, join(REPOSITORY, 'execution/gateway/main.ts'), '--config', file],
    });
    const ready = JSON.parse(await child.waitForLine(/"msg":"ready"/)) as { port: number; health: string };
    const healthUrl = new URL('/healthz', ready.health).href;
    await eventually('the second gateway meets its core', MEET_WITHIN_MS, async () => {
      const status = (await (await fetch(healthUrl)).json()) as { status: string };
      return status.status === 'ok';
    });
    const access = { ...this.gateway.access, host: '127.0.0.1', port: ready.port };
    return {
      name: 'general',
      access,
      pid: child.pid,
      healthUrl,
      close: async () => {
        await child.stop();
      },
    };
  }
}

/** Prints `port N` once it listens. */
export async function startEcho(options: EchoOptions) {
  const file = join(temporaryDirectory('echo'), 'options.json');
  await writeFile(file, JSON.stringify(options), { mode: 0o600 });
  const child = await startChild({
    name: 'echo',
    command: process.execPath,
    args: [join(import.meta.dirname, 'echo.ts'), file],
  });
  const port = Number((await child.waitForLine(/^port \d+$/)).slice('port '.length));
  return { child, port };
}

async function readAll(...paths: readonly [string, string, string]): Promise<[string, string, string]> {
  const [first, second, third] = paths;
  return [await readFile(first, 'utf8'), await readFile(second, 'utf8'), await readFile(third, 'utf8')];
}
