/**
 * A development installation on one machine: opened, started in dependency order with as much side by side as there
 * can be, written down in `endpoints.json`, stopped again.
 */
import { rm } from 'node:fs/promises';
import { readPrivate } from '../../platform/config-file.ts';
import type { FileLock } from '../../platform/file-lock.ts';
import { CmkClient } from '../cmk/client.ts';
import { CliError } from '../errors.ts';
import { knownApplications } from '../home/applications.ts';
import type { Endpoints } from '../home/endpoints.ts';
import { writeJson } from '../home/json-file.ts';
import { lockHome } from '../home/lock.ts';
import { type HomePaths, homePaths } from '../home/paths.ts';
import {
  buildSupervisor,
  databaseComponents,
  healthUrl,
  initialiseRegion,
  removeSeed,
} from '../installation/components.ts';
import { writeConfigs } from '../installation/configs.ts';
import { checkGatewayStore } from '../installation/gateway-store.ts';
import { type HotPathState, Installation, makeHome } from '../installation/installation.ts';
import { cmkComponent, coreOf, gatewayHttpsOf, gatewayOf, LOOPBACK, REGIONS } from '../installation/names.ts';
import { choosePorts, type PortMode, type Ports, portOf } from '../installation/ports.ts';
import { type ControlCommand, type ControlServer, startControl } from '../supervisor/control.ts';
import { boundLogs } from '../supervisor/logs.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';

export const EMBEDDED_BROKER = 'embedded';

export interface LaunchOptions {
  readonly home: string;
  readonly portMode?: PortMode;
  readonly brokerUrl?: string;
  /** Where gateways keep their keys from now on; absent: where they did. */
  readonly gatewayStore?: string;
  readonly hotPath?: HotPathState;
  /** Told about what happens to the components while everything is up. */
  readonly onNote: (note: string) => void;
}

const IN_MEMORY =
  'gateways keep data keys in MEMORY ALONE: what a core has not been told of is lost with them; --gateway-store sqlite ends it';

export class Launch {
  readonly paths: HomePaths;
  readonly ports: Ports;
  readonly supervisor: Supervisor;
  readonly installation: Installation;
  readonly #lock: FileLock;
  readonly #token: string;
  readonly #logs: { stop(): void };
  #control: ControlServer | undefined;
  #ready = false;
  #stopping: Promise<void> | undefined;
  /** Writes of endpoints.json follow each other. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(parts: {
    installation: Installation;
    lock: FileLock;
    ports: Ports;
    token: string;
    onNote: (note: string) => void;
  }) {
    this.installation = parts.installation;
    this.paths = parts.installation.paths;
    this.#lock = parts.lock;
    this.ports = parts.ports;
    this.#token = parts.token;
    this.supervisor = buildSupervisor(parts.installation, parts.ports, (_component, note) => {
      if (note !== undefined && this.#stopping === undefined) parts.onNote(note);
      if (this.#ready) this.refresh();
    });
    this.#logs = boundLogs(this.supervisor.components.map((component) => component.log));
  }

  /** Takes the home, chooses ports, writes certificates and configurations. Errors: HOME_LOCKED, PORT_TAKEN, USAGE. */
  static async open(options: LaunchOptions): Promise<Launch> {
    const paths = homePaths(options.home);
    await makeHome(paths);
    const lock = await lockHome(paths);
    try {
      await rm(paths.endpoints, { force: true });
      const installation = await Installation.open(paths);
      await applyBroker(installation, options.brokerUrl);
      if (options.gatewayStore !== undefined) {
        checkGatewayStore(options.gatewayStore);
        await installation.update({ gatewayStore: options.gatewayStore });
      }
      const { stored } = installation;
      const mode = options.portMode ?? stored.portMode;
      const mayHaveOrphans = !stored.stoppedCleanly;
      const ports = await choosePorts({
        mode,
        kept: stored.ports,
        // A database server that outlived its supervisor is taken over together with its port.
        heldByUs: new Set(mayHaveOrphans ? databaseComponents(installation) : []),
        mayHaveOrphans,
      });
      const { hotPath = stored.hotPath } = options;
      await installation.update({
        portMode: mode,
        ports,
        stoppedCleanly: false,
        ...(hotPath === undefined ? {} : { hotPath }),
      });
      await writeConfigs(installation, ports);
      if (stored.gatewayStore === 'memory') options.onNote(IN_MEMORY);
      const token = (await readPrivate(paths.token)).trim();
      return new Launch({ installation, lock, ports, token, onNote: options.onNote });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  cmk(): CmkClient {
    return new CmkClient({ url: this.cmkUrl, token: this.#token });
  }
  get cmkUrl(): string {
    return `http://${LOOPBACK}:${portOf(this.ports, cmkComponent)}`;
  }

  /** CMK, cores and gateways load their modules, beside whatever else is started: both take as long. */
  preparePlanes(): void {
    const programs = [cmkComponent, ...REGIONS.flatMap((region) => [coreOf(region), gatewayOf(region)])];
    for (const name of programs) this.supervisor.get(name).prepare();
  }

  async startDatabases(): Promise<void> {
    const names = databaseComponents(this.installation);
    await all(names.map((name) => this.supervisor.get(name).start()));
    await removeSeed(this.installation);
  }

  /** CMK, cores and gateways at once: each waits for the others by itself. */
  async startPlanes(tell: (text: string) => void): Promise<void> {
    const started: string[] = [];
    const start = async (name: string): Promise<void> => {
      await this.supervisor.get(name).start();
      started.push(name);
      tell(`up: ${started.join(', ')}`);
    };
    await all([
      start(cmkComponent),
      ...REGIONS.flatMap((region) => [
        (this.installation.stored.initialised === true
          ? Promise.resolve()
          : initialiseRegion(this.installation, region, this.supervisor.closing)
        ).then(() => start(coreOf(region))),
        start(gatewayOf(region)),
      ]),
    ]);
    await this.installation.update({ initialised: true });
  }

  async openControl(): Promise<void> {
    this.#control = await startControl(this.paths, (command) => this.#obey(command));
  }

  async markReady(): Promise<void> {
    this.#ready = true;
    this.refresh();
    await this.#writing;
  }

  /** Brings endpoints.json up to date. */
  refresh(): void {
    this.#writing = this.#writing.then(async () => {
      if (this.#stopping === undefined) await writeJson(this.paths.endpoints, await this.#endpoints());
    });
    this.#writing.catch(() => undefined);
  }

  /** Stops everything and lets go of the home. Safe to call at any time, and twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await rm(this.paths.endpoints, { force: true });
    await this.#control?.close();
    const { inOrder } = await this.supervisor.stopAll();
    this.#logs.stop();
    await this.installation.update({ stoppedCleanly: inOrder });
    this.#lock.release();
  }

  async #obey(command: ControlCommand): Promise<void> {
    if (command.action !== 'refresh') {
      const component = this.supervisor.get(command.component ?? '');
      await (command.action === 'stop' ? component.stop() : component.start());
    }
    this.refresh();
    await this.#writing;
  }

  async #endpoints(): Promise<Endpoints> {
    const applications = await knownApplications(this.paths);
    const tenants = [...new Set(applications.map((application) => application.tenant))];
    const hostPort = (component: string): { host: string; port: number } => ({
      host: LOOPBACK,
      port: portOf(this.ports, component),
    });
    return {
      ready: true,
      cmk: { url: this.cmkUrl, token: this.#token, health: healthUrl(this.ports, cmkComponent) },
      regions: REGIONS.map((name) => ({
        name,
        gateway: hostPort(gatewayOf(name)),
        https: hostPort(gatewayHttpsOf(name)),
        core: hostPort(coreOf(name)),
        health: {
          gateway: healthUrl(this.ports, gatewayOf(name)),
          core: healthUrl(this.ports, coreOf(name)),
        },
      })),
      tenants: tenants.map((id) => ({
        id,
        applications: applications
          .filter((application) => application.tenant === id)
          .map(({ name, service, cert, key, ca }) => ({ name, service, cert, key, ca })),
      })),
      processes: this.supervisor.components.map(({ name, pid, health, state, log }) => ({
        name,
        pid,
        health,
        state,
        log,
      })),
      supervisor: { pid: process.pid },
      data: databaseComponents(this.installation).map((name) => this.paths.postgres(name)),
    };
  }
}

/** The broker may change between two starts: whatever lay in the old one's queues is sent again (D11). */
async function applyBroker(installation: Installation, wanted: string | undefined): Promise<void> {
  if (wanted === undefined) return;
  if (wanted === EMBEDDED_BROKER) return installation.chooseBroker(undefined);
  if (!/^(nats|tls|amqps?):\/\/[^/]/.test(wanted) || !URL.canParse(wanted)) {
    throw new CliError(
      'USAGE',
      'the broker address must look like nats://HOST:PORT or amqp://USER@HOST:PORT',
    );
  }
  await installation.chooseBroker(wanted);
}

/** Waits for all, so that nothing is left starting behind an error; then the first error. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
