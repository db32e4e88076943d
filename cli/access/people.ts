/** The people and machines of a development installation, with their passwords: in a private file, made once. */
import { randomBytes } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { readJson, writeJson } from '../home/json-file.ts';
import type { HomePaths } from '../home/paths.ts';

const SECRET_BYTES = 24;
const PEOPLE = ['ada', 'bob', 'carol', 'dan'];
const MACHINES = ['pipeline'];

const People = Type.Object({
  people: Type.Array(Type.Object({ name: Type.String(), password: Type.String() })),
  machines: Type.Array(Type.Object({ name: Type.String(), secret: Type.String() })),
});
export type People = Static<typeof People>;

export async function readPeople(paths: HomePaths): Promise<People | undefined> {
  return await readJson(paths.people, People);
}

export async function ensurePeople(paths: HomePaths): Promise<void> {
  if ((await readPeople(paths)) !== undefined) return;
  const secret = (): string => randomBytes(SECRET_BYTES).toString('base64url');
  await writeJson(paths.people, {
    people: PEOPLE.map((name) => ({ name, password: secret() })),
    machines: MACHINES.map((name) => ({ name, secret: secret() })),
  } satisfies People);
}
