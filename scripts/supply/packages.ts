/** The packages that production is made of, as package-lock.json pins them and node_modules holds them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An entry of package-lock.json (version 3), as far as it matters here. */
interface LockEntry {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface ProductionPackage {
  /** Below the root of the repository, such as `node_modules/wrap-ansi/node_modules/string-width`. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; `none` where the package declares nothing. */
  readonly licence: string;
  /** Named in package.json, not only by another package. */
  readonly direct: boolean;
  /** One of several forms of the same, of which npm installs at most that of the machine. */
  readonly ofOnePlatform: boolean;
  /** Runs a program of its own while it is installed, unless package.json forbids it (`allowScripts`). */
  readonly installScript: boolean;
  /** The lock file knows the digest of what is to be installed. */
  readonly pinned: boolean;
}

const MODULES = 'node_modules/';
const TEXT_FILE = /^(?:un)?licen[cs]e(?:[.-].*)?$|^copying(?:\..*)?$/i;
/** Of a licence that stands in a README: MIT, MIT-0 and ISC grant in these words. */
const GRANT = /permission (?:is hereby granted|to use, copy, modify)/i;
const BINARY = /\.(?:node|wasm|dll|dylib|exe)$|\.so(?:\.[\d.]+)?$|^binding\.gyp$/;
const MAX_DEPTH = 12;

/** Sorted by folder. @param root Of the repository. */
export function productionPackages(root: string): readonly ProductionPackage[] {
  const lock: { packages: Record<string, LockEntry> } = JSON.parse(
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
  );
  const { '': project = {}, ...packages } = lock.packages;
  const direct = new Set(Object.keys({ ...project.dependencies, ...project.optionalDependencies }));
  return Object.entries(packages)
    .filter(([, { dev }]) => dev !== true)
    .map(([folder, entry]) => {
      const name = folder.slice(folder.lastIndexOf(MODULES) + MODULES.length);
      return {
        folder,
        name,
        version: entry.version ?? 'unknown',
        licence: entry.license ?? 'none',
        direct: folder === `${MODULES}${name}` && direct.has(name),
        ofOnePlatform: entry.os !== undefined || entry.cpu !== undefined,
        installScript: entry.hasInstallScript === true,
        pinned: entry.integrity !== undefined,
      };
    })
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/**
 * The file of the package's own folder that holds its licence; undefined where it brings none. Not for packages of one platform,
 * which are not there on others.
 * @throws Error when the package is not installed.
 */
export function licenceFile(root: string, { folder }: ProductionPackage): string | undefined {
  if (!existsSync(join(root, folder))) throw new Error(`${folder} is not installed: run npm ci`);
  const names = readdirSync(join(root, folder)).sort();
  const found =
    names.find((name) => TEXT_FILE.test(name)) ??
    names.find((name) => /^readme/i.test(name) && GRANT.test(readFileSync(join(root, folder, name), 'utf8')));
  return found === undefined ? undefined : `${folder}/${found}`;
}

/** Whether the package brings, or is compiled to, something that is no JavaScript. Packages inside of it are not looked at. */
export function holdsBinaries(root: string, { folder }: ProductionPackage): boolean {
  const search = (path: string, depth: number): boolean =>
    depth < MAX_DEPTH &&
    readdirSync(path, { withFileTypes: true }).some((entry) =>
      entry.isDirectory()
        ? entry.name !== 'node_modules' && search(join(path, entry.name), depth + 1)
        : BINARY.test(entry.name),
    );
  return search(join(root, folder), 0);
}
