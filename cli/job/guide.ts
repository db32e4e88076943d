/** What is printed once everything is up: where things are, and what to try next. */
import { join, relative } from 'node:path';
import { shellWord } from '../hints.ts';
import { DEFAULT_HOME } from '../home/paths.ts';
import { coreOf, gatewayHttpsOf, gatewayOf, LOOPBACK, REGIONS } from '../installation/names.ts';
import { portOf } from '../installation/ports.ts';
import { colors } from '../output.ts';
import type { Launch } from './launch.ts';
import { APPLICATION, SERVICE, TENANT } from './names.ts';

/** `certificates`: where the new ones go. */
const suggestions = (certificates: string): readonly (readonly [command: string, remark: string])[] => [
  ['portal --passwords', 'the page for people, and who can sign in there'],
  ['status', 'what runs, what is sealed, how far the regions are'],
  ['kmip create --activate', 'a key, made in the gateway’s memory'],
  [`app issue --name billing --tenant ${TENANT} --service ${SERVICE} --out ${certificates}`, ''],
  ['stop cmk', 'applications do not notice'],
  [`unlink ${TENANT} --reason "trying it" --yes`, 'every gateway refuses within a second'],
  [`link ${TENANT}`, 'and the data is back'],
];

export function guide(launch: Launch, home: string): string {
  const option = home === DEFAULT_HOME ? '' : ` --home ${home}`;
  const near = (path: string): string => {
    const short = relative(process.cwd(), path);
    return short.startsWith('..') ? path : short;
  };
  const regionLines = REGIONS.flatMap((region) => {
    const at = (component: string): string => `${LOOPBACK}:${portOf(launch.ports, component)}`;
    const core = colors.dim(`(its core: ${at(coreOf(region))}, gateways only)`);
    const encodings = colors.dim('(TTLV, XML or JSON)');
    return [
      `  ${region.padEnd(12)} KMIP over mTLS  ${at(gatewayOf(region))}   ${core}`,
      `  ${''.padEnd(12)} KMIP over HTTPS https://${at(gatewayHttpsOf(region))}/kmip   ${encodings}`,
    ];
  });
  const next = suggestions(shellWord(near(join(launch.paths.root, 'billing'))));
  const width = Math.max(...next.map(([command]) => `npx okcm ${command}${option}`.length));
  const certificates = near(launch.paths.application(TENANT, APPLICATION));
  return [
    colors.bold('Up. Where things are'),
    `  CMK          REST            ${launch.cmkUrl}   ${colors.dim(`(token: ${near(launch.paths.token)})`)}`,
    `  portal       for people      ${launch.cmkUrl}/portal/`,
    ...regionLines,
    `  certificates ${certificates}/{cert,key,ca}.pem`,
    `  for programs ${near(launch.paths.endpoints)}   logs ${near(launch.paths.logs)}/`,
    '',
    colors.bold('What to try next, in another terminal'),
    ...next.map(([command, remark]) =>
      `  ${`npx okcm ${command}${option}`.padEnd(width)}  ${remark === '' ? '' : colors.dim(`# ${remark}`)}`.trimEnd(),
    ),
    '',
    colors.dim('Ctrl-C stops everything.'),
  ].join('\n');
}
