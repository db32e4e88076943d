/** A run: every case at the target, each starting clean, and what came of it. */
import { join } from 'node:path';
import { KmipClient } from '../../execution/kmip/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import { type ConformanceCase, readCase } from './case-file.ts';
import { destroyAll, destroyEverything } from './clean-up.ts';
import type { Difference } from './compare.ts';
import { alternativeKey, type Group, groupsOf } from './plan.ts';
import { type Replayed, replay, Story } from './replay.ts';
import type { Target } from './target.ts';
import type { VariationName } from './variations.ts';
import { type Encoding, openWire } from './wire.ts';

const PREPARATIONS = join(import.meta.dirname, 'preparations');
const TIMEOUT_MS = 15_000;

/** `other`: the server follows another of cases that contradict each other. */
export type Verdict = 'passed' | 'failed' | 'other';

export interface Outcome {
  readonly name: string;
  readonly profile: string;
  readonly encoding: Encoding;
  readonly verdict: Verdict;
  /** Requests and answers of the case, and how many were as expected. */
  readonly exchanges: number;
  readonly passedExchanges: number;
  readonly difference?: Difference & { readonly exchange: number };
  readonly variations: readonly VariationName[];
  readonly milliseconds: number;
}

export async function runCases(
  cases: readonly ConformanceCase[],
  target: Target,
  tell: (text: string) => void = () => undefined,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const client = new KmipClient({
    ...target.kmip,
    ...target.credentials,
    timeoutMs: TIMEOUT_MS,
    poolSize: 1,
  });
  try {
    for (const group of groupsOf(cases, target.https !== undefined)) {
      tell(group.plays.map((play) => play.case.name).join(', '));
      outcomes.push(...(await runGroup(group, target, client)));
    }
  } finally {
    client.close();
  }
  return withAlternatives(outcomes);
}

async function runGroup({ missing, plays }: Group, target: Target, client: KmipClient): Promise<Outcome[]> {
  const story = new Story();
  const outcomes: Outcome[] = [];
  let unprepared: string | undefined;
  if (missing !== undefined) unprepared = await prepare(missing, target, story);
  for (const { case: played, encoding } of plays) {
    const startedAt = performance.now();
    const replayed =
      unprepared === undefined ? await play(played, encoding, target, story) : notPlayed(unprepared);
    const { name, profile, exchanges } = played;
    outcomes.push({
      name,
      profile,
      encoding,
      verdict: replayed.difference === undefined ? 'passed' : 'failed',
      exchanges: exchanges.length,
      passedExchanges: replayed.exchanges,
      ...(replayed.difference === undefined ? {} : { difference: replayed.difference }),
      variations: replayed.variations,
      milliseconds: Math.round(performance.now() - startedAt),
    });
  }
  const left = await cleanUp(target, client, story);
  const last = outcomes.at(-1);
  if (left !== undefined && last?.verdict === 'passed')
    outcomes[outcomes.length - 1] = {
      ...last,
      verdict: 'failed',
      ...notPlayed(left),
      exchanges: last.exchanges,
    };
  return outcomes;
}

async function play(
  played: ConformanceCase,
  encoding: Encoding,
  target: Target,
  story: Story,
): Promise<Replayed> {
  const wire = openWire(encoding, target, target.credentials);
  try {
    return await replay(played, wire, story);
  } finally {
    wire.close();
  }
}

/** Makes what a case would have left that is not among the chosen. Returns why it could not. */
async function prepare(missing: string, target: Target, story: Story): Promise<string | undefined> {
  let preparation: ConformanceCase;
  try {
    preparation = await readCase(join(PREPARATIONS, `${missing}.xml`));
  } catch {
    return `it follows ${missing}, which is not among the cases`;
  }
  const { difference } = await play(preparation, 'ttlv', target, story);
  return (
    difference && `what ${missing} would have left could not be made: ${difference.path} is ${difference.got}`
  );
}

/** Returns what is left, as text; undefined: nothing. */
async function cleanUp(target: Target, client: KmipClient, story: Story): Promise<string | undefined> {
  try {
    const left = target.isOurs ? await destroyEverything(client) : await destroyAll(client, story.made);
    return left.length === 0 ? undefined : left.join('; ');
  } catch (error) {
    return errorMessage(error);
  }
}

function notPlayed(got: string): Replayed {
  const difference = { exchange: 0, path: 'before or after the case', expected: 'a clean place', got };
  return { exchanges: 0, difference, variations: [] };
}

/** Of cases that contradict each other one has to pass: then the others are not failures. */
function withAlternatives(outcomes: readonly Outcome[]): Outcome[] {
  const followed = new Set(
    outcomes.flatMap(({ name, verdict }) => (verdict === 'passed' ? (alternativeKey(name) ?? []) : [])),
  );
  return outcomes.map((outcome) => {
    const key = alternativeKey(outcome.name);
    const isOther = outcome.verdict === 'failed' && key !== undefined && followed.has(key);
    return isOther ? { ...outcome, verdict: 'other' } : outcome;
  });
}
