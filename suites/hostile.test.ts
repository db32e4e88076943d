/**
 * Hostile bytes from a client that is allowed in: the connection ends, with a KMIP error where one can be given; the
 * gateway's memory stays flat, and another client notices nothing.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { decodeResponse, ResultStatus } from '../execution/kmip/index.ts';
import { System } from '../testkit/system.ts';

const REGION = 'eu-west-1';
const CLOSE_DEADLINE_MS = 20_000;
const MAX_RSS_GROWTH_BYTES = 64 * 1024 * 1024;
const MAX_NEIGHBOUR_MS = 1_000;

describe('hostile bytes', () => {
  let system: System;
  let gatewayPid = 0;
  before(async () => {
    system = await System.shared();
    gatewayPid = system.endpoints.processes.find(({ name }) => name === `${REGION}/gateway`)?.pid ?? 0;
  });

  async function open(): Promise<TLSSocket> {
    const { cert, key, ca } = system.files();
    const socket = connect({
      ...system.region(REGION).gateway,
      cert: await readFile(cert),
      key: await readFile(key),
      ca: await readFile(ca),
    });
    socket.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('close', () => reject(new Error('refused')));
    });
    return socket;
  }

  /** Sends the bytes and resolves, when the server has closed, with what it answered. */
  async function send(bytes: Buffer): Promise<Buffer> {
    const socket = await open();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.write(bytes);
    const ended = await Promise.race([closed.then(() => true), sleep(CLOSE_DEADLINE_MS).then(() => false)]);
    socket.destroy();
    assert.ok(ended, 'the server kept the connection');
    return Buffer.concat(chunks);
  }

  async function rssBytes(): Promise<number> {
    const status = await readFile(`/proc/${gatewayPid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) * 1024;
  }

  /** While the attack runs another client works, and must neither fail nor wait. */
  async function unharmed(attack: () => Promise<void>): Promise<void> {
    const application = await system.application(REGION);
    const uid = await application.create({ active: true });
    let running = true;
    let slowestMs = 0;
    const neighbour = (async () => {
      while (running) {
        const startedAt = performance.now();
        await application.encrypt(uid, Buffer.from('undisturbed'));
        slowestMs = Math.max(slowestMs, performance.now() - startedAt);
        await sleep(5);
      }
    })();
    const before = await rssBytes();
    try {
      await attack();
    } finally {
      running = false;
      await neighbour;
      application.close();
    }
    const growth = (await rssBytes()) - before;
    assert.ok(growth < MAX_RSS_GROWTH_BYTES, `the gateway grew by ${growth} bytes`);
    assert.ok(slowestMs < MAX_NEIGHBOUR_MS, `another client waited ${slowestMs.toFixed(0)} ms`);
    const { processes } = await system.refreshed();
    assert.equal(
      processes.find(({ name }) => name === `${REGION}/gateway`)?.pid,
      gatewayPid,
      'the gateway died',
    );
  }

  function assertKmipError(answer: Buffer): void {
    const [item] = decodeResponse(answer).items;
    assert.equal(item?.resultStatus, ResultStatus.OperationFailed);
    assert.ok(item.resultReason !== undefined && item.resultMessage !== undefined);
  }

  const header = (length: number): Buffer => {
    const bytes = Buffer.from('4200780100000000', 'hex');
    bytes.writeUInt32BE(length, 4);
    return bytes;
  };

  test('10 MB of random bytes', async () => {
    await unharmed(async () => {
      await send(randomBytes(10 * 1024 * 1024));
    });
  });

  test('1,000 nested structures', async () => {
    const depth = 1_000;
    const nested = Buffer.concat(
      Array.from({ length: depth }, (_, index) => header((depth - 1 - index) * 8)),
    );
    await unharmed(async () => assertKmipError(await send(nested)));
  });

  test('a length of 4 GB', async () => {
    await unharmed(async () =>
      assertKmipError(await send(Buffer.concat([header(0xff_ff_ff_f8), randomBytes(64)]))),
    );
  });

  test('half a message, and then silence', async () => {
    await unharmed(async () => {
      await send(Buffer.concat([header(4_096), randomBytes(100)]));
    });
  });

  test('200 connections that each send something broken', async () => {
    await unharmed(async () => {
      for (let round = 0; round < 10; round++) {
        await Promise.all(
          Array.from({ length: 20 }, () => send(Buffer.concat([header(64), randomBytes(64)]))),
        );
      }
    });
  });
});
