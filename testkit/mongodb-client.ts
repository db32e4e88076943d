// MongoDB's own driver with client-side field-level encryption, an independent KMIP client: runs what it does in
// suites/interop/mongodb. It is no dependency of the product; scripts/install-mongodb-client.ts installs it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './children.ts';

const DEFAULT_TIMEOUT_MS = 60_000;
const FOLDER = fileURLToPath(new URL('../suites/interop/mongodb/', import.meta.url));
const MODULE = 'node_modules/mongodb-client-encryption/build/Release/mongocrypt.node';

/** What the script printed as `EMIT` and JSON, in order. Rejects with the whole output when it fails. */
export async function runMongodbClient(
  settings: unknown,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<unknown[]> {
  if (!existsSync(join(FOLDER, MODULE))) {
    throw new Error(
      "MongoDB's client is not installed, or its native module not built. Run:\n  npm run setup:test && npm run setup:clients",
    );
  }
  const child = await startChild({
    name: "MongoDB's client",
    command: process.execPath,
    args: [join(FOLDER, 'client.js'), JSON.stringify(settings)],
    cwd: FOLDER,
  });
  await child.expectCleanExit(timeoutMs);
  return child
    .output()
    .split('\n')
    .filter((line) => line.startsWith('EMIT '))
    .map((line): unknown => JSON.parse(line.slice('EMIT '.length)));
}
