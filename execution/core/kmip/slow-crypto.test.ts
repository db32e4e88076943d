// Slow work: outside of the transaction, few at once, bounded in time, and nothing of it left behind.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseServiceName, parseTenantId } from '../../../contracts/index.ts';
import { until } from '../../../testkit/until.ts';
import { KmipError, ResultReason } from '../../kmip/index.ts';
import { MAX_CONCURRENT_SLOW_CRYPTO } from '../limits.ts';
import { MessageBudget } from './budget.ts';
import type { OperationContext } from './context.ts';
import { type SlowWork, slowly } from './slow-crypto.ts';
import { type SlowResults, UnfinishedWork, withSlowWork } from './slow-results.ts';

type Context = Pick<OperationContext, 'slow' | 'batch' | 'requester'>;

/** As much of a context as slow work looks at. */
function contextOf(slow: SlowResults, tenant = 'acme', leftMs = 60_000): Context {
  const budget = new MessageBudget({ untilMs: performance.now() + leftMs });
  const scope = { tenant: parseTenantId(tenant), services: [parseServiceName('billing')] };
  return {
    slow,
    batch: { idPlaceholder: undefined, handedOver: new Set(), budget },
    requester: { scope } as unknown as OperationContext['requester'],
  };
}

/** One transaction that needs the work, as run-batch runs it. */
function transaction<T, R>(
  work: SlowWork<T>,
  use: (result: T) => R,
  tenant?: string,
  leftMs?: number,
): Promise<R> {
  return withSlowWork(async (slow) => {
    slow.restart();
    return use(slowly(contextOf(slow, tenant, leftMs), work));
  });
}

const later = <T>(value: T, ms = 5) => new Promise<T>((resolve) => setTimeout(resolve, ms, value));

describe('slow work', () => {
  test('runs once, between two attempts, and is discarded when the operation has ended', async () => {
    const events: string[] = [];
    let attempts = 0;
    const answer = await withSlowWork(async (slow) => {
      slow.restart();
      attempts += 1;
      events.push('begin');
      try {
        return slowly(contextOf(slow), {
          key: 'k',
          run: async () => {
            events.push('work');
            return await later(42);
          },
          discard: () => void events.push('discard'),
        });
      } finally {
        events.push('end');
      }
    });
    assert.equal(answer, 42);
    assert.equal(attempts, 2);
    assert.deepEqual(events, ['begin', 'end', 'work', 'begin', 'end', 'discard']);
  });

  test('two of a kind in one transaction are two results, however often it is tried', async () => {
    let made = 0;
    const work = { key: 'same', run: async () => await later(++made) };
    const pair = await withSlowWork(async (slow) => {
      slow.restart();
      const context = contextOf(slow);
      return [slowly(context, work), slowly(context, work)];
    });
    assert.deepEqual(pair, [1, 2]);
    assert.equal(made, 2);
    const other = await transaction({ key: 'same', run: () => later('another operation') }, (r) => r);
    assert.equal(other, 'another operation');
  });

  test('past the time of the message it fails, and gives up what comes too late', async () => {
    let discarded = 0;
    const discard = () => {
      discarded += 1;
    };
    const work = Promise.withResolvers<string>();
    const slow = { key: 'late', run: () => work.promise, discard };
    await assert.rejects(
      transaction(slow, (r) => r, 'acme', 10),
      (error: unknown) => error instanceof KmipError && error.resultReason === ResultReason.GeneralFailure,
    );
    assert.equal(discarded, 0);
    work.resolve('secret');
    await until('it is given up', () => discarded === 1);
  });

  test('a failure of the work is the failure of the operation', async () => {
    const failing = {
      key: 'failing',
      run: async (): Promise<never> => {
        throw KmipError.cryptographicFailure('no');
      },
    };
    await assert.rejects(
      transaction(failing, (r) => r),
      { resultReason: ResultReason.CryptographicFailure },
    );
    await assert.rejects(
      transaction({ key: 'used', run: () => later(1) }, () => {
        throw new UnfinishedWork(async () => {
          throw new RangeError('elsewhere');
        });
      }),
      RangeError,
    );
  });

  test('few at once, and of one tenant one after another', async () => {
    const running = new Map<string, number>();
    let most = 0;
    const work = (tenant: string, n: number) => ({
      key: `${tenant}-${n}`,
      run: async () => {
        running.set(tenant, (running.get(tenant) ?? 0) + 1);
        assert.equal(running.get(tenant), 1);
        most = Math.max(
          most,
          [...running.values()].reduce((a, b) => a + b, 0),
        );
        await later(undefined, 3);
        running.set(tenant, (running.get(tenant) ?? 0) - 1);
      },
    });
    const all = ['acme', 'globex', 'initech'].flatMap((tenant) =>
      [1, 2, 3].map((n) => transaction(work(tenant, n), () => n, tenant)),
    );
    await Promise.all(all);
    assert.equal(most, MAX_CONCURRENT_SLOW_CRYPTO);
  });
});
