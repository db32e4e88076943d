/** npm's own bill of materials, without what differs from one run to the next. */
import { execFileSync } from 'node:child_process';
import { productionPackages } from './packages.ts';

const LIMIT_MS = 2 * 60_000;
const MAX_BYTES = 32 * 1024 * 1024;

interface Sorted {
  readonly 'bom-ref'?: string;
  readonly ref?: string;
  readonly dependsOn?: readonly string[];
}
/** CycloneDX 1.5, as far as something is changed in it. */
export interface Bill {
  readonly serialNumber?: string;
  readonly metadata: { readonly timestamp?: string; readonly [more: string]: unknown };
  readonly components: readonly Sorted[];
  readonly dependencies: readonly Sorted[];
  readonly [more: string]: unknown;
}

/** No time, no random serial number (both are optional in CycloneDX), and everything in the order of its name. */
export function deterministic({ serialNumber: _serial, ...bill }: Bill): Bill {
  const { timestamp: _time, ...metadata } = bill.metadata;
  return {
    ...bill,
    metadata,
    components: inOrder(bill.components),
    dependencies: inOrder(bill.dependencies).map((each) => ({
      ...each,
      ...(each.dependsOn === undefined ? {} : { dependsOn: [...each.dependsOn].sort() }),
    })),
  };
}

function inOrder(items: readonly Sorted[]): readonly Sorted[] {
  const key = (item: Sorted): string => item['bom-ref'] ?? item.ref ?? '';
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/**
 * What production does not need is left out by the lock file's word: npm's own `--omit=dev` also leaves out whatever a
 * developers' package happens to need as well, such as a package for tokens that the tests' provider uses, too.
 * @param wanted `name@version` of each package. @throws Error when one is missing.
 */
export function ofProduction(bill: Bill, wanted: ReadonlySet<string>): Bill {
  const components = bill.components.filter((each) => wanted.has(each['bom-ref'] ?? ''));
  const found = new Set(components.map((each) => each['bom-ref']));
  const missing = [...wanted].filter((each) => !found.has(each));
  if (missing.length > 0) throw new Error(`npm does not know of ${missing.join(', ')}`);
  const known = new Set(bill.components.map((each) => each['bom-ref'] ?? ''));
  const isLeftOut = (ref: string): boolean => known.has(ref) && !wanted.has(ref);
  return {
    ...bill,
    components,
    dependencies: bill.dependencies
      .filter(({ ref = '' }) => !isLeftOut(ref))
      .map((each) => ({ ...each, dependsOn: (each.dependsOn ?? []).filter((ref) => !isLeftOut(ref)) })),
  };
}

/** From the lock file alone, whatever is installed. @throws Error when npm fails, or takes longer than two minutes. */
export function billOfMaterials(root: string): Bill {
  const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
  const text = execFileSync('npm', args, {
    cwd: root,
    encoding: 'utf8',
    timeout: LIMIT_MS,
    maxBuffer: MAX_BYTES,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const wanted = new Set(productionPackages(root).map(({ name, version }) => `${name}@${version}`));
  return deterministic(ofProduction(JSON.parse(text), wanted));
}
