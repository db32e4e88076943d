/** Core and gateway as child processes whose secrets are told, for tests that look into their memory. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningCore } from '../../execution/core/index.ts';
import type { GatewayStatus, RunningGateway } from '../../execution/gateway/index.ts';
import { sleep, withDeadline } from '../../platform/backoff.ts';
import { type Child, startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import type { Runners } from './region.ts';

const STATUS_EVERY_MS = 50;
const HOLD_POLL_MS = 10;
const HOLD_TIMEOUT_MS = 10_000;

/** A secret that a child has made, and the names of the functions that were at work, innermost first. */
export interface ToldSecret {
  readonly made: readonly string[];
  readonly bytes: Buffer;
}

export class MemoryProcess {
  readonly #directory = temporaryDirectory('memory');
  #child: Child | undefined;
  /** What the process says of itself, once it runs. */
  ready: { readonly port: number; readonly healthUrl: string } = { port: 0, healthUrl: '' };

  get pid(): number {
    return this.#running.pid;
  }

  get #running(): Child {
    if (this.#child === undefined) throw new Error('the process was not started');
    return this.#child;
  }

  async start(kind: 'core' | 'gateway', config: object): Promise<void> {
    writeFileSync(join(this.#directory, 'config.json'), JSON.stringify(config), { mode: 0o600 });
    const main = join(import.meta.dirname, 'memory-child.ts');
    this.#child = await startChild({
      name: kind,
      command: process.execPath,
      args: [main, kind, this.#directory],
    });
    this.ready = JSON.parse(await this.#child.waitForLine(/^\{"port"/)) as MemoryProcess['ready'];
  }

  async stop(): Promise<void> {
    await this.#running.stop();
  }

  /** Every secret so far. */
  secrets(): ToldSecret[] {
    const file = readFileSync(join(this.#directory, 'secrets'));
    const told: ToldSecret[] = [];
    for (let at = 0; at < file.length; ) {
      const madeEnd = at + 4 + file.readUInt16BE(at);
      const end = madeEnd + file.readUInt16BE(at + 2);
      const made = file.toString('utf8', at + 4, madeEnd).split(/[ .]/);
      told.push({ made, bytes: file.subarray(madeEnd, end) });
      at = end;
    }
    return told;
  }

  /** Runs `look` while the process stands still inside the function of this name, which `act` makes it call. */
  async whileHeldIn<T>(functionName: string, act: () => Promise<unknown>, look: () => T): Promise<T> {
    const held = this.#running.output().split('held').length;
    writeFileSync(join(this.#directory, 'hold'), functionName);
    const acting = act();
    try {
      await withDeadline(HOLD_TIMEOUT_MS, `the process comes to ${functionName}`, async (signal) => {
        while (this.#running.output().split('held').length === held) await sleep(HOLD_POLL_MS, signal);
      });
      return look();
    } finally {
      rmSync(join(this.#directory, 'hold'));
      await acting;
    }
  }
}

/** Runs core and gateway of a region in these processes. */
export function inProcesses(core: MemoryProcess, gateway: MemoryProcess): Runners {
  return {
    core: async (config): Promise<RunningCore> => {
      await core.start('core', config);
      const outside = (): never => {
        throw new Error('this core runs in a process of its own');
      };
      return {
        ...core.ready,
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
      await gateway.start('gateway', config);
      const read = async () =>
        (await (await fetch(`${gateway.ready.healthUrl}/healthz`)).json()) as GatewayStatus;
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
        ...gateway.ready,
        status: () => status,
        reloadTls: async () => {
          throw new Error('this gateway runs in a process of its own: send it SIGHUP');
        },
        close: async () => {
          clearInterval(polling);
          await gateway.stop();
        },
      };
    },
  };
}
