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
  const { hot, creates, control, awayMs } = upgrade;
  const names = [...new Set(awayMs.map(([name]) => name))];
  return {
    data: { hot, creates, control, awayMs },
    text: [
      table(
        ['upgrade under load', 'get, encrypt, decrypt', 'create', 'control'],
        [
          ['answered', hot.done, creates.done, control.done],
          ['failed', hot.failed, creates.failed, control.failed],
          ['of which on their way as a gateway hung up', hot.unknown, creates.unknown, control.unknown],
          ['longest', ms(hot.longestMs), ms(creates.longestMs), ms(control.longestMs)],
          [
            'longest until a failure was told',
            ms(hot.longestFailureMs),
            ms(creates.longestFailureMs),
            ms(control.longestFailureMs),
          ],
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
