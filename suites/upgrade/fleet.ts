/** Cores and gateways of a region as processes, each of which can be replaced by a new one, as a rolling upgrade does it. */
import type { CoreConfig } from '../../execution/core/index.ts';
import type { GatewayConfig } from '../../execution/gateway/index.ts';
import type { Runners } from '../support/region.ts';
import { inProcessesOf, RegionProcess } from '../support/region-processes.ts';

interface Member {
  readonly process: RegionProcess;
  /** With the ports that the first process of this name was given. */
  readonly config: CoreConfig | GatewayConfig;
}

/** A gateway of either form: with worker processes, and without. */
const WORKERS: Readonly<Record<string, number>> = { 'gateway-1': 2 };

const portOf = (url: string): number => Number(new URL(url).port);

export class Fleet {
  readonly #members = new Map<string, Member>();

  /** As startRegion wants it. A core is known by its instance, a gateway by its name. */
  readonly run: Runners = {
    core: async (config, parts) => {
      const process = new RegionProcess('core');
      const running = await inProcessesOf(process, process).core(config, parts);
      this.#members.set(config.instance, {
        process,
        config: {
          ...config,
          kmip: { ...config.kmip, port: running.port },
          health: { ...config.health, port: portOf(running.healthUrl) },
        },
      });
      return running;
    },
    gateway: async (given, parts) => {
      const config = { ...given, workers: WORKERS[given.name] ?? 1 };
      const process = new RegionProcess('gateway');
      const running = await inProcessesOf(process, process).gateway(config, parts);
      const { https, ...rest } = config;
      this.#members.set(config.name, {
        process,
        config: {
          ...rest,
          kmip: { ...config.kmip, port: running.port },
          ...(https === undefined || running.httpsPort === undefined
            ? {}
            : { https: { ...https, port: running.httpsPort } }),
          health: { ...config.health, port: portOf(running.healthUrl) },
        },
      });
      return running;
    },
  };

  /** SIGTERM, its end, and the start of the next. Returns how long there was none, in milliseconds. */
  async replace(name: string): Promise<number> {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`nobody is called ${name}`);
    const startedAt = performance.now();
    await member.process.stop();
    await member.process.start(member.config);
    return performance.now() - startedAt;
  }
}
