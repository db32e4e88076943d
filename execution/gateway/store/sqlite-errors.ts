/** What SQLite's errors mean to the store (https://www.sqlite.org/rescode.html). */

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const SQLITE_IOERR_WRITE = 778;
const SQLITE_IOERR_FSYNC = 1_034;
/** The rest of an extended code says more of the same. */
const PRIMARY = 0xff;

/** 0 where it is none of SQLite's. */
export function errcodeOf(error: unknown): number {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : 0;
  return typeof code === 'number' ? code : 0;
}

/** Somebody else's transaction is in the way. */
export const isBusy = (error: unknown): boolean => (errcodeOf(error) & PRIMARY) === SQLITE_BUSY;

/** It cannot be written, for lack of room perhaps; what is there is as it was. */
export function cannotWrite(error: unknown): boolean {
  const code = errcodeOf(error);
  return (code & PRIMARY) === SQLITE_FULL || code === SQLITE_IOERR_WRITE;
}

/** What was written is perhaps not on the disk, and no later flush tells so again. */
export const isFlushLost = (error: unknown): boolean => errcodeOf(error) === SQLITE_IOERR_FSYNC;
