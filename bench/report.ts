/**
 * Writes docs/benchmarks.md and its picture out of the results in bench/results, which the other benches save there.
 *
 *     npm run bench:report
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentOf, PICTURE } from './report/document.ts';
import { pictureOf } from './report/picture.ts';
import { RESULTS, readResults } from './report/results.ts';

const DOCS = join(import.meta.dirname, '..', 'docs');

const results = await readResults(RESULTS);
const files = { 'benchmarks.md': documentOf(results), [PICTURE]: pictureOf(results) };
for (const [name, content] of Object.entries(files)) {
  await writeFile(join(DOCS, name), content);
  console.log(`docs/${name}`);
}
