/**
 * The reckoning: after a last restart of gateway and cores everything that was made and not destroyed must be found,
 * and the whole sample must decrypt, bit for bit.
 */
import { readFile } from 'node:fs/promises';
import type { Application } from '../../cli/kmip/application.ts';
import { parseHeader } from '../../execution/envelope/index.ts';
import { attribute, KmipClient, ObjectType, Operation } from '../../execution/kmip/index.ts';
import type { Tell } from '../../testkit/measure/command.ts';
import { eventually } from '../../testkit/system.ts';
import type { Desk, Kept } from './desk.ts';
import { REGION } from './plan.ts';
import { reasonOf } from './refusals.ts';
import type { SoakWorld } from './world.ts';

const SETTLED_TIMEOUT_MS = 60_000;

export interface Reckoning {
  readonly checked: number;
  readonly wrongPlaintexts: number;
  /** Why a ciphertext of the sample could not be decrypted, and how often. */
  readonly lost: ReadonlyMap<string, number>;
  readonly services: readonly ServiceReckoning[];
}

export interface ServiceReckoning {
  readonly tenant: string;
  readonly service: string;
  readonly located: number;
  /** What may be found: requests without an answer leave room. */
  readonly atLeast: number;
  readonly atMost: number;
  readonly l3Version: number;
}

export async function reckon(world: SoakWorld, tell: Tell): Promise<Reckoning> {
  tell('restarting gateway and cores');
  await restart(world);
  const lost = new Map<string, number>();
  let checked = 0;
  let wrongPlaintexts = 0;
  const note = (verdict: string): void => {
    checked += 1;
    if (verdict === 'wrong') wrongPlaintexts += 1;
    else if (verdict !== 'right') lost.set(verdict, (lost.get(verdict) ?? 0) + 1);
    tell(`${checked} ciphertexts of the sample decrypted`);
  };
  const services = await Promise.all(world.desks.map((desk) => reckonService(world, desk, note)));
  return { checked, wrongPlaintexts, lost, services };
}

async function reckonService(
  world: SoakWorld,
  desk: Desk,
  note: (verdict: string) => void,
): Promise<ServiceReckoning> {
  const application = await desk.connect();
  try {
    for (const kept of [...desk.records.items, ...desk.wrapped.items]) note(await check(application, kept));
    return {
      tenant: desk.tenant,
      service: desk.service,
      located: await locatedCount(world, desk),
      atLeast: desk.living - desk.perhapsDestroyed,
      atMost: desk.living + desk.perhapsMade,
      l3Version: await l3VersionOf(application, desk),
    };
  } finally {
    application.close();
  }
}

async function restart({ system, second, desks }: SoakWorld): Promise<void> {
  await system.must('stop', `${REGION}/gateway`);
  await system.must('stop', `${REGION}/core`);
  await second.stop();
  await second.start();
  await system.must('start', `${REGION}/core`);
  await system.must('start', `${REGION}/gateway`);
  const [desk] = desks;
  await eventually('the region serves again', SETTLED_TIMEOUT_MS, async () => {
    const application = await desk?.connect();
    try {
      await application?.locate({ maximumItems: 1 });
      return true;
    } catch {
      return false;
    } finally {
      application?.close();
    }
  });
  await eventually('every new key is announced to the core', SETTLED_TIMEOUT_MS, async () => {
    const response = await fetch(system.region(REGION).health.gateway);
    return ((await response.json()) as { backlog: number }).backlog === 0;
  });
}

async function check(application: Application, kept: Kept): Promise<string> {
  try {
    const text = await application.decrypt(kept.address, kept.ciphertext);
    return kept.plaintext.equals(text) ? 'right' : 'wrong';
  } catch (error) {
    return reasonOf(error);
  }
}

/** All objects of the service that are not destroyed, by the core's own count. */
async function locatedCount({ system, filesOf }: SoakWorld, desk: Desk): Promise<number> {
  const { cert, key, ca } = filesOf(desk);
  const client = new KmipClient({
    ...system.region(REGION).gateway,
    cert: await readFile(cert),
    key: await readFile(key),
    ca: await readFile(ca),
    poolSize: 1,
  });
  try {
    const { locatedItems } = await client.request(Operation.Locate, {
      maximumItems: 1,
      attribute: [attribute('Object Type', ObjectType.SymmetricKey)],
    });
    if (locatedItems === undefined) throw new Error('Locate does not say how many there are');
    return locatedItems;
  } finally {
    client.close();
  }
}

/** The version that wraps now, as the header of a wrapped key says it. */
async function l3VersionOf(application: Application, desk: Desk): Promise<number> {
  const { data } = await application.encrypt(desk.l3, Buffer.from('which version'));
  return parseHeader(data).parentVersion;
}
