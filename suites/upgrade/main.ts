/**
 * An upgrade under load as a command: cores and gateways replaced one after the other, round after round.
 *
 *     npm run upgrade-under-load -- --rounds 10
 */
import { table } from '../../cli/output.ts';
import { distributionTable, measure, ms } from '../../testkit/measure/command.ts';
import { distributionOf } from '../../testkit/measure/distribution.ts';
import { failuresOf, upgradeUnderLoad } from './upgrade.ts';

const options = {
  rounds: { default: 10, about: 'times that every process is replaced' },
  lines: { default: 8, about: 'requests that each of two clients has under way' },
} as const;

await measure('upgrade-under-load', options, async ({ rounds, lines }, stage) => {
  const upgrade = await stage(`${rounds} rounds`, (tell) => upgradeUnderLoad(rounds, lines, tell));
  const { hot, control, awayMs } = upgrade;
  const names = [...new Set(awayMs.map(([name]) => name))];
  return {
    data: { hot, control, awayMs },
    text: [
      table(
        ['upgrade under load', 'hot', 'control'],
        [
          ['answered', hot.done, control.done],
          ['failed', hot.failed, control.failed],
          ['longest', ms(hot.longestMs), ms(control.longestMs)],
          ['longest until a failure was told', ms(hot.longestFailureMs), ms(control.longestFailureMs)],
        ],
      ),
      distributionTable(
        'from SIGTERM until the next is ready',
        names.map((name) => [
          name,
          distributionOf(awayMs.filter(([each]) => each === name).map(([, tookMs]) => tookMs)),
        ]),
      ),
    ].join('\n\n'),
    failures: failuresOf(upgrade),
  };
});
