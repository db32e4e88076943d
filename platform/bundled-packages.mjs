// Loaded before a program (`node --import`), which then starts sooner: modules of ours are taken from where they are named, and
// packages of hundreds of files from the few that scripts/bundle-packages.ts has put each into. To find and open all of them is most
// of what a command takes to start. Without the bundles, or with those of another version, or on a Node without such hooks, the
// packages are read as they are.
import { readFileSync } from 'node:fs';
import nodeModule from 'node:module';

const folder = new URL('../.build/packages/', import.meta.url);

/** @param {URL} url */
function readJson(url) {
  try {
    return JSON.parse(readFileSync(url, 'utf8'));
  } catch {
    return undefined;
  }
}

const { versions = {}, files = {} } = readJson(new URL('index.json', folder)) ?? {};
// They share parts: all of them, or none.
const current = Object.entries(versions).every(([name, version]) => {
  const installed = readJson(new URL(`../node_modules/${name}/package.json`, import.meta.url));
  return installed?.version === version;
});
const bundles = new Map(
  Object.entries(current ? files : {}).map(([specifier, file]) => [specifier, new URL(file, folder).href]),
);
const root = new URL('../', import.meta.url).href;
const maker = new URL('../scripts/bundle-packages.ts', import.meta.url).href;
nodeModule.registerHooks?.({
  resolve(specifier, context, next) {
    // Ours name each other as they lie: nothing is to be looked for, and looking takes a tenth of a start.
    if (specifier.startsWith('.') && specifier.endsWith('.ts') && context.parentURL?.startsWith(root)) {
      const url = new URL(specifier, context.parentURL).href;
      return { url, format: 'module-typescript', shortCircuit: true };
    }
    // One that is required is CommonJS, with what its package has for that; and whoever makes bundles anew wants no bundle.
    const isServed = context.conditions.includes('import') && context.parentURL !== maker;
    const url = isServed ? bundles.get(specifier) : undefined;
    return url === undefined ? next(specifier, context) : { url, format: 'module', shortCircuit: true };
  },
});
