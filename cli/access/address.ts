/** Where CMK is, and with which token this command speaks to it. */
import { CliError } from '../errors.ts';
import { readEndpoints } from '../home/endpoints.ts';
import { type HomePaths, homePaths } from '../home/paths.ts';
import { actingAs } from './acting-as.ts';
import { readPeople } from './people.ts';
import { isLive, readSessions } from './sessions.ts';

export interface CmkAddress {
  readonly url: string;
  readonly token: string;
}

/** Errors: NOT_RUNNING, LOGIN_NEEDED, LOGIN_FAILED. */
export async function addressFor(home: string, name = actingAs()): Promise<CmkAddress> {
  const paths = homePaths(home);
  const { current, sessions } = await readSessions(paths);
  const who = name ?? current ?? undefined;
  if (who === undefined) return (await readEndpoints(home)).endpoints.cmk;
  const session = sessions[who];
  if (session !== undefined && isLive(session)) return { url: session.cmk, token: session.token };
  const person = await developmentPerson(paths, who);
  if (person === undefined)
    throw new CliError(
      'LOGIN_NEEDED',
      session === undefined ? `${who} has not logged in` : `the login of ${who} has ended`,
      { hint: `okcm login ${who}` },
    );
  // Tokens of the development provider end with its process: a fresh one costs nothing.
  const { url } = (await readEndpoints(home)).endpoints.cmk;
  const { logInForDevelopment } = await import('./login.ts');
  return { url, token: (await logInForDevelopment(url, person)).token };
}

export async function developmentPerson(
  paths: HomePaths,
  name: string,
): Promise<{ name: string; password: string } | undefined> {
  return (await readPeople(paths))?.people.find((person) => person.name === name);
}
