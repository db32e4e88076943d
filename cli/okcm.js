#!/usr/bin/env node
// The launcher. OpenKCM is TypeScript that Node 24 runs as it stands; on an older Node this file starts the one
// that `npm ci` has put into node_modules, and says what to do when there is none. It must therefore stay
// plain JavaScript that an old Node can read.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import * as nodeModule from 'node:module'; // whole: an old Node knows fewer of its names
import { fileURLToPath } from 'node:url';

const program = new URL('./okcm.ts', import.meta.url);
const NEEDED_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR) {
  keepCompiledCode();
  await import('../platform/bundled-packages.mjs');
  await import(program.href);
} else {
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (!existsSync(own)) {
    console.error(
      `okcm: Node ${NEEDED_MAJOR} or newer is needed, this is ${process.version}\n` +
        '  hint: run `npm ci` in the checkout; it installs a Node of its own beside the packages',
    );
    process.exit(1);
  }
  const child = spawn(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; only the child decides when it is over. Others may signal only this process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(`okcm: ${own} does not start: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

// To take the types off takes as long as all else that a short command does. What is kept lies beside what it was made of, so
// that nobody can change the one who could not change the other; and only for whose checkout it is, since what root left there they
// could not remove.
function keepCompiledCode() {
  const checkout = fileURLToPath(new URL('..', import.meta.url));
  if (statSync(checkout).uid !== process.getuid?.()) return;
  nodeModule.enableCompileCache(fileURLToPath(new URL('../.build/compile-cache', import.meta.url)));
}
