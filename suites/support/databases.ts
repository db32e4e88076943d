/** The databases of a whole installation, as the superuser of their servers, whose password lies beside the data. */
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { homePaths } from '../../cli/home/paths.ts';
import { cmkComponent, cmkDatabase, coreOf, databaseOf } from '../../cli/installation/names.ts';
import { SUPERUSER } from '../../platform/embedded-postgres.ts';
import { PASSWORD_FILE } from '../../platform/embedded-postgres-files.ts';

/** Of CMK. The address holds a password. */
export function governanceDatabase(home: string): Promise<string> {
  return superuserUrl(home, cmkComponent, cmkDatabase);
}

/** Of a region. The address holds a password. */
export function regionDatabase(home: string, region: string): Promise<string> {
  return superuserUrl(home, coreOf(region), databaseOf(region));
}

/** The address of the component's own database, by its configuration, with the superuser in place of its role. */
async function superuserUrl(home: string, component: string, server: string): Promise<string> {
  const paths = homePaths(home);
  const config = await readFile(join(paths.component(component), 'config.json'), 'utf8');
  const { database } = JSON.parse(config) as { database: { url?: string; ownerUrl?: string } };
  const url = new URL(database.url ?? database.ownerUrl ?? '');
  const data = await realpath(paths.postgres(server));
  url.username = SUPERUSER;
  url.password = (await readFile(join(data, PASSWORD_FILE), 'utf8')).trim();
  return url.href;
}
