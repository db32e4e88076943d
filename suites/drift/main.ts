/**
 * Convergence as a command: stories of two planes of which one or both are put back to an earlier moment.
 *
 *     npm run drift -- --stories 200 --seed 7
 */
import { randomInt } from 'node:crypto';
import { table } from '../../cli/output.ts';
import { distributionTable, measure, type Tell } from '../../testkit/measure/command.ts';
import { distributionOf } from '../../testkit/measure/distribution.ts';
import { play, type Story, storiesOf } from './stories.ts';
import { DriftWorld } from './world.ts';

const options = {
  stories: { default: 200, about: 'stories to be played' },
  seed: { default: 0, about: 'what the stories follow from; 0: chance' },
} as const;

interface Played {
  readonly tookMs: readonly number[];
  /** The first that did not end well; none is played behind it. */
  readonly failed: { readonly story: Story; readonly error: string } | undefined;
  readonly findings: readonly (readonly [what: string, times: number])[];
}

async function playAll(stories: readonly Story[], tell: Tell): Promise<Played> {
  const world = await DriftWorld.start();
  try {
    const tookMs: number[] = [];
    let failed: Played['failed'];
    for (const [index, story] of stories.entries()) {
      const startedAt = performance.now();
      try {
        await play(world, `s${index}`, story);
      } catch (error) {
        failed = { story, error: String(error) };
        break;
      }
      tookMs.push(performance.now() - startedAt);
      tell(`${index + 1} of ${stories.length}`);
    }
    const rows = await world.cmk(
      `SELECT action || ' ' || (detail::jsonb->>'finding') AS what, count(*)::int AS times
         FROM audit_events WHERE action LIKE 'drift.%' GROUP BY 1 ORDER BY 1`,
    );
    return {
      tookMs,
      failed,
      findings: rows.map((row) => [String(row['what']), Number(row['times'])] as const),
    };
  } finally {
    await world.close();
  }
}

await measure('drift', options, async ({ stories: count, seed: given }, stage) => {
  const seed = given === 0 ? randomInt(1, 2 ** 31) : given;
  const { tookMs, failed, findings } = await stage(`${count} stories of seed ${seed}`, (tell) =>
    playAll(storiesOf(count, seed), tell),
  );
  return {
    data: { seed, played: tookMs.length, findings: Object.fromEntries(findings), failed: failed ?? null },
    text: [
      distributionTable('until both sides had come together', [['story', distributionOf(tookMs)]]),
      table(['done or told', 'times, as what is left of the audit log says'], findings),
    ].join('\n\n'),
    failures:
      failed === undefined ? [] : [`seed ${seed}, story ${JSON.stringify(failed.story)}: ${failed.error}`],
  };
});
