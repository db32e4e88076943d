/**
 * Looks for byte patterns in the whole memory of another process: every mapping that can be read, in dumps or not.
 * Needs the right to trace that process (root, or the same user).
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Half a key: freed memory was seen to lose the first half to the allocator and keep the second. */
const WINDOW_BYTES = 16;
const KEY_BYTES = 32;
const CHUNK_BYTES = 8 * 1024 * 1024;
const PAGE_BYTES = 4096;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);
/** Memory of the kernel's own, which cannot be read through /proc. */
const KERNELS_OWN = /^\[(?:vvar|vsyscall|vvar_vclock)\]$/;

export interface Pattern {
  readonly name: string;
  /** At least 16 bytes. Any aligned 16 of them count as found. */
  readonly bytes: Buffer;
}

export interface Finding {
  readonly name: string;
  /** Such as `[heap]`, or the path of a mapped file; empty for anonymous memory. */
  readonly mapping: string;
}

export interface Scan {
  readonly findings: readonly Finding[];
  readonly scannedBytes: number;
}

export function scanMemory(pid: number, patterns: readonly Pattern[]): Scan {
  const index = indexOf(patterns);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const buffer = Buffer.alloc(CHUNK_BYTES + WINDOW_BYTES);
  const findings: Finding[] = [];
  let scannedBytes = 0;
  try {
    for (const { from, to, mapping } of mappingsOf(pid)) {
      for (let at = from; at < to; at += BigInt(CHUNK_BYTES)) {
        const want = Number(min(to - at, BigInt(buffer.length)));
        const got = readAt(memory, buffer, want, at);
        if (got === 0) break;
        scannedBytes += Math.min(got, CHUNK_BYTES);
        for (const name of index.namesIn(buffer, got)) findings.push({ name, mapping });
      }
    }
  } finally {
    closeSync(memory);
  }
  return { findings, scannedBytes };
}

function* mappingsOf(pid: number): Generator<{ from: bigint; to: bigint; mapping: string }> {
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from, to, mode = '', mapping = ''] =
      /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
    if (from === undefined || to === undefined || !mode.startsWith('r') || KERNELS_OWN.test(mapping))
      continue;
    yield { from: BigInt(`0x${from}`), to: BigInt(`0x${to}`), mapping };
  }
}

/** 0 where the mapping went away while we looked. */
function readAt(memory: number, buffer: Buffer, sizeBytes: number, at: bigint): number {
  try {
    return readSync(memory, buffer, 0, sizeBytes, at);
  } catch {
    return 0;
  }
}

/**
 * What could be a key in the memory that another process has had left out of core dumps, which is where it keeps its
 * secrets: every 32 bytes at a multiple of 16 that are not all alike.
 */
export function keysInMemory(pid: number): Buffer[] {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const found = new Map<string, Buffer>();
  try {
    for (const { from, to } of undumpedMappings(pid)) {
      const bytes = Buffer.alloc(Number(to - from));
      const size = readAt(memory, bytes, bytes.length, from);
      for (let at = 0; at + KEY_BYTES <= size; at += WINDOW_BYTES) {
        const key = bytes.subarray(at, at + KEY_BYTES);
        if (!key.every((byte) => byte === key[0])) found.set(key.toString('latin1'), key);
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found.values()];
}

function* undumpedMappings(pid: number): Generator<{ from: bigint; to: bigint }> {
  const mappings = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  for (const mapping of mappings) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(mapping) ?? [];
    if (from === undefined || to === undefined || !/^VmFlags:.* dd\b/m.test(mapping)) continue;
    yield { from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) };
  }
}

/** The names of all patterns that stand in `bytes`, in halves, each as often as it does. */
export function findPatterns(bytes: Buffer, patterns: readonly Pattern[]): string[] {
  return [...indexOf(patterns).namesIn(bytes, bytes.length)];
}

/** One pass over the memory for all patterns: the first two bytes select, the next decide. */
function indexOf(patterns: readonly Pattern[]) {
  const starts = new Uint8Array(0x1_0000);
  const windows = new Map<number, { name: string; bytes: Buffer }[]>();
  for (const { name, bytes } of patterns) {
    for (let at = 0; at + WINDOW_BYTES <= bytes.length; at += WINDOW_BYTES) {
      const window = { name, bytes: bytes.subarray(at, at + WINDOW_BYTES) };
      starts[window.bytes.readUInt16LE(0)] = 1;
      const key = window.bytes.readUInt32LE(0);
      windows.set(key, [...(windows.get(key) ?? []), window]);
    }
  }
  return {
    *namesIn(memory: Buffer, sizeBytes: number): Generator<string> {
      const last = sizeBytes - WINDOW_BYTES;
      for (let page = 0; page <= last; page += PAGE_BYTES) {
        if (isZero(memory, page, sizeBytes)) continue;
        const end = Math.min(page + PAGE_BYTES - 1, last);
        for (let at = page; at <= end; at++) {
          if (starts[(memory[at] ?? 0) | ((memory[at + 1] ?? 0) << 8)] === 0) continue;
          for (const { name, bytes } of windows.get(memory.readUInt32LE(at)) ?? []) {
            if (bytes.compare(memory, at, at + WINDOW_BYTES) === 0) yield name;
          }
        }
      }
    },
  };
}

/** Most of what a process has mapped was never written. */
function isZero(memory: Buffer, page: number, sizeBytes: number): boolean {
  return page + PAGE_BYTES <= sizeBytes && ZERO_PAGE.compare(memory, page, page + PAGE_BYTES) === 0;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
