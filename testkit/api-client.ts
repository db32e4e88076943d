/**
 * Makes the generated half of governance/client from an OpenAPI document: the types by @hey-api/openapi-ts, and beside
 * them the table of operations. Its own runtime is not taken: a client that banks read shall be one short file.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@hey-api/openapi-ts';
import { temporaryDirectory } from './directories.ts';

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
}

/** File names with their text. */
export async function generateClient(document: ApiDocument): Promise<ReadonlyMap<string, string>> {
  const directory = temporaryDirectory('api-client');
  const input = join(directory, 'openapi.json');
  const output = join(directory, 'out');
  await mkdir(output);
  await writeFile(input, JSON.stringify(document));
  await createClient({
    input,
    output: { path: output, entryFile: false, header: HEADER, tsConfigPath: null },
    plugins: ['@hey-api/typescript'],
    logs: { level: 'silent', file: false },
  });
  const types = await readFile(join(output, 'types.gen.ts'), 'utf8');
  return new Map([
    ['types.gen.ts', types],
    ['operations.gen.ts', operationsOf(document, types)],
  ]);
}

const HEADER = '// Made from the OpenAPI document by `npm run client`. Do not change it by hand.';

function operationsOf({ paths }: ApiDocument, types: string): string {
  const operations = Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => ({ path, method, operationId })),
    )
    .sort((a, b) => (a.operationId < b.operationId ? -1 : 1));
  const type = (id: string, suffix: string): string => {
    const name = `${id[0]?.toUpperCase()}${id.slice(1)}${suffix}`;
    return types.includes(`export type ${name} =`) ? `types.${name}` : 'unknown';
  };
  return [
    HEADER,
    '',
    "import type * as types from './types.gen.ts';",
    '',
    'export const operations = {',
    ...operations.map(
      ({ operationId, method, path }) =>
        `  ${operationId}: { method: '${method.toUpperCase()}', path: '${path}' },`,
    ),
    '} as const;',
    '',
    'export interface Operations {',
    ...operations.map(
      ({ operationId }) =>
        `  ${operationId}: { request: ${type(operationId, 'Data')}; answer: ${type(operationId, 'Response')} };`,
    ),
    '}',
    '',
  ].join('\n');
}
