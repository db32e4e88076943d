/** Which tests use what: our conformance cases by their requests, test files by the names in their text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { enumName, Operation, OperationV2, type XmlElement } from '../../execution/kmip/index.ts';
import { parseCase } from '../conformance/case-file.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
const CASES = join(ROOT, 'suites', 'conformance', 'cases');
const FOLDERS = ['execution', 'suites', 'cli/kmip'];
const MAX_DEPTH = 8;

export interface OwnCase {
  readonly name: string;
  /** The comment that the file begins with. */
  readonly about: string;
  /** Names of the operations that it asks for, and of the attributes that it names. */
  readonly operations: ReadonlySet<string>;
  readonly attributes: ReadonlySet<string>;
}

export function ownCases(): readonly OwnCase[] {
  return readdirSync(CASES)
    .filter((file) => file.endsWith('.xml'))
    .sort()
    .map((file) => {
      const text = readFileSync(join(CASES, file), 'utf8');
      const name = file.replace(/\.xml$/, '');
      const requests = parseCase(name, text).exchanges.map(({ request }) => request);
      return {
        name,
        about: /<!-- (.*?) -->/.exec(text)?.[1] ?? '',
        operations: new Set(requests.flatMap((request) => valuesOf(request, 'Operation'))),
        attributes: new Set(requests.flatMap((request) => valuesOf(request, 'AttributeName'))),
      };
    });
}

function valuesOf(element: XmlElement, name: string): string[] {
  const own = element.name === name ? element.attributes.get('value') : undefined;
  return [...(own === undefined ? [] : [own]), ...element.children.flatMap((child) => valuesOf(child, name))];
}

export class TestFiles {
  readonly #texts: readonly { readonly path: string; readonly text: string }[];

  constructor() {
    this.#texts = FOLDERS.flatMap((folder) => testFiles(join(ROOT, folder)))
      .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Those that name the operation as code does: `Operation.Create`. */
  ofOperation(operation: number): readonly string[] {
    const isV2 = Object.values<number>(OperationV2).includes(operation);
    const name = isV2
      ? `OperationV2.${enumName(OperationV2, operation)}`
      : `Operation.${enumName(Operation, operation)}`;
    const whole = new RegExp(`\\b${name.replace('.', '\\.')}\\b`);
    return this.#texts.filter(({ text }) => whole.test(text)).map(({ path }) => path);
  }

  /** Those that name the attribute in a text of its own. */
  ofAttribute(attribute: string): readonly string[] {
    return this.#texts.filter(({ text }) => text.includes(`'${attribute}'`)).map(({ path }) => path);
  }
}

function testFiles(directory: string, depth = 0): string[] {
  if (depth > MAX_DEPTH) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testFiles(path, depth + 1);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}
