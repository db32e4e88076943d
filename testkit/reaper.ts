// Nothing that a test started may outlive it, even when the test runner is killed: a small shell waits at a pipe whose
// other end only we hold, and cleans up when it closes, however we ended.
import { spawn } from 'node:child_process';

export interface ReaperTask {
  /** Process groups to end (leaders' process ids), politely first. */
  readonly processGroups?: readonly number[];
  /** The polite signal; SIGKILL follows after two seconds. Default TERM. */
  readonly signal?: 'TERM' | 'QUIT' | 'KILL';
  /** Directories to remove afterwards. */
  readonly directories?: readonly string[];
}

// No "--" before the group: the kill of some shells (dash) does not know it.
const SCRIPT = `
read -r _
for group in $GROUPS_TO_END; do kill -"$SIGNAL" "-$group" 2>/dev/null; done
for group in $GROUPS_TO_END; do
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -0 "-$group" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "-$group" 2>/dev/null
done
[ "$#" -gt 0 ] && rm -rf -- "$@"
exit 0
`;

/** Promises the clean-up; returns how to call it off, for what ended in order. */
export function reapAtEnd(task: ReaperTask): () => void {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', ...(task.directories ?? [])], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {
      PATH: '/usr/bin:/bin',
      SIGNAL: task.signal ?? 'TERM',
      GROUPS_TO_END: (task.processGroups ?? []).join(' '),
    },
  });
  shell.unref();
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  return () => {
    shell.kill('SIGKILL');
  };
}
