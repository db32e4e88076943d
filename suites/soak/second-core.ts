/**
 * A second core of the region over the same database and broker: it takes jobs from the same queues, and what it
 * changes reaches the gateway through the first. A process that can be killed and started again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homePaths } from '../../cli/home/paths.ts';
import { coreOf } from '../../cli/installation/names.ts';
import { writePrivate } from '../../platform/config-file.ts';
import { freePort } from '../../platform/ports.ts';
import { type Child, startChild } from '../../testkit/children.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { REPOSITORY, type System } from '../../testkit/system.ts';
import { REGION } from './plan.ts';

const READY_TIMEOUT_MS = 30_000;

export class SecondCore {
  readonly #configFile: string;
  #child: Child | undefined;

  private constructor(configFile: string) {
    this.#configFile = configFile;
  }

  static async start(system: System, region: string = REGION): Promise<SecondCore> {
    const first = join(homePaths(system.home).component(coreOf(region)), 'config.json');
    const config = JSON.parse(await readFile(first, 'utf8')) as { kmip: object; health: object };
    const configFile = join(temporaryDirectory('second-core'), 'config.json');
    const second = {
      ...config,
      instance: 'core-2',
      kmip: { ...config.kmip, port: await freePort() },
      health: { ...config.health, port: await freePort() },
    };
    await writePrivate(configFile, JSON.stringify(second));
    const core = new SecondCore(configFile);
    await core.start();
    return core;
  }

  async start(): Promise<void> {
    this.#child = await startChild({
      name: 'core-2',
      command: process.execPath,
      args: [join(REPOSITORY, 'execution', 'core', 'main.ts'), '--config', this.#configFile],
    });
    await this.#child.waitForLine(/"msg":"ready"/, READY_TIMEOUT_MS);
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
