// Temporary directories that vanish with the test process.
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { reapAtEnd } from './reaper.ts';

/** A fresh directory; searchable for all, since servers run as other users. Removed after this process ends. */
export function temporaryDirectory(name = 'test'): string {
  const path = mkdtempSync(join(tmpdir(), `okcm-${name}-`));
  chmodSync(path, 0o755);
  reapAtEnd({ directories: [path] });
  return path;
}
