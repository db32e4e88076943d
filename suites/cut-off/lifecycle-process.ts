/** The process of `lifecycle.ts`: asks, tells how long each answer took, and ends when its parent lets go of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { KmipClient, Operation } from '../../execution/kmip/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { ApplicationAccess } from '../support/region.ts';
import type { Asked } from './lifecycle.ts';
import { nowMs, reasonOf } from './tally.ts';

/** Often enough that one of a hundred is not the slowest of all. */
const EVERY_MS = 20;

async function ask(client: KmipClient): Promise<Asked> {
  const atMs = nowMs();
  try {
    await client.request(Operation.Locate, { maximumItems: 1 });
    return { atMs, tookMs: nowMs() - atMs };
  } catch (error) {
    return { atMs, tookMs: nowMs() - atMs, reason: reasonOf(error) };
  }
}

async function askOn(access: ApplicationAccess): Promise<void> {
  const client = new KmipClient({ ...access, poolSize: 1 });
  while (process.connected) {
    const asked = await ask(client);
    if (process.connected) process.send?.(asked);
    await delay(EVERY_MS);
  }
  client.close();
}

process.once('message', (access: ApplicationAccess) => {
  askOn(access).catch((error: unknown) => {
    process.stderr.write(`${errorMessage(error)}\n`);
    process.exit(1);
  });
});
