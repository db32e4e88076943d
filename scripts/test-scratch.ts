// Where the tests put the data of their servers: in memory where the machine has the room. A run makes and removes some
// hundred database clusters, and ext4 looks at every inode that was freed in the last minute before it gives one to a new
// file: on a disk, the longer the run the dearer each file.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reapAtEnd } from '../testkit/reaper.ts';

const MEMORY = '/dev/shm';
/** Several times what the tests hold at once: four files, each with four clusters of some 60 MiB at most. */
const ROOM_BYTES = 4 * 2 ** 30;
/** As for /tmp: a server that must not run as root makes its own files here. */
const OPEN_TO_ALL = 0o1777;

/** Points TMPDIR of this process and its children there; it is removed when the process has ended, however it did. */
export function useScratch(): void {
  const path = inMemory();
  if (path === undefined) return;
  process.env['TMPDIR'] = path;
  process.env['OKCM_TEST_SCRATCH'] = path; // testkit/postgres.ts keeps a cluster here that it copies
  reapAtEnd({ directories: [path] });
}

function inMemory(): string | undefined {
  let path: string | undefined;
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    if (bavail * bsize < ROOM_BYTES) return undefined;
    path = mkdtempSync(join(MEMORY, 'okcm-tests-'));
    chmodSync(path, OPEN_TO_ALL);
    if (runsPrograms(path)) return path;
  } catch {
    // No such file system, or not ours to write: the disk does as well, only slower.
  }
  if (path !== undefined) rmSync(path, { recursive: true, force: true });
  return undefined;
}

/** Containers mount it without the right to run programs, and some tests put programs beside their data. */
function runsPrograms(directory: string): boolean {
  const program = join(directory, 'runs');
  writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
  const { status } = spawnSync(program, { stdio: 'ignore' });
  rmSync(program);
  return status === 0;
}
