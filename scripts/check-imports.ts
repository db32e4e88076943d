// Checks who imports whom (.dependency-cruiser.cjs), and then checks the check: a tree of canaries, one for each rule,
// must be reported, and nothing else in it. A resolver or compiler that quietly reads nothing would otherwise pass.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const CONFIG = join(ROOT, '.dependency-cruiser.cjs');
const FOLDERS = [
  'platform',
  'contracts',
  'orbital',
  'governance',
  'execution',
  'cli',
  'testkit',
  'suites',
  'bench',
  'scripts',
  'deploy',
];
const MIN_MODULES = 50;
const MAX_OUTPUT_SIZE_BYTES = 256 * 1024 * 1024;

interface Violation {
  readonly rule: { readonly name: string; readonly severity: string };
  readonly from: string;
  readonly to: string;
}

interface CruiseResult {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: { readonly violations: readonly Violation[]; readonly totalDependenciesCruised: number };
}

function cruise(cwd: string, folders: readonly string[]): CruiseResult {
  const program = join(ROOT, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const output = execFileSync(
    process.execPath,
    [program, '--config', CONFIG, '--output-type', 'json', ...folders],
    { cwd, encoding: 'utf8', maxBuffer: MAX_OUTPUT_SIZE_BYTES, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const result: CruiseResult = JSON.parse(output);
  return result;
}

/** Files that break one rule each: rule, file, its content. `governance/plain.ts` and the like exist for all to import. */
const CANARIES: readonly (readonly [rule: string, file: string, content: string])[] = [
  ['no-circular', 'orbital/ring-a.ts', `import './ring-b.ts';`],
  ['no-unresolvable', 'cli/lost.ts', `import './not-there.ts';`],
  ['planes-are-strangers', 'governance/static.ts', `import '../execution/core/plain.ts';`],
  [
    'planes-are-strangers',
    'governance/type-only.ts',
    `import type { Plain } from '../execution/core/plain.ts';\nexport type A = Plain;`,
  ],
  [
    'planes-are-strangers',
    'governance/lazy.ts',
    `export const a = () => import('../execution/core/plain.ts');`,
  ],
  ['planes-are-strangers', 'governance/export.ts', `export * from '../execution/core/plain.ts';`],
  ['planes-are-strangers-back', 'execution/core/back.ts', `import '../../governance/plain.ts';`],
  ['gateway-knows-no-core', 'execution/gateway/over.ts', `import '../core/plain.ts';`],
  ['gateway-knows-no-core', 'execution/gateway/keys.ts', `import '../keychain/plain.ts';`],
  ['core-knows-no-gateway', 'execution/core/over.ts', `import '../gateway/plain.ts';`],
  ['core-knows-no-gateway', 'execution/keychain/over.ts', `import '../gateway/plain.ts';`],
  ['kmip-stands-alone', 'execution/kmip/neighbour.ts', `import '../routing/plain.ts';`],
  ['kmip-stands-alone', 'execution/kmip/platform.ts', `import '../../platform/plain.ts';`],
  ['kmip-stands-alone', 'execution/kmip/library.ts', `import 'some-library';`],
  ['sdk-is-light', 'execution/sdk/server.ts', `import '../gateway/plain.ts';`],
  ['sdk-is-light', 'execution/sdk/platform.ts', `import '../../platform/plain.ts';`],
  ['sdk-is-light', 'execution/sdk/library.ts', `import 'some-library';`],
  ['servers-use-no-sdk', 'execution/gateway/helped.ts', `import '../sdk/plain.ts';`],
  ['servers-use-no-sdk', 'execution/kmip/helped.test.ts', `import '../sdk/plain.ts';`],
  ['platform-has-no-domain', 'platform/domain.ts', `import '../contracts/plain.ts';`],
  ['contracts-depend-on-nothing-of-ours', 'contracts/platform.ts', `import '../platform/plain.ts';`],
  ['orbital-knows-no-plane', 'orbital/plane.ts', `import '../governance/plain.ts';`],
  ['production-code-uses-no-testkit', 'execution/core/helped.ts', `import '../../testkit/plain.ts';`],
  ['production-code-uses-no-testkit', 'execution/core/measured.ts', `import '../../bench/plain.ts';`],
  ['testkit-serves-suites-and-benches', 'testkit/over.ts', `import '../suites/plain.ts';`],
  ['testkit-serves-suites-and-benches', 'bench/over.ts', `import '../suites/plain.ts';`],
  ['benches-serve-nobody', 'suites/over.ts', `import '../bench/plain.ts';`],
  ['the-page-stands-alone', 'governance/portal/web/server.ts', `import '../../plain.ts';`],
  ['the-page-stands-alone', 'governance/portal/web/library.tsx', `import 'some-library';`],
  ['the-page-stands-alone', 'governance/portal/web/node.ts', `import 'node:fs';`],
  ['nobody-imports-the-page', 'governance/served.ts', `import './portal/web/plain.ts';`],
  ['only-keystores-speak-to-a-kms', 'governance/direct.ts', `import '@aws-sdk/client-kms';`],
  ['only-keystores-speak-to-a-kms', 'execution/core/direct.ts', `import '@aws-sdk/client-kms';`],
];

/** Files that break no rule, and must not be reported. */
const INNOCENT: readonly (readonly [file: string, content: string])[] = [
  ['governance/keystores/kms.ts', `import '@aws-sdk/client-kms';`],
  [
    'governance/allowed.ts',
    `import '../contracts/plain.ts';\nimport '../orbital/plain.ts';\nimport '../platform/plain.ts';`,
  ],
  ['execution/gateway/allowed.ts', `import '../kmip/plain.ts';\nimport '../routing/plain.ts';`],
  ['execution/kmip/allowed.ts', `import 'node:crypto';\nimport './plain.ts';`],
  ['execution/kmip/allowed.test.ts', `import '../../testkit/plain.ts';\nimport 'some-library';`],
  [
    'execution/sdk/allowed.ts',
    `import '../kmip/plain.ts';\nimport '../routing/plain.ts';\nimport '@opentelemetry/api';`,
  ],
  ['execution/sdk/allowed.test.ts', `import '../../testkit/plain.ts';\nimport 'some-library';`],
  ['governance/portal/web/allowed.tsx', `import './plain.ts';`],
  ['cli/helped.ts', `import '../execution/sdk/plain.ts';`],
  ['bench/allowed.ts', `import '../testkit/plain.ts';\nimport '../execution/keychain/plain.ts';`],
  ['execution/core/allowed.test.ts', `import '../../testkit/plain.ts';`],
];

const PLAIN = [
  'platform',
  'contracts',
  'orbital',
  'governance',
  'governance/portal/web',
  'cli',
  'testkit',
  'suites',
  'bench',
  'execution/kmip',
  'execution/routing',
  'execution/core',
  'execution/keychain',
  'execution/gateway',
  'execution/sdk',
];

function checkTree(): string[] {
  const folders = FOLDERS.filter(
    (folder) => existsSync(join(ROOT, folder)) && readdirSync(join(ROOT, folder)).length > 0,
  );
  const { modules, summary } = cruise(ROOT, folders);
  const own = modules.filter(({ source }) => source.endsWith('.ts') && !source.includes('node_modules/'));
  const problems = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
  if (own.length <= MIN_MODULES)
    problems.push(`only ${own.length} modules were read: the check sees nothing`);
  if (problems.length === 0) {
    console.log(
      `imports: ${own.length} modules, ${summary.totalDependenciesCruised} dependencies, no rule is broken`,
    );
  }
  return problems;
}

function checkCanaries(): string[] {
  const tree = mkdtempSync(join(tmpdir(), 'import-canaries-'));
  try {
    const put = (file: string, content: string): void => {
      mkdirSync(dirname(join(tree, file)), { recursive: true });
      writeFileSync(join(tree, file), `${content}\n`);
    };
    cpSync(join(ROOT, 'tsconfig.base.json'), join(tree, 'tsconfig.base.json'));
    for (const folder of PLAIN)
      put(`${folder}/plain.ts`, 'export type Plain = string;\nexport const plain = 1;');
    for (const library of ['some-library', '@aws-sdk/client-kms', '@opentelemetry/api']) {
      put(
        `node_modules/${library}/package.json`,
        JSON.stringify({ name: library, version: '1.0.0', main: 'index.js' }),
      );
      put(`node_modules/${library}/index.js`, 'module.exports = {};');
    }
    put(
      'package.json',
      JSON.stringify({
        type: 'module',
        dependencies: { 'some-library': '1', '@aws-sdk/client-kms': '1', '@opentelemetry/api': '1' },
      }),
    );
    put('orbital/ring-b.ts', `import './ring-a.ts';`); // a ring is reported once, at its first file
    for (const [, file, content] of CANARIES) put(file, content);
    for (const [file, content] of INNOCENT) put(file, content);
    return compare(cruise(tree, [...new Set(PLAIN.map((folder) => folder.split('/')[0] ?? folder))]));
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function compare({ summary }: CruiseResult): string[] {
  const problems: string[] = [];
  const reported = new Set(summary.violations.map(({ rule, from }) => `${rule.name} ${from}`));
  for (const [rule, file] of CANARIES) {
    if (!reported.has(`${rule} ${file}`)) problems.push(`canary: rule ${rule} did not report ${file}`);
  }
  for (const { rule, from, to } of summary.violations) {
    const innocent = from.endsWith('/plain.ts') || INNOCENT.some(([file]) => file === from);
    if (innocent) problems.push(`canary: rule ${rule.name} reported the innocent ${from} -> ${to}`);
  }
  const { forbidden }: { forbidden: { name: string }[] } = createRequire(import.meta.url)(CONFIG);
  for (const { name } of forbidden) {
    if (!CANARIES.some(([rule]) => rule === name))
      problems.push(`rule ${name} has no canary: add one to ${import.meta.filename}`);
  }
  if (problems.length === 0)
    console.log(`imports: ${CANARIES.length} canaries for ${forbidden.length} rules were all reported`);
  return problems;
}

const problems = [...checkTree(), ...checkCanaries()];
for (const problem of problems) console.error(`✖ ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
