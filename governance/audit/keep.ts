/**
 * A directory in which the newest checkpoint of every chain lies as a file, to be copied or mounted where whoever can
 * write CMK's database cannot write. A file is never replaced by a checkpoint of an earlier event.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { Checkpoint } from '../../platform/chain-checkpoints.ts';
import { writePublic } from '../../platform/config-file.ts';
import { errorCode } from '../../platform/errors.ts';

/** Chains are called by tenants' names or `_platform`: each is a file name as it is. */
export const checkpointFile = (directory: string, chain: string): string => join(directory, `${chain}.json`);

/** Undefined where there is none; rejects where there is something else. */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!Value.Check(Checkpoint, value)) throw new Error(`${path} holds no checkpoint`);
  return value;
}

/** What was kept of a chain before. Rejects where it is of another log: two installations cannot share a directory. */
export async function readKept(
  directory: string,
  log: string,
  chain: string,
): Promise<Checkpoint | undefined> {
  const path = checkpointFile(directory, chain);
  const kept = await readCheckpoint(path);
  if (kept !== undefined && kept.log !== log) throw new Error(`${path} is of ${kept.log}, not of ${log}`);
  return kept;
}

/** Unless what lies there is of the same event or a later one. */
export async function keepCheckpoint(directory: string, checkpoint: Checkpoint): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const { log, chain, sequence } = checkpoint;
  const present = await readKept(directory, log, chain);
  if (present !== undefined && present.sequence >= sequence) return;
  await writePublic(checkpointFile(directory, chain), `${JSON.stringify(checkpoint)}\n`);
}
