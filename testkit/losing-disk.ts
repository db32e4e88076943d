/**
 * A disk that loses what it was to flush: a library that is loaded before the system's own, for the processes of a test. It keeps in
 * `FILE.flushed` what of FILE, a database of SQLite, is on the disk. Once a file `FILE.lose` lies beside it, the next flush fails with
 * EIO: what it was to write stays as it is to whoever reads it, and is never written by a later flush, unless it is changed again.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './directories.ts';

const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define PAGE 4096

/* What differs from what was lost goes to the disk; "lost" may be the disk itself. */
static void bring(int file, int disk, int lost) {
  char page[PAGE], other[PAGE];
  ssize_t n;
  for (off_t at = 0; (n = pread(file, page, PAGE, at)) > 0; at += n) {
    if (pread(lost, other, PAGE, at) == n && memcmp(page, other, (size_t)n) == 0) continue;
    if (pwrite(disk, page, (size_t)n, at) != n) return;
    if (lost != disk && pwrite(lost, page, (size_t)n, at) != n) return;
  }
}

static int flush(int file, const char *name) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  char link[64], path[PATH_BYTES], beside[PATH_BYTES + 16];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 7) return real(file);
  path[length] = 0;
  if (strcmp(path + length - 7, ".sqlite") != 0) return real(file);

  snprintf(beside, sizeof beside, "%s.lose", path);
  int loses = unlink(beside) == 0;
  snprintf(beside, sizeof beside, "%s.lost", path);
  int lost = open(beside, loses ? O_RDWR | O_CREAT : O_RDWR, 0600);
  if (loses) {
    bring(file, lost, lost);
    close(lost);
    errno = EIO;
    return -1;
  }
  snprintf(beside, sizeof beside, "%s.flushed", path);
  int disk = open(beside, O_RDWR | O_CREAT, 0600);
  bring(file, disk, lost < 0 ? disk : lost);
  close(disk);
  if (lost >= 0) close(lost);
  return real(file);
}

int fsync(int file) { return flush(file, "fsync"); }
int fdatasync(int file) { return flush(file, "fdatasync"); }
`;

/** For LD_PRELOAD. Fails with the command that installs a compiler. */
export function losingDisk(): string {
  const directory = temporaryDirectory('losing-disk');
  const source = join(directory, 'losing-disk.c');
  const library = join(directory, 'losing-disk.so');
  writeFileSync(source, SOURCE);
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { stdio: 'pipe' });
  } catch (cause) {
    throw new Error('no C compiler: apt-get install gcc libc6-dev', { cause });
  }
  return library;
}

/** Something of it is on the disk. */
export const hasFlushed = (file: string): boolean => existsSync(`${file}.flushed`);

/** The next flush of this file fails. */
export function loseNextFlush(file: string): void {
  writeFileSync(`${file}.lose`, '');
}

/** The power goes, once nobody has the file open. */
export function loseWhatIsNotFlushed(file: string): void {
  copyFileSync(`${file}.flushed`, file);
}
