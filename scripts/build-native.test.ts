// An installation must not break where an addon cannot be built, and must say what to do about it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeEach, test } from 'node:test';
import { temporaryDirectory } from '../testkit/directories.ts';

const MODULE = 'node_modules/pkcs11js/build/Release/pkcs11.node';
const SOURCE = 'node_modules/pkcs11js/src/main.cpp';

let root: string;
const inRoot = (path: string): string => join(root, path);

/** The script beside stand-ins for the sources, which compile in no time. */
beforeEach(() => {
  root = temporaryDirectory('native');
  for (const folder of ['scripts', 'node_modules/pkcs11js/src', 'execution/envelope/native'])
    mkdirSync(inRoot(folder), { recursive: true });
  for (const file of ['build-native.ts', 'native-addon.ts']) {
    cpSync(join(import.meta.dirname, file), inRoot(`scripts/${file}`));
  }
  const headers = resolve(import.meta.dirname, '../node_modules/node-api-headers');
  symlinkSync(headers, inRoot('node_modules/node-api-headers'));
  for (const file of ['dl', 'common']) writeFileSync(inRoot(`node_modules/pkcs11js/src/${file}.cpp`), '');
  writeFileSync(
    inRoot('execution/envelope/native/gcm.c'),
    '#include <node_api.h>\nNAPI_MODULE_INIT() { (void)env; return exports; }\n',
  );
  writeFileSync(
    inRoot(SOURCE),
    '#include <node_api.h>\nNAPI_MODULE(NODE_GYP_MODULE_NAME, [](napi_env, napi_value exports) { return exports; })\n',
  );
});

function build(env: Record<string, string> = {}): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [inRoot('scripts/build-native.ts')], {
    encoding: 'utf8',
    env: { ...process.env, npm_lifecycle_event: 'build:native', ...env },
  });
  return { status, output: stdout + stderr };
}

/** npm takes a failing script for a failed installation; asked for by name, it must not look as if all were well. */
function isMissing(because: RegExp, env: Record<string, string> = {}): void {
  const asked = build(env);
  assert.equal(asked.status, 1, asked.output);
  assert.match(asked.output, because);
  assert.match(
    asked.output,
    /no region can be sealed by a PKCS#11 token.*\n {2}.* && npm run build:native\n/,
  );
  const installing = build({ ...env, npm_lifecycle_event: 'postinstall' });
  assert.equal(installing.status, 0);
  // The other addon was built by the first of the two.
  const alike = (output: string): string =>
    output.replaceAll(/\.node\.\d+/g, '').replace('gcm built', 'gcm is there');
  assert.equal(alike(installing.output), alike(asked.output));
}

test('builds once, and again when a source is newer or the module is spoilt', () => {
  assert.match(build().output, /pkcs11js built/);
  const { mtimeMs } = statSync(inRoot(MODULE));
  assert.deepEqual(build(), {
    status: 0,
    output: 'native addons: pkcs11js is there\nnative addons: gcm is there\n',
  });
  assert.equal(statSync(inRoot(MODULE)).mtimeMs, mtimeMs);

  const later = new Date(Date.now() + 1_000);
  utimesSync(inRoot(SOURCE), later, later);
  assert.match(build().output, /pkcs11js built/);

  writeFileSync(inRoot(MODULE), 'half a file');
  const earlier = new Date(0);
  utimesSync(inRoot(SOURCE), earlier, earlier);
  assert.match(build().output, /pkcs11js built/);
});

test('without a compiler it names the package to install', () => {
  isMissing(/there is no c\+\+[\s\S]*apt-get install -y g\+\+/, { PATH: root });
});

test('without the sources it says how to get them', () => {
  rmSync(inRoot('node_modules/pkcs11js'), { recursive: true });
  isMissing(/npm left out node_modules\/pkcs11js[\s\S]*npm install --no-save --ignore-scripts graphene-pk11/);
});

test('sources that do not compile, or make a module that does not load, leave none behind', () => {
  writeFileSync(inRoot(SOURCE), '#error on purpose');
  isMissing(/c\+\+ failed[\s\S]*on purpose/);
  writeFileSync(inRoot(SOURCE), 'extern int nowhere(); int somewhere = nowhere();');
  isMissing(/undefined symbol/);
  assert.equal(statSync(inRoot(MODULE), { throwIfNoEntry: false }), undefined);
});
