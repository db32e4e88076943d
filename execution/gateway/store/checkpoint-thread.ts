/** The thread of `checkpoints.ts`, with a connection of its own. */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { CHECKPOINT_BUSY_MS } from '../limits.ts';
import type { CheckpointOrder, CheckpointOutcome, CheckpointThreadData } from './checkpoints.ts';

const { path, stopped } = workerData as CheckpointThreadData;
const db = new DatabaseSync(path, { timeout: CHECKPOINT_BUSY_MS });
db.exec('PRAGMA synchronous = NORMAL');
// Almost all of it while others write; then the rest, for which they wait, so that the next commit begins the log anew.
const most = db.prepare('PRAGMA wal_checkpoint(PASSIVE)');
const rest = db.prepare('PRAGMA wal_checkpoint(RESTART)');

function checkpoint(): CheckpointOutcome {
  try {
    // Where somebody still reads what was there before, the next one does it: nobody shall wait for that.
    const { busy, log, checkpointed } = most.get() as { busy: number; log: number; checkpointed: number };
    if (busy === 0 && log - checkpointed < log / 2) rest.get();
    return 'done';
  } catch {
    return 'failed';
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
