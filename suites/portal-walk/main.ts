/**
 * A customer's whole way through the portal as a command, by five people in a real Chromium: from a fresh installation to a
 * verified audit chain, then every page in light, in dark and on a narrow screen.
 *
 *     npm run portal-walk
 *     npm run portal-walk -- --pictures pictures
 */
import { table } from '../../cli/output.ts';
import { measure } from '../../testkit/measure/command.ts';
import { pages } from './pages.ts';
import { type Trace, takeStep, walk } from './walk.ts';
import { World } from './world.ts';

const options = {
  pictures: {
    default: '',
    about: 'a folder for a picture of every page in each appearance; none when left out',
  },
} as const;

await measure('portal-walk', options, async ({ pictures }, stage) => {
  const world = await stage('a fresh installation, and a browser', () => World.open());
  const trace: Trace = {};
  const rows: { step: string; tookMs: number }[] = [];
  const failures: string[] = [];
  try {
    for (const step of [...walk(world, trace), pages(world, trace, { whole: true, folder: pictures })]) {
      const startedAt = performance.now();
      failures.push(...(await stage(step.title, () => takeStep(world, step))));
      rows.push({ step: step.title, tookMs: Math.round(performance.now() - startedAt) });
    }
  } finally {
    await world.close();
  }
  return {
    data: { steps: rows },
    text: table(
      ['step', 'ms'],
      rows.map(({ step, tookMs }) => [step, tookMs]),
    ),
    failures,
  };
});
