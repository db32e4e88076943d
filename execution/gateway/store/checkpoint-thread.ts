/** The thread of `checkpoints.ts`, with a connection of its own. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { errorMessage } from '../../../platform/errors.ts';
import { CHECKPOINT_BUSY_MS } from '../limits.ts';
import {
  bringIn,
  type CheckpointOrder,
  type CheckpointOutcome,
  type CheckpointThreadData,
} from './checkpoints.ts';
import { errcodeOf } from './sqlite-errors.ts';

const { path, stopped } = workerData as CheckpointThreadData;
const db = new DatabaseSync(path, { timeout: CHECKPOINT_BUSY_MS });
db.exec('PRAGMA synchronous = NORMAL');

function checkpoint(): CheckpointOutcome {
  try {
    bringIn(db);
    return {};
  } catch (error) {
    return { failed: { message: errorMessage(error), errcode: errcodeOf(error) } };
  }
}

function stop(): void {
  try {
    db.close();
  } finally {
    Atomics.store(stopped, 0, 1);
    Atomics.notify(stopped, 0);
    parentPort?.close();
  }
}

parentPort?.on('message', (order: CheckpointOrder) => {
  if (order === 'stop') stop();
  else parentPort?.postMessage(checkpoint());
});
