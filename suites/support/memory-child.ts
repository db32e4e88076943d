/**
 * A core or a gateway as a process of its own, as `main.ts` runs it, that tells its parent every secret it makes:
 * the file `secrets` gets where it was made, and its bytes straight from their slot, so that telling makes no copy.
 * While the file `hold` names a function, a secret that is made inside that function stops the whole process.
 *
 *     memory-child.ts core|gateway DIRECTORY      with its configuration in DIRECTORY/config.json
 */
import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type CoreConfig, startCore } from '../../execution/core/index.ts';
import { SecretBytes } from '../../execution/envelope/index.ts';
import { type GatewayConfig, startGateway } from '../../execution/gateway/index.ts';
import { guardProcess } from '../../platform/process-guard.ts';

const HOLD_POLL_MS = 10;
const [kind, directory = ''] = process.argv.slice(2);
const secrets = openSync(join(directory, 'secrets'), 'a', 0o600);
const holdPath = join(directory, 'hold');

function heldFunction(): string {
  try {
    return readFileSync(holdPath, 'utf8');
  } catch {
    return 'nothing is held';
  }
}

Error.stackTraceLimit = 40;
const original = SecretBytes.fill;
SecretBytes.fill = (sizeBytes, write) => {
  const secret = original.call(SecretBytes, sizeBytes, write);
  const stack = new Error('here').stack ?? '';
  const made = [...stack.matchAll(/at (?:async )?([\w.#$]+) \(/g)].map(([, name]) => name).join(' ');
  secret.use((bytes) => {
    const header = Buffer.alloc(4);
    header.writeUInt16BE(made.length, 0);
    header.writeUInt16BE(Math.min(bytes.length, 0xffff), 2);
    writeSync(secrets, header);
    writeSync(secrets, made);
    writeSync(secrets, bytes.subarray(0, 0xffff));
  });
  const isHeld = (): boolean => made.split(/[ .]/).includes(heldFunction());
  // Once: the parent does not read while it looks, and a full pipe would throw here, in the middle of the secret.
  if (isHeld()) writeSync(1, 'held\n');
  while (isHeld()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HOLD_POLL_MS);
  return secret;
};

await guardProcess();
const config: unknown = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
const running =
  kind === 'core' ? await startCore(config as CoreConfig) : await startGateway(config as GatewayConfig);
const { port, healthUrl } = running;
process.once('SIGTERM', () => void running.close().then(() => process.exit(0)));
writeSync(1, `${JSON.stringify({ port, healthUrl })}\n`);
