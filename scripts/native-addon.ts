// Compiles one native addon. It stands in for node-gyp, which wants Python, make and the whole of Node's headers, and
// downloads the latter. These addons speak Node-API only, whose headers are a small package, so that one call of a
// compiler makes a module for every Node.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const HEADERS = 'node_modules/node-api-headers/include';
const COMPILE_LIMIT_MS = 2 * 60_000;
const MAX_REASON_LINES = 6;
const APT_GET = process.getuid?.() === 0 ? 'apt-get' : 'sudo apt-get';

export interface Addon {
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
  /** For the linker, such as `-lname`. */
  readonly libraries?: readonly string[];
  /** What does not work without it, to complete "without it, …". */
  readonly loss: string;
  /** Puts the sources back, should npm have left them out. */
  readonly restore: string;
  /** The command that builds it again. Default `npm run build:native`. */
  readonly again?: string;
}

export type Outcome =
  | { readonly state: 'built' | 'there' }
  | { readonly state: 'missing'; readonly word: string };

/** Never throws: an addon that cannot be built must not break an installation that may never use it. */
export function build(addon: Addon): Outcome {
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
        // Node provides the symbols when it loads the module; Apple's linker wants to be told. All are bound at once: a
        // call that is bound when it is first made saves the registers on the stack, with whatever secret is in them.
        ...(process.platform === 'darwin'
          ? ['-bundle', '-undefined', 'dynamic_lookup']
          : ['-shared', '-Wl,-z,relro,-z,now']),
        ...['-O2', '-fPIC', '-fstack-protector-strong', '-pthread', ...addon.flags],
        ...addon.includes.map((path) => `-I${inFolder(path)}`),
        `-I${join(ROOT, HEADERS)}`,
        ...addon.sources.map(inFolder),
        ...['-o', draft],
        ...(addon.libraries ?? []),
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
      `Without it, ${addon.loss}; all else works. To mend it:\n  ${remedy} && ${addon.again ?? 'npm run build:native'}`,
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
