/** How many processes a gateway has. */
import { availableParallelism } from 'node:os';
import { OkcmError } from '../../../platform/errors.ts';
import type { GatewayConfig } from '../config.ts';
import { MAX_WORKERS } from '../limits.ts';

/** Errors: WORKERS_NEED_FILE, where several are asked for and the keys do not lie in a file that they can share. */
export function workersOf({ workers, store }: Pick<GatewayConfig, 'workers' | 'store'>): number {
  const { kind = 'sqlite' } = store;
  if (kind === 'sqlite') return workers ?? Math.min(MAX_WORKERS, availableParallelism());
  if (workers === undefined || workers === 1) return 1;
  throw new OkcmError(
    'WORKERS_NEED_FILE',
    `a gateway whose store is ${kind} has one process, not ${workers}`,
    {
      hint: 'set workers to 1, or store.kind to sqlite; more gateways serve more applications too',
    },
  );
}
