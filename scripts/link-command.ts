// Puts `okcm` where npx looks for the commands of what is installed, at the end of `npm ci`. The package itself names no
// command: npx would install the whole checkout once more for that, and build all that is built for it, before the first one.
import { rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(import.meta.dirname, '..', 'node_modules', '.bin');
const link = join(folder, 'okcm');
try {
  rmSync(link, { force: true });
  symlinkSync('../../cli/okcm.js', link);
} catch (error) {
  console.error(`npx okcm is not to be had, node cli/okcm.js is (${String(error)})`);
}
