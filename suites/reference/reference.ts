/** docs/reference/kmip.md, as the code of today makes it. */

import { join } from 'node:path';
import {
  algorithmsSection,
  attributesSection,
  casesSection,
  limitsSection,
  operationsSection,
  variationsSection,
} from './sections.ts';
import { ownCases, ROOT, TestFiles } from './tests.ts';

export const REFERENCE_PATH = join(ROOT, 'docs', 'reference', 'kmip.md');

const HEAD = `# KMIP reference

<!-- Made by \`npm run docs:kmip\` from the tables of the code; changes by hand are lost. -->

What the region serves, from the tables that the code itself uses: KMIP 1.0 to 1.4, each client in its own version, at one
address, the gateway's. Which process runs an operation is no concern of a client ([D9](../decisions/D09-one-routing-table.md)):
*L4* are keys that the gateway holds, *L3* is a service key addressed as \`l3:<service>\`, *unknown* is every other object,
*none* a request that names no object.`;

export function reference(): string {
  const cases = ownCases();
  const files = new TestFiles();
  const sections: readonly (readonly [title: string, text: string])[] = [
    ['Operations', operationsSection(cases, files)],
    ['Attributes', attributesSection(cases, files)],
    ['Algorithms and modes', algorithmsSection()],
    ['Limits', limitsSection()],
    ['Conformance', variationsSection()],
    ['Conformance cases of our own', casesSection(cases)],
  ];
  return `${[HEAD, ...sections.map(([title, text]) => `## ${title}\n\n${text}`)].join('\n\n')}\n`;
}
