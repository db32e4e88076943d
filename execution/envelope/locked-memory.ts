/**
 * Memory for secrets as the operating system gives it (D3): locked against swapping, left out of core dumps, with an
 * inaccessible page on either side, by libsodium's `sodium_malloc`. Where that cannot be had the bytes lie in
 * ordinary memory, and `memoryLockStatus` says so. Few large allocations only: each takes four of the 65,530
 * mappings that Linux allows a process. `arena.ts` cuts them into slots.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Of all allocations of this process together, in whole pages. */
export const MAX_SECRET_MEMORY_BYTES = 64 * 1024 * 1024;

/** libsodium's canary before the bytes: a request of this much less than whole pages fills its pages exactly. */
export const GUARD_OVERHEAD_BYTES = 16;
const PAGE_BYTES = 4096;

/** This process holds as many secrets as it may. Close what is not needed, or run more processes. */
export class SecretMemoryFullError extends Error {
  readonly code = 'OKCM_SECRET_MEMORY_FULL';
  constructor(what: string) {
    super(`the memory for key material is full: ${what}`);
    this.name = 'SecretMemoryFullError';
  }
}

/**
 * `locked`: the kernel has locked all that was asked for. `partly-locked`, `unlocked`: some of it, or all, may be
 * swapped. `unverified`: libsodium was asked, but this system has no /proc to see what came of it.
 */
export type MemoryLockState = 'locked' | 'partly-locked' | 'unlocked' | 'unverified';

export interface MemoryLockStatus {
  readonly state: MemoryLockState;
  /** Memory for secrets, in whole pages: what ought to be locked. */
  readonly wantedBytes: number;
  /** What the kernel has locked of this process (VmLck); undefined where it cannot be read. */
  readonly lockedBytes: number | undefined;
  /** The soft limit, `ulimit -l`; undefined where it cannot be read. A process with CAP_IPC_LOCK may pass it. */
  readonly limitBytes: number | 'unlimited' | undefined;
  /** Why not all is locked, and what to set; absent when all is. */
  readonly problem?: string;
}

interface Sodium {
  sodium_malloc(sizeBytes: number): Buffer;
  sodium_free(bytes: Buffer): void;
}

let loadError: string | undefined;
const sodium = loadSodium();
let wantedBytes = 0;
let lastState: MemoryLockState = 'locked';
const watchers = new Set<(status: MemoryLockStatus) => void>();

/** It ships with binaries for Linux with glibc, macOS and Windows; elsewhere loading fails, and we go on without it. */
function loadSodium(): Sodium | null {
  try {
    const loaded: unknown = createRequire(import.meta.url)('sodium-native');
    if (!isSodium(loaded)) throw new Error('it has no sodium_malloc');
    return loaded;
  } catch (error) {
    loadError = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : 'unknown error';
    return null;
  }
}

function isSodium(value: unknown): value is Sodium {
  return typeof value === 'object' && value !== null && 'sodium_malloc' in value && 'sodium_free' in value;
}

/**
 * Bytes of their own, never zeroised before: the caller overwrites them, and zeroises them before `release`.
 * @throws SecretMemoryFullError past MAX_SECRET_MEMORY_BYTES.
 */
export function allocate(sizeBytes: number): Buffer {
  const footprintBytes = footprintOf(sizeBytes);
  if (wantedBytes + footprintBytes > MAX_SECRET_MEMORY_BYTES) {
    throw new SecretMemoryFullError(
      `${wantedBytes} bytes are taken, ${MAX_SECRET_MEMORY_BYTES} is the limit, ${footprintBytes} were asked for`,
    );
  }
  // Memory outside the collector's reach either way: the runtime keeps small typed arrays in its heap and moves them.
  const bytes = sodium?.sodium_malloc(sizeBytes) ?? Buffer.from(new ArrayBuffer(sizeBytes));
  if (bytes.length !== sizeBytes)
    throw new SecretMemoryFullError(`the system refused ${footprintBytes} bytes`);
  wantedBytes += footprintBytes;
  tellWatchers();
  return bytes;
}

/**
 * Gives back what `allocate` gave; views of it are empty from then on, and the mapping goes with the next turn of the
 * event loop. libsodium ends the process if its guards were overwritten.
 */
export function release(bytes: Buffer): void {
  const sizeBytes = bytes.length;
  sodium?.sodium_free(bytes);
  wantedBytes -= footprintOf(sizeBytes);
}

/** What an allocation takes of the limit, in bytes. */
export function footprintOf(sizeBytes: number): number {
  return Math.ceil((sizeBytes + GUARD_OVERHEAD_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

/** What was asked for against what the kernel says. Reads two small files of /proc. */
export function memoryLockStatus(): MemoryLockStatus {
  const lockedKiB = /^VmLck:\s+(\d+) kB/m.exec(procFile('status'))?.[1];
  const limit = /^Max locked memory\s+(\S+)/m.exec(procFile('limits'))?.[1];
  const lockedBytes = lockedKiB === undefined ? undefined : Number(lockedKiB) * 1024;
  const limitBytes: MemoryLockStatus['limitBytes'] =
    limit === undefined || limit === 'unlimited' ? limit : Number(limit);
  const measured = { wantedBytes, lockedBytes, limitBytes };
  if (sodium === null) {
    return {
      state: 'unlocked',
      ...measured,
      problem:
        `keys lie in ordinary memory, which may be swapped: sodium-native could not be loaded (${loadError ?? ''}); ` +
        'use a platform that it has binaries for, such as Linux with glibc on x64 or arm64, and install anew',
    };
  }
  if (lockedBytes === undefined) return { state: 'unverified', ...measured };
  if (lockedBytes >= wantedBytes) return { state: 'locked', ...measured };
  return {
    state: lockedBytes === 0 ? 'unlocked' : 'partly-locked',
    ...measured,
    problem:
      `${lockedBytes} of ${wantedBytes} bytes of key memory are locked, the rest may be swapped: ` +
      `the limit (ulimit -l) is ${limitBytes ?? 'unknown'} bytes; set it to ${MAX_SECRET_MEMORY_BYTES} ` +
      `(systemd: LimitMEMLOCK=${MAX_SECRET_MEMORY_BYTES}; containers: --ulimit memlock=${MAX_SECRET_MEMORY_BYTES})`,
  };
}

/** Calls `watch` now if not all is locked, and whenever that changes as memory grows. Returns how to stop. */
export function watchMemoryLock(watch: (status: MemoryLockStatus) => void): () => void {
  watchers.add(watch);
  const status = memoryLockStatus();
  if (status.problem !== undefined) watch(status);
  return () => void watchers.delete(watch);
}

function tellWatchers(): void {
  const status = memoryLockStatus();
  if (status.state === lastState) return;
  lastState = status.state;
  for (const watch of watchers) watch(status);
}

function procFile(name: 'status' | 'limits'): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return '';
  }
}
