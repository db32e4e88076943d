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
  keepLog,
  STOPPED,
  STOPPED_WITH_LOSS,
} from './checkpoints.ts';
import { errcodeOf, isFlushLost } from './sqlite-errors.ts';

const { path, stopped } = workerData as CheckpointThreadData;
const db = new DatabaseSync(path, { timeout: CHECKPOINT_BUSY_MS });
db.exec('PRAGMA synchronous = NORMAL');
let hasLost = false;

function checkpoint(): CheckpointOutcome {
  try {
    return { isWhole: bringIn(db) };
  } catch (error) {
    if (isFlushLost(error)) {
      hasLost = true;
      keepLog(db);
    }
    return { failed: { message: errorMessage(error), errcode: errcodeOf(error) } };
  }
}

function stop(): void {
  try {
    if (!hasLost) db.close();
  } finally {
    Atomics.store(stopped, 0, hasLost ? STOPPED_WITH_LOSS : STOPPED);
    Atomics.notify(stopped, 0);
    if (!hasLost) parentPort?.close();
  }
}

parentPort?.on('message', (order: CheckpointOrder) => {
  if (order === 'stop') stop();
  else parentPort?.postMessage(checkpoint());
});
