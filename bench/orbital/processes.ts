/** Processes of the bench: what they are told at their start, and how they say that they are ready. */
import { type ChildProcess, fork } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import type { Signer, TrustedKey } from '../../orbital/index.ts';
import { waitAtMost, withDeadline } from '../../platform/backoff.ts';
import { reapAtEnd } from '../../testkit/reaper.ts';
import type { BrokerAddress } from './brokers.ts';

const READY_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 20_000;

/** A signing key that can be handed to another process: PEM texts. */
export interface Key {
  readonly keyId: string;
  readonly privateKey: string;
  readonly publicKey: string;
}

export function makeKey(keyId: string): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    keyId,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}
export const signerOf = ({ keyId, privateKey }: Key): Signer => ({
  keyId,
  privateKey: createPrivateKey(privateKey),
});
export const trustedOf = ({ keyId, publicKey }: Key): TrustedKey => ({
  keyId,
  publicKey: createPublicKey(publicKey),
});

export interface ManagerTask {
  readonly databaseUrl: string;
  readonly broker: BrokerAddress;
  readonly key: Key;
  /** By region; of many regions behind one queue, of each the same. */
  readonly regionKey: Key;
  readonly many: boolean;
}
export interface RegionTask {
  readonly databaseUrl: string;
  readonly broker: BrokerAddress;
  readonly governance: Key;
  readonly key: Key;
  /** One, or many behind one queue. */
  readonly regions: readonly string[];
}
/** A change of the kind UNLINK has been made; the region's clock is the machine's. */
export interface Arrival {
  readonly jobId: string;
  readonly region: string;
  readonly atMs: number;
}

export interface BenchProcess {
  readonly pid: number;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds since 1970 with fractions, the same in every process of the machine. */
export const wallMs = (): number => performance.timeOrigin + performance.now();

/** Starts `FILE.ts` of this folder and resolves when it is ready. */
export async function startProcess(
  file: 'manager-process' | 'region-process',
  task: ManagerTask | RegionTask,
  onArrival: (arrival: Arrival) => void = () => {},
): Promise<BenchProcess> {
  const child = fork(join(import.meta.dirname, `${file}.ts`), { detached: true });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} did not start`);
  const callOff = reapAtEnd({ processGroups: [pid], signal: 'KILL' });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      callOff();
      resolve();
    });
  });
  const ready = Promise.withResolvers<void>();
  child.once('error', ready.reject);
  child.on('message', (told: 'ready' | Arrival) => {
    if (told === 'ready') ready.resolve();
    else onArrival(told);
  });
  child.once('exit', (code) => ready.reject(new Error(`${file} ended with ${code}`)));
  child.send(task);
  await withDeadline(READY_WITHIN_MS, file, () => ready.promise);
  return {
    pid,
    kill: () => end(child, exited, 'SIGKILL'),
    stop: () => end(child, exited, 'SIGTERM'),
  };
}

async function end(child: ChildProcess, exited: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await waitAtMost(STOP_WITHIN_MS, exited);
  child.kill('SIGKILL');
  await exited;
}

/** In such a process: runs the task that it is told, and ends with its parent or on SIGTERM. */
export function runTask<T>(run: (task: T) => Promise<() => Promise<void>>): void {
  process.once('message', (task: T) => {
    run(task).then(
      (close) => {
        process.once('SIGTERM', () => void close().finally(() => process.exit(0)));
        process.send?.('ready');
      },
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.once('disconnect', () => process.exit(0));
}
