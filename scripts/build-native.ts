// Compiles the native addons, at the end of `npm ci` and whenever asked: `npm run build:native`.
//
// An addon that cannot be built must not break an installation that may never use it: npm goes on, a word says what is
// missing, and what needs the addon says so again.
import { type Addon, build } from './native-addon.ts';

const ADDONS: readonly Addon[] = [
  {
    name: 'pkcs11js',
    folder: 'node_modules/pkcs11js',
    sourceFolder: 'src',
    sources: ['src/dl.cpp', 'src/common.cpp', 'src/main.cpp'],
    includes: ['includes'],
    module: 'build/Release/pkcs11.node',
    compiler: { program: 'c++', debianPackage: 'g++' },
    flags: ['-std=c++17', '-DNODE_GYP_MODULE_NAME=pkcs11'],
    loss: 'no region can be sealed by a PKCS#11 token, and the tests of that seal fail',
    restore: 'npm install --no-save --ignore-scripts graphene-pk11',
  },
  {
    name: 'gcm',
    folder: 'execution/envelope',
    sourceFolder: 'native',
    sources: ['native/gcm.c'],
    includes: [],
    module: '../../.build/native/gcm.node',
    compiler: { program: 'cc', debianPackage: 'gcc' },
    flags: ['-std=c11'],
    loss: 'gateways encrypt by the runtime’s own ciphers, at a fraction of the speed',
    restore: 'git checkout execution/envelope/native',
  },
];

let complete = true;
for (const addon of ADDONS) {
  const outcome = build(addon);
  if (outcome.state === 'missing') {
    complete = false;
    console.error(outcome.word);
  } else {
    console.log(`native addons: ${addon.name} ${outcome.state === 'built' ? 'built' : 'is there'}`);
  }
}
if (!complete && process.env['npm_lifecycle_event'] !== 'postinstall') process.exitCode = 1;
