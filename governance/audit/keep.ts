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

export type Kept = 'kept' | 'older' | 'differs';

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

/** `older`: what lies there is of a later event. `differs`: it is of the same event, and says another hash. */
export async function keepCheckpoint(directory: string, checkpoint: Checkpoint): Promise<Kept> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const path = checkpointFile(directory, checkpoint.chain);
  const present = await readCheckpoint(path);
  if (present !== undefined && present.log === checkpoint.log) {
    if (present.sequence > checkpoint.sequence) return 'older';
    if (present.sequence === checkpoint.sequence) return present.hash === checkpoint.hash ? 'kept' : 'differs';
  }
  await writePublic(path, `${JSON.stringify(checkpoint)}\n`);
  return 'kept';
}
