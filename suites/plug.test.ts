/**
 * Pulling plugs: what goes on without governance and the broker, what goes on without the core, how fast a revocation
 * is felt, and that nothing brings a closed tenant back but linking it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Application, Ciphertext } from '../cli/kmip/application.ts';
import { eventually, System } from '../testkit/system.ts';

const L3 = 'l3:payments';
const TEXT = Buffer.from('a record that must come back bit for bit');
const REFUSAL_LIMIT_MS = 1_000;

interface Seat {
  readonly region: string;
  application: Application;
  uid: string;
  record: Ciphertext;
  wrapped: Ciphertext;
}

describe('pulling plugs', () => {
  let system: System;
  let seats: Seat[] = [];

  before(async () => {
    system = await System.shared();
    seats = await Promise.all(
      system.regions.map(async (region) => {
        const application = await system.application(region);
        const uid = await application.create({ active: true });
        return {
          region,
          application,
          uid,
          record: await application.encrypt(uid, TEXT),
          wrapped: await application.encrypt(L3, TEXT),
        };
      }),
    );
  });
  after(() => {
    for (const { application } of seats) application.close();
  });

  /** An application's daily work. */
  async function work({ application, uid, record }: Seat): Promise<void> {
    const made = await application.create({ active: true });
    assert.equal((await application.get(made)).lengthBits, 256);
    const ciphertext = await application.encrypt(made, TEXT);
    assert.deepEqual(Buffer.from(await application.decrypt(made, ciphertext)), TEXT);
    assert.deepEqual(Buffer.from(await application.decrypt(uid, record)), TEXT);
    assert.deepEqual(Buffer.from(await application.decrypt(L3, await application.encrypt(L3, TEXT))), TEXT);
  }

  async function reopen(): Promise<void> {
    for (const seat of seats) {
      seat.application.close();
      seat.application = await system.application(seat.region);
    }
  }

  test('without CMK and the broker, applications of both regions go on', async () => {
    await system.must('stop', 'cmk');
    await system.must('stop', 'broker');
    for (const seat of seats) {
      await work(seat);
      await seat.application.activate(await seat.application.create());
    }
    await system.must('start', 'broker');
    await system.must('start', 'cmk');
    await eventually('reports from both regions', 20_000, async () => {
      const { items } = await system.rest<{ items: { stale: boolean }[] }>('GET', '/v1/regions');
      return items.length === 2 && items.every(({ stale }) => !stale);
    });
  });

  test('without its core a gateway goes on with L4 keys, and refuses Re-key at once', async () => {
    const [seat] = seats;
    assert.ok(seat);
    await system.must('stop', `${seat.region}/core`);
    await work(seat);
    const startedAt = performance.now();
    await assert.rejects(seat.application.reKey(seat.uid), /core/);
    assert.ok(
      performance.now() - startedAt < 1_000,
      `Re-key was refused after ${performance.now() - startedAt} ms`,
    );
    await system.must('start', `${seat.region}/core`);
    await eventually('Re-key through the core that is back', 15_000, async () => {
      try {
        return (await seat.application.reKey(seat.uid)) !== seat.uid;
      } catch {
        return false;
      }
    });
  });

  test('after unlink every gateway refuses within a second', async (t) => {
    let answeredAt = Number.POSITIVE_INFINITY;
    let stopAt = Number.POSITIVE_INFINITY;
    const watch = async ({ application, uid, region }: Seat): Promise<void> => {
      let lastSuccessAt = Number.NEGATIVE_INFINITY;
      while (performance.now() < stopAt) {
        const startedAt = performance.now();
        const worked = await Promise.allSettled([
          application.encrypt(uid, TEXT),
          application.encrypt(L3, TEXT),
        ]);
        if (worked.some(({ status }) => status === 'fulfilled')) lastSuccessAt = startedAt;
        await sleep(10);
      }
      const lateMs = lastSuccessAt - answeredAt;
      t.diagnostic(`${region}: last success ${lateMs.toFixed(0)} ms after the answer to unlink`);
      assert.ok(lateMs < REFUSAL_LIMIT_MS, `${region} still encrypted ${lateMs} ms after unlink`);
    };
    const watching = Promise.all(seats.map(watch));
    await sleep(100);
    await system.rest('POST', '/v1/tenants/acme/unlink', { reason: 'the customer said so' });
    answeredAt = performance.now();
    stopAt = answeredAt + 3_000;
    await watching;
    for (const { application, uid, record, wrapped } of seats) {
      await assert.rejects(application.decrypt(uid, record), /PermissionDenied/);
      await assert.rejects(application.decrypt(L3, wrapped));
      await assert.rejects(application.get(uid));
      await assert.rejects(application.create());
    }
  });

  test('and stays closed after everything was killed and started again', async () => {
    await system.killEverything();
    await system.up();
    await reopen();
    for (const { application, uid, record, wrapped } of seats) {
      await assert.rejects(application.decrypt(uid, record));
      await assert.rejects(application.decrypt(L3, wrapped));
      await assert.rejects(application.encrypt(uid, TEXT));
      await assert.rejects(application.create());
    }
  });

  test('link brings the data back, bit for bit', async () => {
    const run = await system.must('link', 'acme');
    assert.match(run.stdout, /acme: active/);
    for (const { application, uid, record, wrapped } of seats) {
      await eventually('the first decryption', 5_000, async () => {
        try {
          return TEXT.equals(await application.decrypt(uid, record));
        } catch {
          return false;
        }
      });
      assert.deepEqual(Buffer.from(await application.decrypt(L3, wrapped)), TEXT);
    }
  });
});
