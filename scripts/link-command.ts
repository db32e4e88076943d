// Puts `okcm` where npx looks first, at the end of `npm ci`: npm links the commands of a package's dependencies and not its
// own, and npx would make an installation of this checkout, with everything that is built for it, before the first command.
import { rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(import.meta.dirname, '..', 'node_modules', '.bin');
const link = join(folder, 'okcm');
try {
  rmSync(link, { force: true });
  symlinkSync('../../cli/okcm.js', link);
} catch (error) {
  console.error(`npx okcm: starts later than it could (${String(error)})`);
}
