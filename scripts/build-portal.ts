/**
 * Builds the portal of CMK (governance/portal/web) into `.build/portal`: index.html, and below assets/ scripts, styles and the
 * icon under names that tell their content, each with its compressed forms beside it. The folder changes as one.
 *
 *     node scripts/build-portal.ts
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');
const WEB = join(ROOT, 'governance', 'portal', 'web');
const OUT = join(ROOT, '.build', 'portal');
const BASE = '/portal/';
/** Of the page that is seen first: index.html and all that it loads before it shows something. */
export const MAX_FIRST_PAGE_BYTES = 200_000;
/** Higher ones take seconds and save a few bytes. */
const BROTLI_QUALITY = 9;
const COMPRESSED = /\.(?:html|js|css|svg)$/;

export interface PortalSizes {
  readonly files: number;
  /** Of everything, as it is and as browsers get it (brotli). */
  readonly bytes: number;
  readonly compressedBytes: number;
  /** Of index.html, what it names, and what the overview needs besides; brotli. */
  readonly firstPageBytes: number;
}

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

/** React Aria brings its words in more than thirty languages; the portal speaks English. */
const englishAlone: Plugin = {
  name: 'english-alone',
  setup(build) {
    build.onResolve({ filter: /\/intl\/.*\/[a-z]{2}-[A-Z]{2}\.mjs$/ }, ({ path }) =>
      path.endsWith('/en-US.mjs') ? undefined : { path, namespace: 'no-words' },
    );
    build.onLoad({ filter: /./, namespace: 'no-words' }, () => ({ contents: 'export default {};' }));
  },
};

/** @param outDir Replaced by what is built. */
export async function buildPortal(outDir: string = OUT): Promise<PortalSizes> {
  const made = `${resolve(outDir)}.${process.pid}.new`;
  const assets = join(made, 'assets');
  try {
    await mkdir(assets, { recursive: true });
    const metafile = await bundle(assets);
    const icon = await readFile(join(WEB, 'icon.svg'));
    const iconName = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8).toUpperCase()}.svg`;
    await writeFile(join(assets, iconName), icon);
    const outputs = outputsOf(metafile, made);
    await writeFile(join(made, 'index.html'), await pageFor(outputs, `assets/${iconName}`));
    const sizes = await compress(made);
    const first = ['index.html', `assets/${iconName}`, ...outputs.first, ...outputs.overview];
    await replace(resolve(outDir), made);
    return {
      files: sizes.size,
      bytes: sum([...sizes.values()].map(({ bytes }) => bytes)),
      compressedBytes: sum([...sizes.values()].map(({ compressed }) => compressed)),
      firstPageBytes: sum([...new Set(first)].map((file) => sizes.get(file)?.compressed ?? 0)),
    };
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** The first script is a classic one and shares nothing; everything else is split by page. */
async function bundle(outdir: string): Promise<Metafile> {
  const { build } = await import('esbuild');
  const common = {
    absWorkingDir: ROOT,
    outdir,
    bundle: true,
    platform: 'browser' as const,
    target: ['chrome123', 'firefox128', 'safari17.5'],
    minify: true,
    legalComments: 'none',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    define: { 'process.env.NODE_ENV': '"production"', __VERSION__: JSON.stringify(await versionOf()) },
    metafile: true as const,
    logLevel: 'silent' as const,
  } satisfies BuildOptions;
  const [theme, main] = await Promise.all([
    build({ ...common, entryPoints: { theme: join(WEB, 'theme-first.ts') }, format: 'iife' }),
    build({
      ...common,
      entryPoints: { main: join(WEB, 'main.tsx') },
      format: 'esm',
      splitting: true,
      jsx: 'automatic',
      plugins: [englishAlone],
    }),
  ]);
  return {
    inputs: { ...theme.metafile.inputs, ...main.metafile.inputs },
    outputs: { ...theme.metafile.outputs, ...main.metafile.outputs },
  };
}

async function versionOf(): Promise<string> {
  const { version }: { version: string } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  return version;
}

interface Outputs {
  readonly theme: string;
  readonly main: string;
  readonly styles: readonly string[];
  /** Scripts and styles that index.html names, and all that those import. */
  readonly first: readonly string[];
  readonly overview: readonly string[];
}

/** File names below the portal's folder. */
function outputsOf(metafile: Metafile, made: string): Outputs {
  const nameOf = (output: string): string => relative(made, join(ROOT, output));
  const find = (source: string): [string, Metafile['outputs'][string]] => {
    const found = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint?.endsWith(source));
    if (found === undefined) throw new Error(`${source} was not bundled`);
    return found;
  };
  /** With everything that is loaded before it runs. */
  const closure = (output: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(output)) return seen;
    seen.add(output);
    for (const { path, kind } of metafile.outputs[output]?.imports ?? [])
      if (kind === 'import-statement') closure(path, seen);
    return seen;
  };
  const [theme] = find('web/theme-first.ts');
  const [main, { cssBundle }] = find('web/main.tsx');
  const [overview] = find('pages/overview/overview.tsx');
  const styles = cssBundle === undefined ? [] : [nameOf(cssBundle)];
  return {
    theme: nameOf(theme),
    main: nameOf(main),
    styles,
    first: [...styles, ...[...closure(theme), ...closure(main)].map(nameOf)],
    overview: [...closure(overview)].map(nameOf),
  };
}

async function pageFor({ theme, main, styles, first }: Outputs, icon: string): Promise<string> {
  const imported = first.filter((file) => file.endsWith('.js') && file !== main && file !== theme);
  const head = [
    // Not a module: it has to have run before the page is drawn.
    `<script src="${BASE}${theme}"></script>`,
    ...styles.map((file) => `<link rel="stylesheet" href="${BASE}${file}">`),
    `<script type="module" src="${BASE}${main}"></script>`,
    ...imported.map((file) => `<link rel="modulepreload" href="${BASE}${file}">`),
  ].join('\n    ');
  const page = await readFile(join(WEB, 'index.html'), 'utf8');
  return page.replace('%ICON%', `${BASE}${icon}`).replace('%HEAD%', head);
}

async function compress(folder: string): Promise<Map<string, { bytes: number; compressed: number }>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const sizes = await Promise.all(
    files.map(async (file) => {
      const content = await readFile(file);
      if (!COMPRESSED.test(file)) throw new Error(`nobody said how ${file} is served`);
      const [brotli, gzipped] = await Promise.all([
        compressBrotli(content, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
            [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
          },
        }),
        compressGzip(content, { level: 9 }),
      ]);
      await Promise.all([writeFile(`${file}.br`, brotli), writeFile(`${file}.gz`, gzipped)]);
      return [relative(folder, file), { bytes: content.length, compressed: brotli.length }] as const;
    }),
  );
  return new Map(sizes);
}

/** A server that reads the folder meanwhile misses a file for the moment between two renames at most. */
async function replace(outDir: string, made: string): Promise<void> {
  const old = `${outDir}.${process.pid}.old`;
  await mkdir(dirname(outDir), { recursive: true });
  await rename(outDir, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(made, outDir);
  await rm(old, { recursive: true, force: true });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const kB = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

if (import.meta.main) {
  const startedAt = performance.now();
  const { files, bytes, compressedBytes, firstPageBytes } = await buildPortal();
  console.log(
    `portal: ${files} files, ${kB(bytes)}, ${kB(compressedBytes)} compressed; first page ${kB(firstPageBytes)}; ` +
      `${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  );
}
