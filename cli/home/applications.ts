/** The applications whose certificates were issued on this home, so that `okcm kmip` can speak as one of them. */
import { type Static, Type } from 'typebox';
import { ApplicationFiles } from './endpoints.ts';
import { readJson, writeJson } from './json-file.ts';
import type { HomePaths } from './paths.ts';

const Applications = Type.Array(Type.Object({ tenant: Type.String(), ...ApplicationFiles.properties }));
export type KnownApplication = Static<typeof Applications>[number];

export async function knownApplications(paths: HomePaths): Promise<KnownApplication[]> {
  return (await readJson(paths.applications, Applications)) ?? [];
}

/** Adds the application, or replaces the one of the same tenant and name. */
export async function rememberApplication(paths: HomePaths, application: KnownApplication): Promise<void> {
  const others = (await knownApplications(paths)).filter(
    (known) => known.tenant !== application.tenant || known.name !== application.name,
  );
  await writeJson(paths.applications, [...others, application]);
}

/** Whether there was one. */
export async function forgetApplication(
  paths: HomePaths,
  { tenant, name }: { readonly tenant: string; readonly name: string },
): Promise<boolean> {
  const known = await knownApplications(paths);
  const others = known.filter((one) => one.tenant !== tenant || one.name !== name);
  if (others.length === known.length) return false;
  await writeJson(paths.applications, others);
  return true;
}
