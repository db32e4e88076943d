/** Core and gateway of a region (region.ts) as the processes that they are in production, to be killed and measured. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningCore } from '../../execution/core/index.ts';
import { COLLECTOR_OPTIONS } from '../../execution/gateway/collector.ts';
import type { GatewayStatus, RunningGateway } from '../../execution/gateway/index.ts';
import { type Child, startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { REPOSITORY } from '../../testkit/system.ts';
import type { Runners } from './region.ts';

const READY_TIMEOUT_MS = 30_000;
const STATUS_EVERY_MS = 100;
const STATUS_TIMEOUT_MS = 5_000;

interface Ready {
  readonly port: number;
  readonly https?: number;
  readonly health: string;
}

export class RegionProcess {
  readonly #kind: 'core' | 'gateway';
  readonly #directory = temporaryDirectory('region-process');
  #child: Child | undefined;
  #starts = 0;

  constructor(kind: 'core' | 'gateway') {
    this.#kind = kind;
  }

  async start(config: { readonly log: object }): Promise<Ready> {
    const file = join(this.#directory, `config-${++this.#starts}.json`);
    // It says that it is ready in its log.
    writeFileSync(file, JSON.stringify({ ...config, log: { level: 'info' } }), { mode: 0o600 });
    const options = this.#kind === 'gateway' ? COLLECTOR_OPTIONS : [];
    this.#child = await startChild({
      name: this.#kind,
      command: process.execPath,
      args: [...options, join(REPOSITORY, 'execution', this.#kind, 'main.ts'), '--config', file],
    });
    return JSON.parse(await this.#child.waitForLine(/"msg":"ready"/, READY_TIMEOUT_MS)) as Ready;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#child?.kill();
    this.#child = undefined;
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
    this.#child = undefined;
  }
}

/** Runs core and gateway of a region in these processes. */
export function inProcessesOf(core: RegionProcess, gateway: RegionProcess): Runners {
  const outside = (): never => {
    throw new Error('this part of the region runs in a process of its own');
  };
  return {
    core: async (config): Promise<RunningCore> => {
      const { port, health } = await core.start(config);
      return {
        port,
        healthUrl: health,
        get db() {
          return outside();
        },
        get keychain() {
          return outside();
        },
        reloadTls: async () => outside(),
        close: () => core.stop(),
      };
    },
    gateway: async (config): Promise<RunningGateway> => {
      const { port, https, health } = await gateway.start(config);
      const read = async (): Promise<GatewayStatus> => {
        const signal = AbortSignal.timeout(STATUS_TIMEOUT_MS);
        return (await (await fetch(`${health}/healthz`, { signal })).json()) as GatewayStatus;
      };
      let status = await read();
      const polling = setInterval(() => {
        read().then(
          (now) => {
            status = now;
          },
          () => undefined,
        );
      }, STATUS_EVERY_MS);
      return {
        port,
        httpsPort: https,
        healthUrl: health,
        status: () => status,
        reloadTls: async () => outside(),
        close: async () => {
          clearInterval(polling);
          await gateway.stop();
        },
      };
    },
  };
}
