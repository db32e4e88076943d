/** What a check of an audit chain rests on beside the chain itself: public keys, and checkpoints that were kept elsewhere. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { Checkpoint, isSignedBy } from '../../platform/chain-checkpoints.ts';
import type { ChainCheck } from '../../platform/hash-chain.ts';
import { CliError } from '../errors.ts';

const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Checkpoints count only where one of the keys has signed them. */
export class Trust {
  readonly #keys: readonly KeyObject[];
  readonly #kept: readonly Checkpoint[];

  constructor(keys: readonly KeyObject[], kept: readonly Checkpoint[] = []) {
    this.#keys = keys;
    this.#kept = kept;
  }

  /** Those that were kept elsewhere; `log` undefined: of whichever log they are. */
  keptOf(chain: string, log: string | undefined): Checkpoint[] {
    const kept = this.#kept.filter((checkpoint) => checkpoint.chain === chain);
    const foreign = kept.find((checkpoint) => log !== undefined && checkpoint.log !== log);
    if (foreign !== undefined)
      throw new CliError('USAGE', `a checkpoint of ${chain} is of ${foreign.log}, and this is ${log}`);
    return kept;
  }

  expect(check: ChainCheck, checkpoint: Checkpoint): void {
    if (this.#keys.some((key) => isSignedBy(checkpoint, key))) check.expect(checkpoint);
    else check.forged(checkpoint.sequence);
  }

  get hasKeys(): boolean {
    return this.#keys.length > 0;
  }
}

/** Errors: FILE_UNREADABLE. */
export async function readKeys(paths: readonly string[]): Promise<KeyObject[]> {
  return await Promise.all(
    paths.map(async (path) => {
      try {
        const key = createPublicKey(await readFile(path));
        if (key.asymmetricKeyType === 'ed25519') return key;
      } catch (cause) {
        throw new CliError('FILE_UNREADABLE', `${path} holds no public key`, { cause });
      }
      throw new CliError('FILE_UNREADABLE', `${path} holds no Ed25519 key`);
    }),
  );
}

/** Files with a checkpoint in each line, or directories of such files that end in .json. Errors: FILE_UNREADABLE. */
export async function readKept(paths: readonly string[]): Promise<Checkpoint[]> {
  const kept: Checkpoint[] = [];
  for (const path of paths) for (const file of await filesOf(path)) kept.push(...(await checkpointsIn(file)));
  return kept;
}

async function filesOf(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = await readdir(path);
    return names.filter((name) => name.endsWith('.json')).map((name) => join(path, name));
  } catch (cause) {
    throw new CliError('FILE_UNREADABLE', `${path} cannot be read`, { cause });
  }
}

async function checkpointsIn(path: string): Promise<Checkpoint[]> {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new CliError('FILE_UNREADABLE', `${path} has more than 16 MiB`);
  const text = await readFile(path, 'utf8');
  const whole = parsed(text);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  // What --out of `okcm audit checkpoint` writes is one document; logs and lists have one in each line.
  const values = whole === undefined ? lines.map(parsed) : [whole];
  return values.map((value) => {
    if (Value.Check(Checkpoint, value)) return value;
    throw new CliError('FILE_UNREADABLE', `${path} holds something that is no checkpoint`);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
