/**
 * The Krypton core of a region, as a process:
 *
 *     main.ts --config FILE          serve
 *     main.ts init --config FILE     initialise the region once, then exit
 */
import { parseArgs } from 'node:util';
import { readConfig } from '../../platform/config-file.ts';
import { errorMessage, OkcmError } from '../../platform/errors.ts';
import { createLogger, type Logger } from '../../platform/log.ts';
import { watchParent } from '../../platform/parent-watch.ts';
import { guardProcess } from '../../platform/process-guard.ts';
import { installShutdown, onShutdown } from '../../platform/shutdown.ts';
import { watchMemoryLock, wipeAllSecrets } from '../envelope/index.ts';
import { CoreConfig } from './config.ts';
import { initialiseRegion } from './init.ts';
import { startCore } from './start.ts';

async function serve(config: CoreConfig, logger: Logger): Promise<void> {
  installShutdown({ logger });
  onShutdown('secrets', wipeAllSecrets);
  const core = await startCore(config, { logger });
  watchMemoryLock((status) =>
    logger.warn({ memory: status }, status.problem ?? 'key memory is locked again'),
  );
  onShutdown('core', () => core.close());
  // For who wants to be sure at once: changes of the files are seen without it.
  process.on('SIGHUP', () => void core.reloadTls());
}

async function main(): Promise<void> {
  const parent = watchParent();
  const guard = await guardProcess();
  await parent.released;
  const { values, positionals } = parseArgs({
    options: { config: { type: 'string' } },
    allowPositionals: true,
  });
  const [command = 'serve', ...rest] = positionals;
  if (values.config === undefined || rest.length > 0 || (command !== 'serve' && command !== 'init')) {
    throw new OkcmError('USAGE', 'usage: main.ts [init] --config FILE');
  }
  const config = await readConfig(values.config, CoreConfig);
  const logger = createLogger({ name: `core ${config.region}/${config.instance}`, level: config.log.level });
  for (const problem of guard.problems) logger.warn(problem);
  if (command === 'serve') {
    await serve(config, logger);
    return;
  }
  const { created } = await initialiseRegion(config, logger);
  logger.info(
    { region: config.region, created },
    created ? 'the region is initialised' : 'it was initialised before',
  );
}

main().catch((error: unknown) => {
  const hint = error instanceof OkcmError ? error.hint : undefined;
  process.stderr.write(`core: ${errorMessage(error)}${hint === undefined ? '' : `\n  ${hint}`}\n`);
  process.exit(1);
});
