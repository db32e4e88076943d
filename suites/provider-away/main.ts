/**
 * A customer's keystore that nobody can reach, as a command.
 *
 *     npm run provider-away -- --minutes 10
 */
import { table } from '../../cli/output.ts';
import { measure } from '../../testkit/measure/command.ts';
import { failuresOf, providerAway } from './provider-away.ts';

const options = { minutes: { default: 10, about: 'for how long' } } as const;

await measure('provider-away', options, async ({ minutes }, stage) => {
  const report = await stage(`AWS KMS (a double) away for ${minutes} min`, (tell) =>
    providerAway(minutes * 60_000, tell),
  );
  const { served, refused, warnedAfterMs, clearedAfterMs, linkStates, audited, warning } = report;
  return {
    data: { ...report },
    text: [
      table(
        ['provider away', ''],
        [
          ['requests served', served],
          ['requests refused', refused],
          ['links meanwhile', linkStates.join(', ')],
          ['warned after, ms', Math.round(warnedAfterMs)],
          ['warning gone after, ms', Math.round(clearedAfterMs)],
          ['audited meanwhile', audited.join(', ')],
        ],
      ),
      warning,
    ].join('\n\n'),
    failures: failuresOf(report),
  };
});
