/**
 * RNG Seed (KMIP 1.4 §4.36): the generator is seeded by the system, and takes nothing from clients of any tenant. The
 * clause lets a server ignore the seed and say so with a Data Length of zero, which is no error.
 */
import type { Operation } from '../../../kmip/index.ts';
import type { Handler } from '../context.ts';

export const rngSeedHandler: Handler<typeof Operation.RNGSeed> = async (_request, context) => {
  context.events.push({ event: 'RNG_SEED_IGNORED', outcome: 'success' });
  return { dataLength: 0 };
};
