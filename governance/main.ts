#!/usr/bin/env node
/** The CMK process: `main.ts --config FILE`. Logs JSON lines to standard output; `ready` says that it serves. */
import { parseArgs } from 'node:util';
import { readConfig } from '../platform/config-file.ts';
import { errorMessage, OkcmError } from '../platform/errors.ts';
import { createLogger } from '../platform/log.ts';
import { watchParent } from '../platform/parent-watch.ts';
import { guardProcess } from '../platform/process-guard.ts';
import { installShutdown, onShutdown } from '../platform/shutdown.ts';
import { startCmk } from './cmk.ts';
import { CmkConfig } from './config.ts';

const parent = watchParent();
const guard = await guardProcess();
const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (values.config === undefined) {
  process.stderr.write('usage: main.ts --config FILE\n');
  process.exit(2);
}
try {
  await parent.released;
  const config = await readConfig(values.config, CmkConfig);
  const logger = createLogger({ name: 'cmk', level: config.log.level });
  for (const problem of guard.problems) logger.warn(problem);
  installShutdown({ logger });
  const cmk = await startCmk(config, { logger });
  onShutdown('cmk', () => cmk.close());
} catch (error) {
  const hint = error instanceof OkcmError && error.hint !== undefined ? ` ${error.hint}` : '';
  process.stderr.write(`cmk: ${errorMessage(error)}${hint}\n`);
  process.exit(1);
}
