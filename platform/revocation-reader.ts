/**
 * Reads revocation lists in a thread of its own: one with 100,000 entries takes seconds to parse, in which a server would
 * answer nobody. The thread lives for one reading.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { OkcmError } from './errors.ts';
import type { ReadLists, RevocationList } from './revocation-lists.ts';

export interface ReadingTask {
  readonly paths: readonly string[];
  /** PEM of each. */
  readonly trusted: readonly string[];
  /** As they are in use, without their entries, which nobody compares. */
  readonly before: readonly RevocationList[];
}

export type ReadingOutcome =
  | {
      readonly lists: readonly RevocationList[];
      readonly unknownIssuers: readonly string[];
      /** PEM of each. */
      readonly authorities: readonly string[];
    }
  | { readonly code: string; readonly message: string };

/** Memory of the thread; past it the lists are refused. */
const MAX_HEAP_MB = 512;

/** `readRevocationLists`, elsewhere. Errors: CRL_REFUSED, TLS_FILES. */
export async function readRevocationListsAside(
  paths: readonly string[],
  trusted: readonly X509Certificate[],
  before: readonly RevocationList[] = [],
): Promise<ReadLists> {
  const task: ReadingTask = {
    paths,
    trusted: trusted.map((authority) => authority.toString()),
    before: before.map((list) => ({ ...list, revoked: new Set() })),
  };
  const thread = new Worker(new URL('./revocation-thread.ts', import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  let outcome: ReadingOutcome;
  try {
    [outcome] = (await once(thread, 'message')) as [ReadingOutcome];
  } catch (cause) {
    throw new OkcmError('CRL_REFUSED', 'the revocation lists could not be read', { cause });
  } finally {
    await thread.terminate();
  }
  if ('code' in outcome) throw new OkcmError(outcome.code, outcome.message);
  return { ...outcome, authorities: outcome.authorities.map((pem) => new X509Certificate(pem)) };
}
