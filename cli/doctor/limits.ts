/** What the system permits a component (ulimit), against what the limits of the component ask for. */
import { DATABASE_POOL_MAX, MAX_GATEWAY_CONNECTIONS } from '../../execution/core/limits.ts';
import { ARENA_BYTES, SLOT_SIZES_BYTES } from '../../execution/envelope/arena.ts';
import { MAX_SECRET_MEMORY_BYTES } from '../../execution/envelope/index.ts';
import {
  DEFAULT_KEY_MEMORY_BYTES,
  MAX_CONNECTIONS,
  MAX_LEASED_BYTES,
} from '../../execution/gateway/limits.ts';
import { defaultLimits } from '../../execution/keychain/limits.ts';
import type { ProcessLimits } from './processes.ts';
import type { Subject } from './subject.ts';
import { finding, passed, type Verdict } from './verdict.ts';

/** Files of the program itself, of its store, log and libraries, and connections to whatever it stands on. */
const BASE_FILES = 256;
/** CMK bounds its connections by nothing of its own. */
const CMK_FILES = 1_024;
/** One arena of each size: the first keys lie in these. */
const FIRST_ARENAS_BYTES = SLOT_SIZES_BYTES.length * ARENA_BYTES;

export interface Needs {
  /** Open files at the bounds of limits.ts. */
  readonly files: number;
  /** Locked memory once as many keys are in use as may be; 0 where none is. */
  readonly lockedBytes: number;
}

export function needsOf(subject: Subject): Needs {
  const capped = (bytes: number): number => Math.min(MAX_SECRET_MEMORY_BYTES, FIRST_ARENAS_BYTES + bytes);
  switch (subject.kind) {
    case 'cmk':
      return { files: CMK_FILES, lockedBytes: 0 };
    case 'core': {
      const keys = subject.config.keyMemoryBytes ?? defaultLimits.keyMemoryBytes;
      return { files: BASE_FILES + DATABASE_POOL_MAX + MAX_GATEWAY_CONNECTIONS, lockedBytes: capped(keys) };
    }
    case 'gateway': {
      const keys = subject.config.limits.keyMemoryBytes ?? DEFAULT_KEY_MEMORY_BYTES;
      return { files: BASE_FILES + MAX_CONNECTIONS, lockedBytes: capped(keys + MAX_LEASED_BYTES) };
    }
  }
}

/** `whose`: of the component that runs, or of this shell, which hands them on to what it starts. */
export function judgeLimits(needs: Needs, limits: ProcessLimits, whose: 'component' | 'shell'): Verdict[] {
  const who = whose === 'component' ? `process ${limits.pid}` : 'this shell';
  return [
    judgeFiles(needs, limits, who),
    ...judgeMemory(needs, limits, who),
    ...judgeDumps(limits, whose, who),
  ];
}

function judgeFiles({ files: needed }: Needs, { openFiles }: ProcessLimits, who: string): Verdict {
  const checked = 'limit of open files';
  if (openFiles === undefined) return passed(checked, `${who}: unlimited`, { needed });
  const facts = { limit: openFiles, needed };
  const told = `${who} may open ${openFiles} files; ${needed} are needed at the limits of the component`;
  if (openFiles < BASE_FILES) return finding('NOFILE_TOO_LOW', checked, told, facts);
  if (openFiles < needed) return finding('NOFILE_LOW', checked, told, facts);
  return passed(checked, `${who}: ${openFiles}`, facts);
}

function judgeMemory(
  { lockedBytes: needed }: Needs,
  { lockedBytes, mayLockAll }: ProcessLimits,
  who: string,
): Verdict[] {
  const checked = 'limit of locked memory';
  if (needed === 0) return [];
  const neededKiB = Math.ceil(needed / 1024);
  if (lockedBytes === undefined) return [passed(checked, `${who}: unlimited`, { neededKiB })];
  const facts = { limitKiB: Math.floor(lockedBytes / 1024), neededKiB };
  if (mayLockAll) return [passed(checked, `${who} may lock all it wants (CAP_IPC_LOCK)`, facts)];
  const told = `${who} may lock ${facts.limitKiB} KiB; keys take up to ${neededKiB} KiB`;
  if (lockedBytes < FIRST_ARENAS_BYTES) return [finding('MEMLOCK_TOO_LOW', checked, told, facts)];
  if (lockedBytes < needed) return [finding('MEMLOCK_LOW', checked, told, facts)];
  return [passed(checked, `${who}: ${facts.limitKiB} KiB`, facts)];
}

/** A component empties its filter when it starts (platform/process-guard.ts), so a shell says nothing about it. */
function judgeDumps(
  { coreBytes, dumpsMemory }: ProcessLimits,
  whose: 'component' | 'shell',
  who: string,
): Verdict[] {
  const checked = 'core dumps';
  if (whose === 'shell') return [];
  if (coreBytes === 0 || dumpsMemory === false) return [passed(checked, `${who}: none that holds memory`)];
  if (dumpsMemory === undefined) return [];
  const told = `a crash of ${who} would write its memory into a file of ${coreBytes ?? 'any'} bytes`;
  return [finding('CORE_DUMPS_ON', checked, told, { pid: who })];
}
