/**
 * A gateway as an installation runs it: a primary with its workers, started again by a supervisor when it dies, on ports that
 * stay. For tests that kill some of it.
 */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Component } from '../../cli/supervisor/component.ts';
import { nodeRunner } from '../../cli/supervisor/node-process.ts';
import type { GatewayConfig, GatewayStatus, RunningGateway } from '../../execution/gateway/index.ts';
import { writePrivate } from '../../platform/config-file.ts';
import { freePort } from '../../platform/ports.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { REPOSITORY } from '../../testkit/system.ts';

const STATUS_EVERY_MS = 50;
const RESTART_AFTER_MS = 20;

/** What a gateway of several processes says at its health address. */
export interface TeamStatus extends GatewayStatus {
  readonly workers: NonNullable<GatewayStatus['workers']>;
}

export class GatewayProcesses {
  readonly directory = temporaryDirectory('gateway-processes');
  readonly log = join(this.directory, 'gateway.log');
  readonly #workers: number;
  #component: Component | undefined;
  #healthUrl = '';
  #ports: { readonly kmip: number; readonly https: number; readonly health: number } | undefined;

  constructor(workers: number) {
    this.#workers = workers;
  }

  /** As startRegion wants it. The workers' number is this one's, whatever the configuration says. */
  readonly run = async (config: GatewayConfig): Promise<RunningGateway> => {
    this.#ports ??= { kmip: await freePort(), https: await freePort(), health: await freePort() };
    const { kmip, https, health } = this.#ports;
    const file = join(this.directory, 'config.json');
    const own: GatewayConfig = {
      ...config,
      workers: this.#workers,
      kmip: { ...config.kmip, port: kmip },
      ...(config.https === undefined ? {} : { https: { ...config.https, port: https } }),
      health: { ...config.health, port: health },
    };
    await writePrivate(file, JSON.stringify(own));
    this.#healthUrl = `http://${config.health.host}:${health}`;
    const program = {
      main: join(REPOSITORY, 'execution', 'gateway', 'main.ts'),
      args: ['--config', file],
      log: this.log,
      compileCache: join(REPOSITORY, '.build', 'test-compile-cache'),
    };
    const component = new Component({
      name: 'gateway',
      runner: nodeRunner(program, `${this.#healthUrl}/healthz`),
      tier: 0,
      health: this.#healthUrl,
      log: this.log,
      onChange: () => undefined,
      // It is killed more often than any gateway dies by itself.
      budget: { next: () => RESTART_AFTER_MS, reset: () => undefined },
    });
    this.#component = component;
    await component.start();
    let status: GatewayStatus = await this.status();
    const polling = setInterval(() => {
      this.status().then(
        (now) => {
          status = now;
        },
        () => undefined,
      );
    }, STATUS_EVERY_MS).unref();
    return {
      port: kmip,
      httpsPort: https,
      healthUrl: this.#healthUrl,
      status: () => status,
      reloadTls: async () => {
        process.kill(this.primary, 'SIGHUP');
      },
      close: async () => {
        clearInterval(polling);
        await component.stop();
      },
    };
  };

  /** What `start` starts has this library loaded before the system's own; what comes after its death has not. */
  async withLibrary(library: string, start: () => Promise<void>): Promise<void> {
    const { execPath } = process;
    const wrapper = join(this.directory, 'node');
    // The supervisor passes no such variable on.
    await writeFile(wrapper, `#!/bin/sh\nLD_PRELOAD='${library}' exec '${execPath}' "$@"\n`, { mode: 0o700 });
    process.execPath = wrapper;
    try {
      await start();
    } finally {
      process.execPath = execPath;
    }
  }

  get primary(): number {
    const pid = this.#component?.pid;
    if (pid == null) throw new Error('the gateway has no process');
    return pid;
  }

  get isUp(): boolean {
    return this.#component?.state === 'up';
  }

  async status(): Promise<TeamStatus> {
    const response = await fetch(`${this.#healthUrl}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return (await response.json()) as TeamStatus;
  }

  async metrics(): Promise<string> {
    return await (await fetch(`${this.#healthUrl}/metrics`)).text();
  }

  async workerPids(): Promise<number[]> {
    const { workers } = await this.status();
    return workers.each.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** SIGKILL to one of the workers. Returns its process id. */
  async killWorker(pick: (count: number) => number = randomInt): Promise<number> {
    const pids = await this.workerPids();
    const pid = pids[pick(pids.length)];
    if (pid === undefined) throw new Error('the gateway has no worker');
    process.kill(pid, 'SIGKILL');
    return pid;
  }

  /** SIGKILL to the primary alone; its workers have to notice. */
  killPrimary(): void {
    process.kill(this.primary, 'SIGKILL');
  }

  /** SIGKILL to all of it at once, as when the machine loses power. */
  async killEverything(): Promise<void> {
    const { primary } = this;
    for (const pid of [primary, ...(await this.workerPids())]) process.kill(pid, 'SIGKILL');
  }

  /** Until every worker serves. */
  async whole(withinMs: number): Promise<TeamStatus> {
    const giveUpAt = performance.now() + withinMs;
    for (;;) {
      const status = await this.status().catch(() => undefined);
      if (this.isUp && status?.workers.serving === this.#workers) return status;
      if (performance.now() > giveUpAt)
        throw new Error(`the gateway is not whole within ${withinMs} ms: ${JSON.stringify(status?.workers)}`);
      await delay(STATUS_EVERY_MS);
    }
  }
}
