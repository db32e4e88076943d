/** What the cases are played at: a gateway that is running somewhere, or that of an installation started for it. */
import { readFile } from 'node:fs/promises';
import { readPrivate } from '../../platform/config-file.ts';
import { System } from '../../testkit/system.ts';
import type { Address, Credentials } from './wire.ts';

const REGION = 'eu-west-1';

export interface Target {
  readonly kmip: Address;
  readonly https: Address | undefined;
  readonly credentials: Credentials;
  /** The application has nothing but what the cases make, and all of it may be destroyed. */
  readonly isOurs: boolean;
  close(): Promise<void>;
}

export interface Files {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** `hotPath`: whether its gateways have one; on unless said otherwise. */
export async function startTarget(hotPath: 'on' | 'off' = 'on'): Promise<Target> {
  const system = await System.start('--hot-path', hotPath);
  const close = async (): Promise<void> => {
    await system.interrupt();
  };
  try {
    return await targetIn(system, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** The main job's application in an installation that somebody else closes. */
export async function targetIn(system: System, close = async (): Promise<void> => {}): Promise<Target> {
  const { gateway, https } = system.region(REGION);
  const credentials = await readCredentials(system.files());
  return { kmip: gateway, https, credentials, isOurs: true, close };
}

export async function foreignTarget(
  kmip: Address,
  https: Address | undefined,
  files: Files,
): Promise<Target> {
  const credentials = await readCredentials(files);
  return { kmip, https, credentials, isOurs: false, close: async () => undefined };
}

async function readCredentials({ cert, key, ca }: Files): Promise<Credentials> {
  const [certificate, privateKey, issuer] = await Promise.all([
    readFile(cert, 'utf8'),
    readPrivate(key),
    readFile(ca, 'utf8'),
  ]);
  return { cert: certificate, key: privateKey, ca: issuer };
}
