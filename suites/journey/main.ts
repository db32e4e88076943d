/**
 * The journey of a customer as a command, once for each way of holding a key, in one fresh installation.
 *
 *     npm run journey
 *     npm run journey -- --keys softhsm
 */
import { table } from '../../cli/output.ts';
import { measure } from '../../testkit/measure/command.ts';
import { System } from '../../testkit/system.ts';
import { journey } from './journey.ts';
import { type WayName, wayNames, ways } from './keys.ts';

const ALL = 'all';
const options = {
  keys: { default: ALL, choices: [ALL, ...wayNames], about: 'how the customer holds the key' },
} as const;

await measure('journey', options, async ({ keys }, stage) => {
  const chosen = wayNames.filter((name) => keys === ALL || keys === name);
  // A token is found through the environment of whoever loads its library: it has to be there before the installation.
  const opened: { name: WayName; way: Awaited<ReturnType<(typeof ways)[WayName]['open']>> }[] = [];
  for (const name of chosen) opened.push({ name, way: await ways[name].open() });
  const system = await stage('a fresh installation', () => System.start());
  const rows: { key: WayName; step: string; tookMs: number }[] = [];
  try {
    for (const { name, way } of opened)
      for (const step of journey(system, `journey-${name}`, way)) {
        const startedAt = performance.now();
        await stage(`${ways[name].title}: ${step.title}`, () => step.run());
        rows.push({ key: name, step: step.title, tookMs: Math.round(performance.now() - startedAt) });
      }
  } finally {
    await system.interrupt();
    for (const { way } of opened) await way.close();
  }
  return {
    data: { steps: rows },
    text: table(
      ['key', 'step', 'ms'],
      rows.map(({ key, step, tookMs }) => [key, step, tookMs]),
    ),
    failures: [],
  };
});
