/** The thread of revocation-reader.ts. */
import { X509Certificate } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { errorCode, errorMessage } from './errors.ts';
import { readRevocationLists } from './revocation-lists.ts';
import type { ReadingOutcome, ReadingTask } from './revocation-reader.ts';

async function read({ paths, trusted, before }: ReadingTask): Promise<ReadingOutcome> {
  try {
    const authorities = trusted.map((pem) => new X509Certificate(pem));
    const found = await readRevocationLists(paths, authorities, before);
    return { ...found, authorities: found.authorities.map((authority) => authority.toString()) };
  } catch (error) {
    return { code: errorCode(error) ?? 'CRL_REFUSED', message: errorMessage(error) };
  }
}

parentPort?.postMessage(await read(workerData as ReadingTask));
