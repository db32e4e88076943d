/** Afterwards: every acknowledged key is at the gateway, with the value that it had, and once in the core. */
import { attribute, type KmipClient, NameType, ObjectType, Operation } from '../../execution/kmip/index.ts';
import { type Acknowledged, digestOf, type Load } from './load.ts';

const PAGE = 1_000;
/** Requests under way at once. */
const HANDS = 16;
/** Names that are looked up one by one: each is a search of the core. */
const NAMES_CHECKED = 200;

export interface Reckoning {
  readonly acknowledged: number;
  readonly unanswered: number;
  /** Acknowledged keys that Get does not give, with what it said instead. */
  readonly lost: readonly string[];
  /** Whose value is another than before a kill, and how many could be compared. */
  readonly changed: number;
  readonly compared: number;
  /** By the core's own search. */
  readonly located: number;
  readonly locatedTwice: number;
  readonly missingAtCore: number;
  /** Names that the core finds at another key, or at more than one. */
  readonly namesAstray: number;
}

export async function reckon(
  client: KmipClient,
  { acknowledged, unanswered }: Load,
  announced: () => Promise<void>,
  tell: (text: string) => void,
): Promise<Reckoning> {
  const lost: string[] = [];
  let changed = 0;
  let compared = 0;
  let done = 0;
  await inParallel(acknowledged, async (key) => {
    try {
      const digest = await digestOf(client, key.uid);
      if (key.digest !== undefined) compared += 1;
      if (key.digest !== undefined && key.digest !== digest) changed += 1;
    } catch (error) {
      lost.push(`${key.uid}: ${String(error)}`);
    }
    done += 1;
    tell(`${done} of ${acknowledged.length} keys read`);
  });
  // The first Get of a key is news for the core (KMIP 1.4 §3.34): all of them are announced once more.
  await announced();
  const uids = await locatedAll(client, tell);
  const distinct = new Set(uids);
  let namesAstray = 0;
  await inParallel(sampleOf(acknowledged), async ({ uid, name }) => {
    const { uniqueIdentifier: found } = await client.request(Operation.Locate, {
      attribute: [attribute('Name', { nameValue: name, nameType: NameType.UninterpretedTextString })],
    });
    if (found?.length !== 1 || found[0] !== uid) namesAstray += 1;
  });
  return {
    acknowledged: acknowledged.length,
    unanswered,
    lost,
    changed,
    compared,
    located: uids.length,
    locatedTwice: uids.length - distinct.size,
    missingAtCore: acknowledged.filter(({ uid }) => !distinct.has(uid)).length,
    namesAstray,
  };
}

/** Every reason why the storm has failed. */
export function failuresOf(reckoning: Reckoning): string[] {
  const { acknowledged, unanswered, lost, changed, located, locatedTwice, missingAtCore, namesAstray } =
    reckoning;
  const failures: string[] = [];
  if (acknowledged === 0) failures.push('no key was ever acknowledged');
  if (lost.length > 0) failures.push(`${lost.length} acknowledged keys are lost, such as ${lost[0]}`);
  if (changed > 0) failures.push(`${changed} keys have another value than before`);
  if (missingAtCore > 0) failures.push(`${missingAtCore} acknowledged keys never reached the core`);
  if (locatedTwice > 0) failures.push(`${locatedTwice} keys are in the core twice`);
  if (located > acknowledged + unanswered)
    failures.push(`${located} keys are in the core, ${acknowledged + unanswered} were asked for`);
  if (namesAstray > 0) failures.push(`${namesAstray} names lead to another key, or to several`);
  return failures;
}

/** Locate runs at the core (D9): what it finds has been announced. */
async function locatedAll(client: KmipClient, tell: (text: string) => void): Promise<string[]> {
  const uids: string[] = [];
  for (;;) {
    const { uniqueIdentifier: page = [] } = await client.request(Operation.Locate, {
      maximumItems: PAGE,
      offsetItems: uids.length,
      attribute: [attribute('Object Type', ObjectType.SymmetricKey)],
    });
    uids.push(...page);
    tell(`${uids.length} keys found in the core`);
    if (page.length < PAGE) return uids;
  }
}

function sampleOf(keys: readonly Acknowledged[]): readonly Acknowledged[] {
  const step = Math.max(1, Math.ceil(keys.length / NAMES_CHECKED));
  return keys.filter((_, index) => index % step === 0);
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const hand = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: HANDS }, hand));
}
