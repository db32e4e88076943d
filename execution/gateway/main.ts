/** The gateway as a process: `node execution/gateway/main.ts --config FILE`. */
import { parseArgs } from 'node:util';
import { readConfig } from '../../platform/config-file.ts';
import { errorMessage, OkcmError } from '../../platform/errors.ts';
import { createLogger } from '../../platform/log.ts';
import { watchParent } from '../../platform/parent-watch.ts';
import { guardProcess } from '../../platform/process-guard.ts';
import { installShutdown, onShutdown } from '../../platform/shutdown.ts';
import { watchMemoryLock, wipeAllSecrets } from '../envelope/index.ts';
import { tuneCollector } from './collector.ts';
import { GatewayConfig } from './config.ts';
import { startGateway } from './gateway.ts';
import { workersOf } from './workers/count.ts';
import { startWorkers } from './workers/primary.ts';

/**
 * Answers are cut from slabs of this size. The runtime's own, of 8 KiB, is used up by a few of them, and each slab is an
 * allocation outside of the heap.
 */
const SLAB_BYTES = 64 * 1024;

async function main(): Promise<void> {
  Buffer.poolSize = SLAB_BYTES;
  const parent = watchParent();
  const guard = await guardProcess();
  await parent.released;
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new OkcmError('USAGE', 'usage: main.ts --config FILE');
  const config = await readConfig(values.config, GatewayConfig);
  const logger = createLogger({ name: 'gateway', level: config.log.level });
  for (const problem of guard.problems) logger.warn(problem);
  installShutdown({ logger });
  onShutdown('secrets', wipeAllSecrets);
  const count = workersOf(config);
  if (count === 1) tuneCollector();
  const gateway =
    count === 1
      ? await startGateway(config, { logger })
      : await startWorkers({ config, count, configPath: values.config, logger });
  watchMemoryLock((status) =>
    logger.warn({ memory: status }, status.problem ?? 'key memory is locked again'),
  );
  onShutdown('gateway', () => gateway.close());
  // For who wants to be sure at once: changes of the files are seen without it.
  process.on('SIGHUP', () => void gateway.reloadTls());
}

main().catch((error: unknown) => {
  // The name tells it from what else reaches the log: the supervisor looks for it.
  const hint = error instanceof OkcmError ? error.hint : undefined;
  process.stderr.write(`gateway: ${errorMessage(error)}${hint === undefined ? '' : `\n  ${hint}`}\n`);
  process.exit(1);
});
