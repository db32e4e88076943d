// Puts packages of hundreds of files into a few, at the end of `npm ci`: platform/bundled-packages.mjs says what for. The
// packages themselves stay as they came, and bundles that are what would be made stay as well. Where this fails, npm goes on: all is
// served as before, only later.
import 'reflect-metadata'; // @peculiar/x509 wants it first
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

const ROOT = resolve(import.meta.dirname, '..');
const FOLDER = join(ROOT, '.build', 'packages');

/**
 * What of them is imported. All entries of one build share what they have in common, so that there is one of each class
 * and each registry. Not here: what loads files beside itself, such as pino, whose transports are threads of their own.
 */
const SPECIFIERS: readonly string[] = [
  '@fastify/cookie',
  '@fastify/fast-json-stringify-compiler',
  '@fastify/static',
  '@fastify/swagger',
  '@fastify/type-provider-typebox',
  '@hpke/core',
  '@hpke/hybridkem-x-wing',
  '@nats-io/jetstream',
  '@nats-io/transport-node',
  '@opentelemetry/api',
  '@opentelemetry/context-async-hooks',
  '@opentelemetry/sdk-trace',
  '@peculiar/x509',
  '@redis/client',
  'age-encryption',
  'commander',
  'fastify',
  'jose',
  'kysely',
  'kysely/migration',
  'nodemailer',
  'openid-client',
  'pg',
  'prom-client',
  'rabbitmq-client',
  'typebox',
  'typebox/compile',
  'typebox/format',
  'typebox/schema',
  'typebox/type',
  'typebox/value',
  'yaml',
];
const EXTERNAL = ['pino', 'pg-native', 'reflect-metadata'];
/** CommonJS in what is an ES module then: what it requires that is not in the bundle. */
const BANNER = `import { createRequire as okcmCreateRequire } from 'node:module';
const require = okcmCreateRequire(import.meta.url);`;

/** What platform/bundled-packages.mjs reads: files beside the index, and what they were made of. */
interface BundleIndex {
  readonly versions: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  /** By what they were made: the bundler, and this file with its list and options. */
  readonly made: { readonly esbuild: string; readonly by: string };
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** A module that gives out what the package does: esbuild does not know the names that CommonJS exports. */
async function entryOf(specifier: string): Promise<string> {
  const from = JSON.stringify(specifier);
  const names = Object.keys(await import(specifier));
  if (!names.includes('module.exports')) {
    const rest = names.includes('default') ? `export { default } from ${from};\n` : '';
    return `export * from ${from};\n${rest}`;
  }
  const wanted = names.filter((name) => name !== 'module.exports' && name !== 'default');
  const values = wanted.map((name, index) => `const v${index} = all[${JSON.stringify(name)}];\n`);
  const exported = wanted.map((name, index) => `v${index} as ${JSON.stringify(name)}`);
  return `import all from ${from};\n${values.join('')}export { ${['all as default', ...exported].join(', ')} };\n`;
}

const versionOf = (name: string): string => {
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'),
  );
  return version;
};

const fileOf = (specifier: string): string => `${specifier.replace('@', '').replaceAll('/', '-')}.mjs`;

const wanted = (): BundleIndex => ({
  versions: Object.fromEntries(SPECIFIERS.map(packageOf).map((name) => [name, versionOf(name)])),
  files: Object.fromEntries(SPECIFIERS.map((specifier) => [specifier, fileOf(specifier)])),
  made: {
    esbuild: versionOf('esbuild'),
    by: createHash('sha256')
      .update(readFileSync(import.meta.filename))
      .digest('hex'),
  },
});

/** Whether what lies there is what would be made: then it stays, since programs may be starting from it. */
function isThere(index: BundleIndex): boolean {
  try {
    const present: unknown = JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8'));
    return (
      isDeepStrictEqual(present, index) &&
      Object.values(index.files).every((file) => existsSync(join(FOLDER, file)))
    );
  } catch {
    return false;
  }
}

/**
 * In the place of the old folder in two renames: whoever starts in between finds none, and reads the packages as they are; never
 * a half.
 */
function putInPlace(made: string): void {
  const old = `${FOLDER}.${process.pid}.old`;
  if (existsSync(FOLDER)) renameSync(FOLDER, old);
  try {
    renameSync(made, FOLDER);
  } catch (error) {
    if (existsSync(old) && !existsSync(FOLDER)) renameSync(old, FOLDER);
    throw error;
  } finally {
    rmSync(old, { recursive: true, force: true });
  }
}

async function bundle(): Promise<void> {
  const index = wanted();
  const count = Object.keys(index.versions).length;
  if (isThere(index)) {
    console.log(`bundled packages: ${count}, as they are`);
    return;
  }
  const { build } = await import('esbuild');
  const made = `${FOLDER}.${process.pid}.new`;
  const entries = join(made, 'entries');
  try {
    mkdirSync(entries, { recursive: true });
    for (const specifier of SPECIFIERS)
      writeFileSync(join(entries, fileOf(specifier)), await entryOf(specifier));
    await build({
      entryPoints: SPECIFIERS.map((specifier) => join(entries, fileOf(specifier))),
      absWorkingDir: ROOT,
      outdir: made,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      external: EXTERNAL,
      banner: { js: BANNER },
      outExtension: { '.js': '.mjs' },
      legalComments: 'inline',
      logLevel: 'silent',
    });
    rmSync(entries, { recursive: true });
    writeFileSync(join(made, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
    putInPlace(made);
    console.log(`bundled packages: ${count}`);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

try {
  await bundle();
} catch (error) {
  // Whatever lies there is of certain versions, and is not used for others (platform/bundled-packages.mjs).
  console.error(`bundled packages: not made, programs start later (${String(error)})`);
}
