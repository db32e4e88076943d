/**
 * A lost region as a command: with as many tenants and keys as one likes, how long each step took, and every record opened.
 *
 *     npm run recovery -- --tenants 50 --keys 200
 */
import { table } from '../../cli/output.ts';
import { measure, ms } from '../../testkit/measure/command.ts';
import { decoded } from '../support/spellings.ts';
import { inPlain } from '../support/thief.ts';
import { LostRegion } from './lost-region.ts';

const options = {
  tenants: { default: 20, about: 'tenants that have linked a master key, beside one that has not' },
  keys: { default: 100, about: 'data keys of each' },
} as const;

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
}

await measure('recovery', options, async ({ tenants, keys }, stage) => {
  const region = await stage(`a region of ${tenants} tenants with ${keys} keys each`, () =>
    LostRegion.start(tenants, keys),
  );
  try {
    const failures: string[] = [];
    await region.prepareBackups();
    let dumpBytes = 0;
    const backUpMs = await stage('backed up', () =>
      timed(async () => {
        dumpBytes = await region.backUp();
      }),
    );
    const inDump = await stage('the backup searched for keys', async () => {
      const values = [...decoded(Buffer.from(await region.dumpAsText()))];
      const stolen = { wrapped: [], keys: [], values };
      if (inPlain(stolen, region.known).length < region.known.length)
        failures.push('the search does not find what is in the backup');
      return inPlain(stolen, await region.secrets());
    });
    if (inDump.length > 0) failures.push(`keys lie in the backup: ${inDump.slice(0, 5).join(', ')}`);
    await region.lose();
    const restoreMs = await stage('lost, and restored without its seal', () => timed(() => region.restore()));
    const { code } = await region.health();
    if (code !== 503) failures.push(`the core is ready without its seal (${code})`);
    const unsealMs = await stage('unsealed', () => region.unseal());
    const linkMs = await stage('tenants linked again', () =>
      timed(async () => {
        await region.closeLinks();
        await region.linkAgain();
      }),
    );
    const faults = await stage('every record opened, every key compared', () => region.faults());
    failures.push(...faults.slice(0, 10));
    const opened = region.tenants.reduce((sum, { holding }) => sum + holding.size, 0);
    return {
      data: { dumpBytes, backUpMs, restoreMs, unsealMs, linkMs, opened, faults: faults.length },
      text: table(
        ['recovery', ''],
        [
          ['dump, bytes', dumpBytes],
          ['dump and files taken', ms(backUpMs)],
          ['restored: server, database, core, gateway', ms(restoreMs)],
          ['the seal put back, until keys are served', ms(unsealMs)],
          ['linked again', ms(linkMs)],
          ['records and wrapped keys opened', opened],
          ['of which not', faults.length],
        ],
      ),
      failures,
    };
  } finally {
    await region.close();
  }
});
