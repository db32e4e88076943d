/** docs/reference/licences.md, as package-lock.json and node_modules of today make it. */
import { join } from 'node:path';
import { NATIVE } from './native.ts';
import { licenceFile, type ProductionPackage, productionPackages } from './packages.ts';
import { EXCEPTIONS, PERMITTED, TEXT_ELSEWHERE, TEXT_OF_PLATFORMS } from './permitted.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
export const REPORT_PATH = join(ROOT, 'docs', 'reference', 'licences.md');

const HEAD = `# Packages and their licences

<!-- Made by \`npm run sbom\` from package-lock.json and node_modules; changes by hand are lost. -->

What OpenKCM is made of besides its own code, which stands under Apache-2.0 ([LICENSE](../../LICENSE)): every package that production
depends on, directly or through another. Developers' packages (tests, linters, types) are not among them. \`npm run sbom\` writes the
same as a bill of materials for programs, CycloneDX 1.5 in \`.build/openkcm.cdx.json\`: the same bytes for the same lock file and the same npm.`;

const code = (text: string): string => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Where the text lies; undefined where nobody has said it. Apache-2.0 has one text for all, which is that of our own licence. */
export function textOf(one: ProductionPackage): string | undefined {
  const ofPlatforms = TEXT_OF_PLATFORMS.find(([prefix]) => one.name.startsWith(prefix));
  if (one.ofOnePlatform) return ofPlatforms?.[1];
  const file = licenceFile(ROOT, one);
  if (file !== undefined) return code(file);
  return TEXT_ELSEWHERE[one.name] ?? (one.licence === 'Apache-2.0' ? 'as our own `LICENSE`' : undefined);
}

/** @throws Error when a package is not installed. */
export function licencesReport(): string {
  const packages = productionPackages(ROOT);
  const exceptions = Object.entries(EXCEPTIONS).map(([name, { licence, reason }]) => [
    code(name),
    licence,
    reason,
  ]);
  const native = Object.entries(NATIVE).map(([name, { what, from, usedFor, shipped }]) => [
    code(name.endsWith('/') ? `${name}*` : name),
    what,
    from,
    usedFor,
    shipped,
  ]);
  const rows = packages.map((one) => [
    code(one.folder.replace('node_modules/', '')),
    one.version,
    one.licence,
    one.direct ? 'yes' : '',
    textOf(one) ?? '–',
  ]);
  return `${[
    HEAD,
    `## Permitted licences\n\n${[...PERMITTED].join(', ')}. A test (\`scripts/supply\`) fails at any other but these:`,
    table(['package', 'licence', 'why it may be depended on'], exceptions),
    `## How many\n\n${table(['licence', 'packages'], counts(packages))}`,
    `## What is no JavaScript\n\nAnd what runs while packages are installed. \`npm ci\` compiles two addons with the machine's own compiler: \`pkcs11js\`, and our own for AES-GCM
(\`execution/envelope/native/gcm.c\`), whose headers come from \`node-api-headers\`. The container image leaves out what only builds.`,
    table(['package', 'what it is', 'where the machine code is from', 'used for', 'in the image'], native),
    `## Every package\n\n*Direct*: named in \`package.json\`. Packages of one platform are listed for all, of which npm installs one.`,
    table(['package', 'version', 'licence', 'direct', 'text of the licence'], rows),
  ].join('\n\n')}\n`;
}

function counts(packages: readonly ProductionPackage[]): string[][] {
  const byLicence = new Map<string, number>();
  for (const { licence } of packages) byLicence.set(licence, (byLicence.get(licence) ?? 0) + 1);
  const sorted = [...byLicence].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return [...sorted, ['all', packages.length] as const].map(([licence, count]) => [licence, String(count)]);
}
