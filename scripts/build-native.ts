// Compiles the native addons, at the end of `npm ci` and whenever asked: `npm run build:native`. It stands in for
// node-gyp, which wants Python, make and the whole of Node's headers, and downloads the latter. Our addons speak
// Node-API only, whose headers are a small package, so that one call of a compiler makes a module for every Node.
//
// An addon that cannot be built must not break an installation that may never use it: npm goes on, a word says what is
// missing, and what needs the addon says so again.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const HEADERS = 'node_modules/node-api-headers/include';
const COMPILE_LIMIT_MS = 2 * 60_000;
const MAX_REASON_LINES = 6;
const AGAIN = 'npm run build:native';
const APT_GET = process.getuid?.() === 0 ? 'apt-get' : 'sudo apt-get';

interface Addon {
  readonly name: string;
  /** All paths below are relative to it. */
  readonly folder: string;
  /** Everything that the compiler reads lies here; a file newer than the module has it built anew. */
  readonly sourceFolder: string;
  readonly sources: readonly string[];
  readonly includes: readonly string[];
  /** Where the package looks for its module. */
  readonly module: string;
  readonly compiler: { readonly program: string; readonly debianPackage: string };
  readonly flags: readonly string[];
  /** What does not work without it, to complete "without it, …". */
  readonly loss: string;
  /** Puts the sources back, should npm have left them out. */
  readonly restore: string;
}

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

type Outcome = { readonly state: 'built' | 'there' } | { readonly state: 'missing'; readonly word: string };

function build(addon: Addon): Outcome {
  const inFolder = (path: string): string => join(ROOT, addon.folder, path);
  const target = inFolder(addon.module);
  if (!existsSync(inFolder(addon.sourceFolder))) {
    return missing(addon, `npm left out ${addon.folder}`, addon.restore);
  }
  if (isFresh(target, inFolder(addon.sourceFolder)) && loadError(target) === undefined) {
    return { state: 'there' };
  }

  // Two builds at once must not read each other's half of a file: rename() is atomic.
  const draft = `${target}.${process.pid}`;
  mkdirSync(dirname(target), { recursive: true });
  const { program, debianPackage } = addon.compiler;
  try {
    const { error, status, stderr } = spawnSync(
      program,
      [
        // Node provides the symbols when it loads the module; Apple's linker wants to be told.
        ...(process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']),
        ...['-O2', '-fPIC', '-pthread', ...addon.flags],
        ...addon.includes.map((path) => `-I${inFolder(path)}`),
        `-I${join(ROOT, HEADERS)}`,
        ...addon.sources.map(inFolder),
        ...['-o', draft],
      ],
      { encoding: 'utf8', timeout: COMPILE_LIMIT_MS, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    if (error !== undefined && 'code' in error && error.code === 'ENOENT') {
      return missing(addon, `there is no ${program}`, `${APT_GET} install -y ${debianPackage}`);
    }
    if (error !== undefined || status !== 0) {
      const lines = (error?.message ?? stderr).trim().split('\n').slice(0, MAX_REASON_LINES);
      const reason = [`${program} failed`, ...lines].join('\n  ');
      return missing(addon, reason, `${APT_GET} install -y ${debianPackage}`);
    }
    const trouble = loadError(draft);
    if (trouble !== undefined) return missing(addon, trouble, 'npm ci');
    renameSync(draft, target);
    return { state: 'built' };
  } finally {
    rmSync(draft, { force: true });
  }
}

function missing(addon: Addon, reason: string, remedy: string): Outcome {
  return {
    state: 'missing',
    word:
      `${addon.name} was not built: ${reason}\n` +
      `Without it, ${addon.loss}; all else works. To mend it:\n  ${remedy} && ${AGAIN}`,
  };
}

function isFresh(module: string, sources: string): boolean {
  const built = statSync(module, { throwIfNoEntry: false })?.mtimeMs;
  return (
    built !== undefined &&
    readdirSync(sources).every((file) => statSync(join(sources, file)).mtimeMs <= built)
  );
}

/** In a process of its own, since a module that lacks a symbol ends the one that loads it. */
function loadError(module: string): string | undefined {
  const load =
    'try { process.dlopen({ exports: {} }, process.argv[1]) } catch (e) { console.error(e.message); process.exit(1) }';
  const { status, signal, stderr } = spawnSync(process.execPath, ['-e', load, module], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `the module does not load: ${stderr.trim() || signal}`;
}

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
