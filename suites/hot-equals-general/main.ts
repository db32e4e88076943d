/**
 * The hot path held to the general one on a million requests, valid, strange and damaged, Create and Get among them: both
 * read the same bytes, and where the hot path answers, the answers are the same.
 *
 *     npm run hot-equals-general -- --requests 1000000
 *     npm run hot-equals-general -- --requests 1000000 --seed 7
 */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { hotWorld, isAnsweredAlike, request } from '../../execution/gateway/requests/hot/hot-world.test.ts';
import { Operation, operationName } from '../../execution/kmip/index.ts';
import { measure } from '../../testkit/measure/command.ts';

const SEEDS = 2 ** 31;
/** A world of its own for so many, so that its store stays small. */
const LOT = 20_000;
const TELL_EVERY = 1_000;
const counted = [Operation.Encrypt, Operation.Decrypt, Operation.Get, Operation.Create] as const;

const options = {
  requests: { default: 1_000_000, about: 'how many requests' },
  seed: { default: randomInt(SEEDS), about: 'what decides all of them; the same again for the same requests' },
} as const;

await measure('hot-equals-general', options, async ({ requests, seed }, stage) => {
  const answered = new Map<number, number>();
  let done = 0;
  const failure = await stage(`${requests} requests with seed ${seed}`, async (tell) => {
    while (done < requests) {
      const world = await hotWorld();
      try {
        const result = await fc.check(
          fc.asyncProperty(request, async (wanted) => {
            const hit = await isAnsweredAlike(world, wanted);
            if (hit) answered.set(wanted.operation, (answered.get(wanted.operation) ?? 0) + 1);
            done += 1;
            if (done % TELL_EVERY === 0) tell(`${done} requests, ${sum(answered)} answered by both`);
          }),
          { numRuns: Math.min(LOT, requests - done), seed: (seed + done) % SEEDS },
        );
        if (result.failed) return fc.defaultReportMessage(result);
      } finally {
        world.audit.close();
        world.store.close();
      }
    }
    return undefined;
  });
  const parts = counted.map((operation) => `${operationName(operation)} ${answered.get(operation) ?? 0}`);
  return {
    data: { seed, requests: done, answered: Object.fromEntries(answered) },
    text: `${done} requests with seed ${seed}; answered by both paths, and alike: ${parts.join(', ')}`,
    failures: [
      ...(failure === undefined ? [] : [failure]),
      ...counted
        .filter((operation) => requests >= LOT && (answered.get(operation) ?? 0) === 0)
        .map((operation) => `no ${operationName(operation)} was answered by the hot path`),
    ],
  };
});

function sum(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
