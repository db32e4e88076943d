/**
 * The hot path held to the general one, on requests that are valid, strange and damaged, Create and Get among them: both
 * read the same bytes, and where the hot path answers, the answers are the same. Some thousands among the tests, and as
 * many as you like by hand:
 *
 *     npm run hot-equals-general -- --requests 1000000
 *     npm run hot-equals-general -- --requests 1000000 --seed 7
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorMessage } from '../../../../platform/errors.ts';
import { measure, type Tell } from '../../../../testkit/measure/command.ts';
import { Operation, operationName } from '../../../kmip/index.ts';
import { hotWorld, isAnsweredAlike, request } from './hot-world.test.ts';

const SEEDS = 2 ** 31;
/** A world of its own for so many, so that its store stays small. */
const LOT = 20_000;
const TELL_EVERY = 1_000;
const FEW = 1_000;
const operations = [Operation.Encrypt, Operation.Decrypt, Operation.Get, Operation.Create] as const;

interface Outcome {
  readonly done: number;
  /** Requests that both paths have answered, by operation. */
  readonly answered: ReadonlyMap<number, number>;
  /** What differed, with how to see it again. */
  readonly difference: string | undefined;
}

async function compare(requests: number, seed: number, tell: Tell): Promise<Outcome> {
  const answered = new Map<number, number>();
  let done = 0;
  while (done < requests) {
    const world = await hotWorld();
    try {
      const result = await fc.check(
        fc.asyncProperty(request, async (wanted) => {
          const isAnswered = await isAnsweredAlike(world, wanted);
          if (isAnswered) answered.set(wanted.operation, (answered.get(wanted.operation) ?? 0) + 1);
          done += 1;
          if (done % TELL_EVERY === 0) tell(`${done} requests, ${textOf(answered)}`);
        }),
        { numRuns: Math.min(LOT, requests - done), seed: (seed + done) % SEEDS },
      );
      if (result.failed) {
        const difference = `${fc.defaultReportMessage(result)}\n${errorMessage(result.errorInstance)}`;
        return { done, answered, difference };
      }
    } finally {
      world.close();
    }
  }
  return { done, answered, difference: undefined };
}

function textOf(answered: Outcome['answered']): string {
  const parts = operations.map((operation) => `${operationName(operation)} ${answered.get(operation) ?? 0}`);
  return `answered by both: ${parts.join(', ')}`;
}

/** Operations that the hot path has left to the other: nothing was compared then. */
function missing({ answered }: Outcome): readonly string[] {
  return operations
    .filter((operation) => (answered.get(operation) ?? 0) === 0)
    .map((operation) => `no ${operationName(operation)} was answered by the hot path`);
}

async function long(): Promise<never> {
  const options = {
    requests: { default: 1_000_000, about: 'how many requests' },
    seed: {
      default: randomInt(SEEDS),
      about: 'what decides all of them; the same again for the same requests',
    },
  } as const;
  return await measure('hot-equals-general', options, async ({ requests, seed }, stage) => {
    const outcome = await stage(`${requests} requests with seed ${seed}`, (tell) =>
      compare(requests, seed, tell),
    );
    const { done, answered, difference } = outcome;
    return {
      data: { seed, requests: done, answered: Object.fromEntries(answered) },
      text: `${done} requests with seed ${seed}; ${textOf(answered)}`,
      failures: difference === undefined ? missing(outcome) : [difference],
    };
  });
}

if (process.env['NODE_TEST_CONTEXT'] === undefined) {
  await long();
} else {
  test('the hot path gives the answers of the general path, or none', async () => {
    const outcome = await compare(FEW, randomInt(SEEDS), () => undefined);
    assert.equal(outcome.difference, undefined);
    assert.deepEqual(missing(outcome), []);
  });
}
