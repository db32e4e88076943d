/** Room where a component writes. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../../platform/errors.ts';
import { finding, passed, type Verdict } from './verdict.ts';

const MIB = 1024 ** 2;
/** A few segments of PostgreSQL's log, or a day of a busy gateway's audit events. */
export const DISK_FULL_BYTES = 256 * MIB;
export const DISK_LOW_BYTES = 2 * 1024 * MIB;
/** Of what holds this many files at all; some file systems do not count them. */
const INODES_LOW = 10_000;

export interface Room {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  readonly totalInodes: number;
}

export function judgeRoom(directory: string, room: Room): Verdict {
  const checked = 'room on the disk';
  const freeMiB = Math.floor(room.freeBytes / MIB);
  const facts = {
    directory,
    freeMiB,
    totalMiB: Math.floor(room.totalBytes / MIB),
    freeInodes: room.freeInodes,
  };
  const told = `${freeMiB} MiB of ${facts.totalMiB} MiB are free in ${directory}`;
  const inodesAreLow = room.totalInodes > INODES_LOW && room.freeInodes < INODES_LOW;
  if (room.freeBytes < DISK_FULL_BYTES || (room.totalInodes > 0 && room.freeInodes === 0))
    return finding('DISK_FULL', checked, `${told}, ${room.freeInodes} inodes`, facts);
  if (room.freeBytes < DISK_LOW_BYTES || inodesAreLow)
    return finding('DISK_LOW', checked, `${told}, ${room.freeInodes} inodes`, facts);
  return passed(checked, told, facts);
}

/** Of the directory, or of what it will be made in. */
export async function checkRoom(directory: string): Promise<Verdict[]> {
  for (let at = directory; ; at = dirname(at)) {
    try {
      const { bavail, bsize, blocks, ffree, files } = await statfs(at);
      const room = {
        freeBytes: bavail * bsize,
        totalBytes: blocks * bsize,
        freeInodes: ffree,
        totalInodes: files,
      };
      return [judgeRoom(directory, room)];
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || dirname(at) === at) throw error;
    }
  }
}
