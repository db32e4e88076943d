/** Writes docs/reference/kmip.md: `npm run docs:kmip`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { REFERENCE_PATH, reference } from './reference.ts';

mkdirSync(dirname(REFERENCE_PATH), { recursive: true });
writeFileSync(REFERENCE_PATH, reference());
