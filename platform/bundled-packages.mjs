// Loaded before a program (`node --import`): packages of hundreds of files are taken from the few that
// scripts/bundle-packages.ts has put each into. To find and open all of them is most of what a command takes to start.
// Without the bundles, or with those of another version, or on a Node without such hooks, the packages are read as they are.
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

/** @type {Map<string, string>} */
const bundles = new Map();
for (const [name, { version, entries }] of Object.entries(readJson(new URL('index.json', folder)) ?? {})) {
  const installed = readJson(new URL(`../node_modules/${name}/package.json`, import.meta.url));
  if (installed?.version !== version) continue;
  for (const [specifier, file] of Object.entries(entries)) bundles.set(specifier, new URL(file, folder).href);
}
if (bundles.size > 0)
  nodeModule.registerHooks?.({
    resolve(specifier, context, next) {
      const url = bundles.get(specifier);
      return url === undefined ? next(specifier, context) : { url, format: 'module', shortCircuit: true };
    },
  });
