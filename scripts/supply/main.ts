/** Writes the bill of materials (.build/openkcm.cdx.json, or `--out FILE`) and docs/reference/licences.md: `npm run sbom`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { billOfMaterials } from './bill-of-materials.ts';
import { licencesReport, REPORT_PATH, ROOT } from './licences.ts';

const { values } = parseArgs({ options: { out: { type: 'string' } } });
const path = resolve(values.out ?? join(ROOT, '.build', 'openkcm.cdx.json'));
const bill = billOfMaterials(ROOT);
mkdirSync(dirname(path), { recursive: true });
writeFileSync(path, `${JSON.stringify(bill, null, 2)}\n`);
writeFileSync(REPORT_PATH, licencesReport());
console.log(`${bill.components.length} packages: ${path}, ${REPORT_PATH}`);
