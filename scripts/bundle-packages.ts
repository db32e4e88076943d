// Puts packages of hundreds of files into a few, at the end of `npm ci`: platform/bundled-packages.mjs says what for. The
// packages themselves stay as they came. Where this fails, npm goes on: all is served as before, only later.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(import.meta.dirname, '..');
const FOLDER = join(ROOT, '.build', 'packages');

/** What of them is imported, by us or by another package. All entries of one share what they have in common. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  kysely: ['', '/migration'],
  typebox: ['', '/compile', '/format', '/schema', '/type', '/value'],
};

async function bundle(): Promise<void> {
  const { build } = await import('esbuild');
  const made = `${FOLDER}.${process.pid}.new`;
  const index: Record<string, { version: string; entries: Record<string, string> }> = {};
  try {
    for (const [name, paths] of Object.entries(PACKAGES)) {
      const specifiers = paths.map((path) => name + path);
      const { metafile } = await build({
        entryPoints: Object.fromEntries(
          specifiers.map((specifier) => [
            specifier.replace('/', '-'),
            fileURLToPath(import.meta.resolve(specifier)),
          ]),
        ),
        absWorkingDir: ROOT,
        outdir: join(made, name),
        bundle: true,
        splitting: true,
        format: 'esm',
        platform: 'node',
        outExtension: { '.js': '.mjs' },
        legalComments: 'inline',
        logLevel: 'silent',
        metafile: true,
      });
      const { version }: { version: string } = JSON.parse(
        readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'),
      );
      const files = Object.keys(metafile.outputs).map((path) => relative(made, join(ROOT, path)));
      const entries = specifiers.map((specifier) => {
        const file = `${name}/${specifier.replace('/', '-')}.mjs`;
        if (!files.includes(file)) throw new Error(`${specifier} was not bundled`);
        return [specifier, file] as const;
      });
      index[name] = { version, entries: Object.fromEntries(entries) };
    }
    mkdirSync(made, { recursive: true });
    writeFileSync(join(made, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(made, FOLDER);
    console.log(`bundled packages: ${Object.keys(index).join(', ')}`);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

try {
  await bundle();
} catch (error) {
  console.error(`bundled packages: none, programs start later (${String(error)})`);
  rmSync(FOLDER, { recursive: true, force: true });
}
