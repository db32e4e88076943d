// Installs MongoDB's driver and its client-side field-level encryption for the interoperability suite, apart from what
// the product depends on: from npm's registry, with nobody's install script run, and its native module compiled here
// against Debian's libmongocrypt. Run by `npm run setup:clients` and by `npm test`; quick when all is there.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Addon, build } from './native-addon.ts';

const ROOT = resolve(import.meta.dirname, '..');
const INSTALL_LIMIT_MS = 3 * 60_000;
const AGAIN = 'npm run setup:clients';
/** A package of its own, with a lock file of its own. */
const FOLDER = 'suites/interop/mongodb';

const ADDON: Addon = {
  name: 'mongodb-client-encryption',
  folder: `${FOLDER}/node_modules/mongodb-client-encryption`,
  sourceFolder: 'src',
  sources: ['src/mongocrypt.cc'],
  includes: ['../node-addon-api'],
  module: 'build/Release/mongocrypt.node',
  compiler: { program: 'c++', debianPackage: 'g++ libmongocrypt-dev' },
  // Its sources ask for experimental parts of Node-API that have changed since; it uses none of those.
  flags: ['-std=c++17', '-DNODE_GYP_MODULE_NAME=mongocrypt', '-DNODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT'],
  libraries: ['-lmongocrypt'],
  loss: "the interoperability suite of MongoDB's field-level encryption fails",
  restore: `rm -rf ${FOLDER}/node_modules`,
  again: AGAIN,
};

function fail(word: string): never {
  console.error(word);
  process.exit(1);
}

/** Whether npm has run since the lock file changed. */
function isInstalled(): boolean {
  const modified = (path: string): number | undefined =>
    statSync(join(ROOT, FOLDER, path), { throwIfNoEntry: false })?.mtimeMs;
  const installed = modified('node_modules/.package-lock.json');
  return installed !== undefined && installed >= (modified('package-lock.json') ?? 0);
}

if (!isInstalled()) {
  const { error, status } = spawnSync(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=peer', '--loglevel=error'],
    { cwd: join(ROOT, FOLDER), stdio: 'inherit', timeout: INSTALL_LIMIT_MS },
  );
  if (error !== undefined || status !== 0) {
    fail(`npm ci failed in ${FOLDER}: ${error?.message ?? `exit code ${status}`}. Again: ${AGAIN}`);
  }
}
const outcome = build(ADDON);
if (outcome.state === 'missing') fail(outcome.word);
console.log(`MongoDB client: ${outcome.state === 'built' ? 'installed' : 'is there'}`);
