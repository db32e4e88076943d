/**
 * Whether slow requests delay fast ones (D8): Encrypt at a fixed rate, with so many requests of several tenants in flight
 * that need the core, against the same without them. Both are measured in turns, in pairs; latency counts from when a
 * request was due, so that one which waits for its turn is not left out.
 *
 *     npm run bench:lanes -- --seconds 5 --pairs 9
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { CmkClient } from '../cli/cmk/client.ts';
import { table } from '../cli/output.ts';
import {
  attribute,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  decodeResponse,
  encodeRequest,
  KmipClient,
  ObjectType,
  Operation,
  ResultStatus,
  schemasOf,
  V1_4,
} from '../execution/kmip/index.ts';
import { measure, ms, type Tell } from '../testkit/measure/command.ts';
import { type Distribution, distributionOf } from '../testkit/measure/distribution.ts';
import { onboardTenant } from '../testkit/onboarding.ts';
import { eventually, System } from '../testkit/system.ts';
import type { LifecycleOptions, LifecycleResult } from './lanes/lifecycle.ts';

const options = {
  seconds: { default: 5, about: 'how long each half of a pair is measured' },
  pairs: { default: 9, about: 'pairs' },
  rate: { default: 1_000, about: 'Encrypts a second' },
  connections: { default: 16, about: 'connections that encrypt' },
  'in-flight': { default: 1_000, about: 'requests in flight that need the core' },
  tenants: { default: 4, about: 'tenants that those are of' },
} as const;

const RECORD_BYTES = 32;
const TICK_MS = 1;
const SECOND_MS = 1_000;
const WARM_UP_MS = 1_000;
const KNOWN_TIMEOUT_MS = 10_000;

interface Half {
  readonly latency: Distribution;
  readonly refused: number;
}

interface Pair {
  readonly alone: Half;
  readonly beside: Half;
  readonly lifecycle: LifecycleResult;
}

type Access = LifecycleOptions['tenants'][number];

await measure('bench:lanes', options, async (given, stage) => {
  const system = await stage('start two regions', () => System.start());
  try {
    const tenants = await stage(`onboard ${given.tenants} tenants`, () => tenantsOf(system, given.tenants));
    const pairs = await stage(`Encrypt beside ${given['in-flight']} requests that need the core`, (tell) =>
      compare(tenants, { ...given, inFlight: given['in-flight'] }, tell),
    );
    return verdict(pairs, given.rate, given['in-flight']);
  } finally {
    await system.interrupt();
  }
});

async function tenantsOf(system: System, count: number): Promise<Access[]> {
  const [region] = system.regions;
  if (region === undefined) throw new Error('there is no region');
  const cmk = new CmkClient(system.endpoints.cmk);
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const [service] = await onboardTenant(system, cmk, `lane-${index + 1}`, 1);
      if (service === undefined) throw new Error('there is no service');
      const { files } = service;
      const [cert = '', key = '', ca = ''] = await Promise.all(
        [files.cert, files.key, files.ca].map((file) => readFile(file, 'utf8')),
      );
      const access = { ...system.region(region).gateway, cert, key, ca };
      let uid = '';
      await eventually('the application is served', KNOWN_TIMEOUT_MS, async () => {
        uid = await createKey(access).catch(() => '');
        return uid !== '';
      });
      return { ...access, uid };
    }),
  );
}

async function createKey(access: Omit<Access, 'uid'>): Promise<string> {
  const { Encrypt, Decrypt } = CryptographicUsageMask;
  const client = new KmipClient({ ...access, servername: 'localhost', poolSize: 1 });
  try {
    const { uniqueIdentifier } = await client.request(Operation.Create, {
      objectType: ObjectType.SymmetricKey,
      templateAttribute: {
        attribute: [
          attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
          attribute('Cryptographic Length', 256),
          attribute('Cryptographic Usage Mask', Encrypt | Decrypt),
          attribute('Activation Date', Math.floor(Date.now() / SECOND_MS)),
        ],
      },
    });
    return uniqueIdentifier;
  } finally {
    client.close();
  }
}

interface Settings {
  readonly seconds: number;
  readonly pairs: number;
  readonly rate: number;
  readonly connections: number;
  readonly inFlight: number;
}

async function compare(tenants: readonly Access[], settings: Settings, tell: Tell): Promise<Pair[]> {
  const { inFlight, connections } = settings;
  const [first] = tenants;
  if (first === undefined) throw new Error('there is no tenant');
  const worker = new Worker(join(import.meta.dirname, 'lanes/lifecycle.ts'), {
    workerData: { inFlight, tenants } satisfies LifecycleOptions,
  });
  const told = async (word: 'start' | 'stop'): Promise<unknown> => {
    const answer = once(worker, 'message');
    worker.postMessage(word);
    return (await answer)[0];
  };
  const client = new KmipClient({ ...first, servername: 'localhost', poolSize: connections });
  try {
    await encryptAt(client, first.uid, settings.rate, WARM_UP_MS);
    const pairs: Pair[] = [];
    for (let pair = 0; pair < settings.pairs; pair++) {
      const alone = await encryptAt(client, first.uid, settings.rate, settings.seconds * SECOND_MS);
      await told('start');
      await sleep(WARM_UP_MS);
      const beside = await encryptAt(client, first.uid, settings.rate, settings.seconds * SECOND_MS);
      const lifecycle = (await told('stop')) as LifecycleResult;
      pairs.push({ alone, beside, lifecycle });
      tell(
        `pair ${pair + 1} of ${settings.pairs}: p99 ${ms(alone.latency.p99)} alone, ${ms(beside.latency.p99)} beside`,
      );
    }
    return pairs;
  } finally {
    client.close();
    worker.postMessage('close');
    await worker.terminate();
  }
}

/** An open loop: requests are due at their times, whatever becomes of those before them. */
async function encryptAt(client: KmipClient, uid: string, rate: number, durationMs: number): Promise<Half> {
  const payload = schemasOf(Operation.Encrypt).request.write(
    { uniqueIdentifier: uid, data: new Uint8Array(RECORD_BYTES) },
    V1_4,
  );
  const request = encodeRequest({
    header: { protocolVersion: V1_4, batchCount: 1 },
    items: [{ operation: Operation.Encrypt, payload }],
  });
  const latencies: number[] = [];
  let refused = 0;
  const answers: Promise<void>[] = [];
  const startedAt = performance.now();
  const total = Math.floor((durationMs * rate) / SECOND_MS);
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) * rate) / SECOND_MS));
    for (; sent < due; sent++) {
      const dueAt = startedAt + (sent * SECOND_MS) / rate;
      const settle = (isServed: boolean): void => {
        if (isServed) latencies.push(performance.now() - dueAt);
        else refused += 1;
      };
      answers.push(
        client.send(request).then(
          (answer) => settle(decodeResponse(answer).items[0]?.resultStatus === ResultStatus.Success),
          () => settle(false),
        ),
      );
    }
    await sleep(TICK_MS);
  }
  await Promise.all(answers);
  return { latency: distributionOf(latencies), refused };
}

function verdict(pairs: readonly Pair[], rate: number, inFlight: number) {
  const spread = (values: readonly number[]): string => {
    const { min, p50, max } = distributionOf(values);
    return `${ms(p50)} (${ms(min)} – ${ms(max)})`;
  };
  const rows = (['p50', 'p99', 'max'] as const).map((which) => {
    const alone = pairs.map((pair) => pair.alone.latency[which]);
    const beside = pairs.map((pair) => pair.beside.latency[which]);
    const ratio = distributionOf(pairs.map((pair) => pair.beside.latency[which] / pair.alone.latency[which]));
    return [
      which,
      spread(alone),
      spread(beside),
      ratio.p50.toFixed(2),
      `${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}`,
    ];
  });
  const refused = pairs.reduce((sum, { alone, beside }) => sum + alone.refused + beside.refused, 0);
  const lifecycle = pairs.reduce((sum, pair) => sum + pair.lifecycle.answered, 0);
  const turnedAway = pairs.reduce((sum, pair) => sum + pair.lifecycle.refused, 0);
  const reason = pairs.find((pair) => pair.lifecycle.reason !== undefined)?.lifecycle.reason;
  return {
    data: { rate, inFlight, pairs },
    text: [
      `Encrypt, ${rate} a second: median over ${pairs.length} pairs, and the spread of it.`,
      table(['latency', 'alone', `beside ${inFlight} in flight`, 'ratio', 'spread'], rows),
      `${lifecycle} requests that need the core were answered beside it, ${turnedAway} turned away${reason === undefined ? '' : ` (${reason})`}.`,
    ].join('\n'),
    failures: refused > 0 ? [`${refused} Encrypts were refused`] : [],
  };
}
