/**
 * What a gateway adds to TLS: processor time of its process for each operation, against a server that echoes as many
 * bytes and does nothing else. Both are measured in turns, in pairs, over the same number of connections; the ratio of
 * each pair is what counts, since it does not depend on the machine. 1.00 would be a gateway for nothing.
 *
 *     npm run bench:gateway -- --seconds 3 --pairs 7
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { SERVICE } from '../cli/job/names.ts';
import { table } from '../cli/output.ts';
import {
  attribute,
  BatchErrorContinuationOption,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  decodeResponse,
  encodeRequest,
  FrameReader,
  type KnownOperation,
  ObjectType,
  Operation,
  operationSchemas,
  type RequestOf,
  ResultStatus,
  schemasOf,
  V1_4,
} from '../execution/kmip/index.ts';
import { type Child, startChild } from '../testkit/children.ts';
import { temporaryDirectory } from '../testkit/directories.ts';
import { measure, type Tell } from '../testkit/measure/command.ts';
import { type Distribution, distributionOf } from '../testkit/measure/distribution.ts';
import { testPki } from '../testkit/pki.ts';
import { System } from '../testkit/system.ts';
import { type Access, Connections, type Exchange } from './gateway/connections.ts';
import { cpuSeconds } from './gateway/cpu.ts';
import type { EchoOptions } from './gateway/echo.ts';

const options = {
  seconds: { default: 3, about: 'how long each half of a pair is measured' },
  pairs: { default: 7, about: 'pairs for each operation and depth' },
  connections: { default: 16, about: 'connections to each server' },
  depth: { default: 16, about: 'requests in one write, beside one by one' },
} as const;

const RECORD_BYTES = 32;
const WARM_UP_MS = 1_000;

interface Case {
  readonly name: string;
  readonly operation: KnownOperation;
  readonly request: Buffer;
  readonly responseBytes: number;
}

interface Pair {
  /** Microseconds of processor time for each request. */
  readonly echo: number;
  readonly gateway: number;
  /** Requests in a second, all connections together. */
  readonly perSecond: number;
}

interface Row {
  readonly name: string;
  readonly depth: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly pairs: readonly Pair[];
}

await measure('bench:gateway', options, async ({ seconds, pairs, connections, depth }, stage) => {
  const system = await stage('start two regions', () => System.start());
  const [region] = system.regions;
  if (region === undefined) throw new Error('there is no region');
  const gateway = await accessOf(system, region);
  const pid = pidOf(system, `${region}/gateway`);
  try {
    const rows: Row[] = [];
    for (const one of await casesOf(gateway)) {
      for (const deep of [1, depth]) {
        rows.push(
          await stage(
            `${one.name}, ${deep === 1 ? 'one by one' : `${deep} in one write`}`,
            (tell) => compare(one, gateway, pid, { pairs, seconds, connections, depth: deep }, tell),
            ({ pairs: made }) => `${ratioOf(made).p50.toFixed(2)} of a bare echo`,
          ),
        );
      }
    }
    return verdict(rows, connections);
  } finally {
    await system.interrupt();
  }
});

async function accessOf(system: System, region: string): Promise<Access> {
  const files = system.files();
  const [cert, key, ca] = await Promise.all(
    [files.cert, files.key, files.ca].map((f) => readFile(f, 'utf8')),
  );
  if (cert === undefined || key === undefined || ca === undefined) throw new Error('a file is missing');
  return { ...system.region(region).gateway, cert, key, ca };
}

function pidOf(system: System, component: string): number {
  const pid = system.endpoints.processes.find(({ name }) => name === component)?.pid;
  if (pid === undefined || pid === null) throw new Error(`${component} does not run`);
  return pid;
}

/** A request of each kind, and how long its answer is, seen once. */
async function casesOf(gateway: Access): Promise<Case[]> {
  const { Encrypt, Decrypt } = CryptographicUsageMask;
  const template = {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: {
      attribute: [
        attribute('Cryptographic Algorithm', CryptographicAlgorithm.AES),
        attribute('Cryptographic Length', 256),
        attribute('Cryptographic Usage Mask', Encrypt | Decrypt),
        attribute('Activation Date', Math.floor(Date.now() / 1000)),
      ],
    },
  };
  const made = await askOnce(gateway, requestFor(Operation.Create, template));
  const { uniqueIdentifier } = operationSchemas[Operation.Create].response.read(made.payload, V1_4);
  const data = new Uint8Array(RECORD_BYTES);
  const sealed = async (uid: string): Promise<Buffer> => {
    const { payload } = await askOnce(
      gateway,
      requestFor(Operation.Encrypt, { uniqueIdentifier: uid, data }),
    );
    const answer = operationSchemas[Operation.Encrypt].response.read(payload, V1_4);
    return requestFor(Operation.Decrypt, {
      uniqueIdentifier: uid,
      data: answer.data,
      ivCounterNonce: answer.ivCounterNonce,
      authenticatedEncryptionTag: answer.authenticatedEncryptionTag,
    });
  };
  const l3 = `l3:${SERVICE}`;
  const requests: [string, KnownOperation, Buffer][] = [
    ['Encrypt', Operation.Encrypt, requestFor(Operation.Encrypt, { uniqueIdentifier, data })],
    ['Decrypt', Operation.Decrypt, await sealed(uniqueIdentifier)],
    ['Get', Operation.Get, requestFor(Operation.Get, { uniqueIdentifier })],
    ['Wrap under the L3', Operation.Encrypt, requestFor(Operation.Encrypt, { uniqueIdentifier: l3, data })],
    ['Unwrap under the L3', Operation.Decrypt, await sealed(l3)],
    ['Create', Operation.Create, requestFor(Operation.Create, template)],
  ];
  const cases: Case[] = [];
  for (const [name, operation, request] of requests) {
    const { bytes } = await askOnce(gateway, request);
    cases.push({ name, operation, request, responseBytes: bytes.length });
  }
  return cases;
}

function requestFor<O extends KnownOperation>(operation: O, payload: RequestOf<O>): Buffer {
  return Buffer.from(
    encodeRequest({
      header: {
        protocolVersion: V1_4,
        batchErrorContinuationOption: BatchErrorContinuationOption.Stop,
        batchCount: 1,
      },
      items: [{ operation, payload: schemasOf(operation).request.write(payload, V1_4) }],
    }),
  );
}

async function askOnce(access: Access, request: Buffer) {
  const socket = connect({ ...access, servername: 'localhost' });
  try {
    const reader = new FrameReader();
    socket.write(request);
    for await (const chunk of socket) {
      for (const frame of reader.push(chunk as Buffer)) {
        const [item] = decodeResponse(frame).items;
        if (item?.resultStatus !== ResultStatus.Success || item.payload === undefined) {
          throw new Error(`the gateway refuses: ${item?.resultMessage}`);
        }
        return { bytes: frame, payload: item.payload };
      }
    }
    throw new Error('the gateway closed the connection');
  } finally {
    socket.destroy();
  }
}

interface Settings {
  readonly pairs: number;
  readonly seconds: number;
  readonly connections: number;
  readonly depth: number;
}

async function compare(
  one: Case,
  gateway: Access,
  gatewayPid: number,
  settings: Settings,
  tell: Tell,
): Promise<Row> {
  const { name, request, responseBytes } = one;
  const exchange: Exchange = { request, responseBytes };
  const { child, access } = await startEcho({ requestBytes: request.length, responseBytes });
  const { connections, depth, seconds } = settings;
  const toEcho = await Connections.open(access, exchange, connections, depth);
  const toGateway = await Connections.open(gateway, exchange, connections, depth);
  try {
    await turn(toEcho, child.pid, WARM_UP_MS);
    await turn(toGateway, gatewayPid, WARM_UP_MS);
    const pairs: Pair[] = [];
    for (let pair = 0; pair < settings.pairs; pair++) {
      const echo = await turn(toEcho, child.pid, seconds * 1_000);
      const real = await turn(toGateway, gatewayPid, seconds * 1_000);
      pairs.push({ echo: echo.micros, gateway: real.micros, perSecond: real.perSecond });
      tell(`pair ${pair + 1} of ${settings.pairs}: ${ratioOf(pairs).p50.toFixed(2)} of a bare echo`);
    }
    return { name, depth, requestBytes: request.length, responseBytes, pairs };
  } finally {
    toEcho.close();
    toGateway.close();
    await child.kill();
  }
}

async function startEcho(sizes: Pick<EchoOptions, 'requestBytes' | 'responseBytes'>) {
  const pki = await testPki();
  const [server, client] = [await pki.server(), await pki.client('bench')];
  const ca = pki.ca.certificatePem;
  const file = join(temporaryDirectory('echo'), 'options.json');
  const given: EchoOptions = { cert: server.certificatePem, key: server.privateKeyPem, ca, ...sizes };
  await writeFile(file, JSON.stringify(given), { mode: 0o600 });
  const child: Child = await startChild({
    name: 'echo',
    command: process.execPath,
    args: [join(import.meta.dirname, 'gateway/echo.ts'), file],
  });
  const port = Number((await child.waitForLine(/^port \d+$/)).slice('port '.length));
  const access: Access = {
    host: '127.0.0.1',
    port,
    cert: client.certificatePem,
    key: client.privateKeyPem,
    ca,
  };
  return { child, access };
}

/** One half of a pair. */
async function turn(
  connections: Connections,
  pid: number,
  durationMs: number,
): Promise<{ micros: number; perSecond: number }> {
  const [cpuBefore, answeredBefore, startedAt] = [cpuSeconds(pid), connections.answered, performance.now()];
  connections.start();
  await sleep(durationMs);
  await connections.stop();
  const answered = connections.answered - answeredBefore;
  return {
    micros: ((cpuSeconds(pid) - cpuBefore) * 1e6) / answered,
    perSecond: (answered * 1_000) / (performance.now() - startedAt),
  };
}

function ratioOf(pairs: readonly Pair[]): Distribution {
  return distributionOf(pairs.map(({ echo, gateway }) => echo / gateway));
}

function verdict(rows: readonly Row[], connections: number) {
  const micros = (values: readonly number[]): string => distributionOf(values).p50.toFixed(1);
  const lines = rows.map(({ name, depth, requestBytes, responseBytes, pairs }) => {
    const ratio = ratioOf(pairs);
    return [
      name,
      depth,
      `${requestBytes} → ${responseBytes}`,
      micros(pairs.map(({ echo }) => echo)),
      micros(pairs.map(({ gateway }) => gateway)),
      ratio.p50.toFixed(2),
      `${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}`,
      Math.round(distributionOf(pairs.map(({ perSecond }) => perSecond)).p50),
    ];
  });
  const head = ['operation', 'in one write', 'bytes', 'echo µs', 'gateway µs', 'ratio', 'spread', 'a second'];
  return {
    data: { connections, rows: rows.map((row) => ({ ...row, ratio: ratioOf(row.pairs) })) },
    text: `Processor time of the server's process for each request, ${connections} connections.\n${table(head, lines)}`,
    failures: [],
  };
}
