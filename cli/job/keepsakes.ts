/**
 * What an earlier run encrypted, one thing for each region: the key's identifier, the ciphertext and a digest of the
 * text. Later runs decrypt it, and so show that the keys are still the same. Neither key nor text is kept.
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { readJson, writeJson } from '../home/json-file.ts';
import type { HomePaths } from '../home/paths.ts';
import type { Ciphertext } from '../kmip/application.ts';

const Keepsakes = Type.Record(
  Type.String(),
  Type.Object({
    uid: Type.String(),
    madeAt: Type.String(),
    data: Type.String(),
    iv: Type.Optional(Type.String()),
    tag: Type.Optional(Type.String()),
    digest: Type.String(),
  }),
);
export type Keepsake = Static<typeof Keepsakes>[string];

export async function readKeepsakes(paths: HomePaths): Promise<Record<string, Keepsake>> {
  return (await readJson(paths.keepsakes, Keepsakes)) ?? {};
}

/** The first run's keepsakes stay; regions that have none yet get one. */
export async function writeKeepsakes(
  paths: HomePaths,
  keepsakes: Readonly<Record<string, Keepsake>>,
): Promise<void> {
  await writeJson(paths.keepsakes, { ...keepsakes, ...(await readKeepsakes(paths)) });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
export const digestOf = (text: Uint8Array): string => createHash('sha256').update(text).digest('hex');

export function makeKeepsake(uid: string, ciphertext: Ciphertext, text: Uint8Array): Keepsake {
  return {
    uid,
    madeAt: new Date().toISOString(),
    data: base64(ciphertext.data),
    ...(ciphertext.iv === undefined ? {} : { iv: base64(ciphertext.iv) }),
    ...(ciphertext.tag === undefined ? {} : { tag: base64(ciphertext.tag) }),
    digest: digestOf(text),
  };
}

export function ciphertextOf(keepsake: Keepsake): Ciphertext {
  return {
    data: Buffer.from(keepsake.data, 'base64'),
    ...(keepsake.iv === undefined ? {} : { iv: Buffer.from(keepsake.iv, 'base64') }),
    ...(keepsake.tag === undefined ? {} : { tag: Buffer.from(keepsake.tag, 'base64') }),
  };
}
