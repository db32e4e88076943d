/**
 * A worker of a gateway: the whole gateway but for its ports, which are the primary's. Started by the primary alone:
 * `worker.ts --config FILE`, with a pipe to it.
 */
import type { Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { readConfig } from '../../../platform/config-file.ts';
import { errorMessage, OkcmError } from '../../../platform/errors.ts';
import { createLogger } from '../../../platform/log.ts';
import { guardProcess } from '../../../platform/process-guard.ts';
import { installShutdown, onShutdown, shutdown } from '../../../platform/shutdown.ts';
import { watchMemoryLock, wipeAllSecrets } from '../../envelope/index.ts';
import { tuneCollector } from '../collector.ts';
import { GatewayConfig } from '../config.ts';
import { startGateway } from '../gateway.ts';
import type { Ready, ToPrimary, ToWorker } from './messages.ts';
import { WorkerCrew } from './worker-crew.ts';

async function main(): Promise<void> {
  if (process.send === undefined)
    throw new OkcmError('USAGE', 'a worker is started by its gateway (main.ts)');
  tuneCollector();
  const guard = await guardProcess();
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new OkcmError('USAGE', 'usage: worker.ts --config FILE');
  const config = await readConfig(values.config, GatewayConfig);
  const logger = createLogger({ name: 'gateway', level: config.log.level }).child({ worker: process.pid });
  for (const problem of guard.problems) logger.warn(problem);
  installShutdown({ logger });
  onShutdown('secrets', wipeAllSecrets);
  // The kernel closes the pipe however the primary dies: nobody hands us connections any more, and its successor has workers
  // of its own.
  const abandoned = (): void => void shutdown('the primary process is gone');
  process.once('disconnect', abandoned);
  // Since before anybody listened.
  if (!process.connected) return abandoned();
  const crew = new WorkerCrew({
    send: sendToPrimary,
    onStop: () => void shutdown('the gateway stops'),
    logger,
  });
  process.on('message', (message, socket) => crew.hear(message as ToWorker, socket as Socket | undefined));
  const gateway = await startGateway(config, { logger, crew });
  onShutdown('gateway', () => gateway.close());
  process.on('SIGHUP', () => void gateway.reloadTls());
  watchMemoryLock((status) =>
    logger.warn({ memory: status }, status.problem ?? 'key memory is locked again'),
  );
}

/** A primary that is gone hears nothing, and its end is an event of its own. */
function sendToPrimary(message: ToPrimary | Ready): void {
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

main().catch((error: unknown) => {
  const hint = error instanceof OkcmError ? error.hint : undefined;
  process.stderr.write(`gateway: ${errorMessage(error)}${hint === undefined ? '' : `\n  ${hint}`}\n`);
  process.exit(1);
});
