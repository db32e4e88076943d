/** Who has logged in from this home. Private, since the tokens are credentials; each lives as long as its provider says. */
import { mkdir } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { readJson, writeJson } from '../home/json-file.ts';
import type { HomePaths } from '../home/paths.ts';

const Session = Type.Object({
  /** Of the CMK that the token is for. */
  cmk: Type.String(),
  token: Type.String(),
  expiresAt: Type.String(),
});
export type Session = Static<typeof Session>;

const Sessions = Type.Object({
  /** Speaks when no `--as` says otherwise. */
  current: Type.Union([Type.String(), Type.Null()]),
  sessions: Type.Record(Type.String(), Session),
});
export type Sessions = Static<typeof Sessions>;

/** A token that ends while it is used helps nobody. */
const MARGIN_MS = 10_000;

export const isLive = (session: Session): boolean => Date.parse(session.expiresAt) > Date.now() + MARGIN_MS;

export async function readSessions(paths: HomePaths): Promise<Sessions> {
  return (await readJson(paths.sessions, Sessions)) ?? { current: null, sessions: {} };
}

/** Keeps the session, if there is one to keep, and lets that name speak from now on. */
export async function enter(paths: HomePaths, name: string, session: Session | undefined): Promise<void> {
  const { sessions } = await readSessions(paths);
  await mkdir(paths.root, { recursive: true, mode: 0o700 });
  const live = Object.entries(sessions).filter(([known, kept]) => known !== name && isLive(kept));
  await writeJson(paths.sessions, {
    current: name,
    sessions: Object.fromEntries(session === undefined ? live : [...live, [name, session]]),
  });
}

/** Forgets one session, or all of them. */
export async function leave(paths: HomePaths, name: string | undefined): Promise<void> {
  const { current, sessions } = await readSessions(paths);
  const kept = Object.entries(sessions).filter(([known]) => name !== undefined && known !== name);
  await writeJson(paths.sessions, {
    current: name === undefined || current === name ? null : current,
    sessions: Object.fromEntries(kept),
  });
}
