/** The commands of docs/guide/recovering.md, run as they stand there: those of each block that is marked with a name. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../../testkit/system.ts';

const GUIDE = join(REPOSITORY, 'docs', 'guide', 'recovering.md');
const COMMAND_TIMEOUT_MS = 60_000;

export interface Administrator {
  /** Where psql, pg_dump and pg_restore are. */
  readonly programs: string;
  /** Connection services by name: where each database is, and who may enter. */
  readonly serviceFile: string;
  /** Where files are written and read. */
  readonly directory: string;
}

function block(name: string): string {
  const found = new RegExp(`<!-- run: ${name} -->\\s*\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(
    readFileSync(GUIDE, 'utf8'),
  );
  if (found?.[1] === undefined) throw new Error(`${GUIDE} has no block "${name}"`);
  return found[1];
}

/** Rejects, with what was said, when a command fails. */
export async function follow(name: string, who: Administrator): Promise<void> {
  await promisify(execFile)('sh', ['-eu', '-c', block(name)], {
    cwd: who.directory,
    timeout: COMMAND_TIMEOUT_MS,
    env: {
      PATH: `${who.programs}:/usr/bin:/bin`,
      PGSERVICEFILE: who.serviceFile,
      LC_ALL: 'C',
      HOME: who.directory,
    },
  });
}
