/** One case, played at a server: request by request, until an answer is not what the case permits. */
import { encodeTtlv, peekVersion, type Ttlv, ttlvOfXml } from '../../execution/kmip/index.ts';
import { errorMessage } from '../../platform/errors.ts';
import type { ConformanceCase, Exchange } from './case-file.ts';
import { compareMessages, type Difference } from './compare.ts';
import { expectedOf } from './expected.ts';
import { formFault } from './form.ts';
import { answeredItems, objectsMade } from './items.ts';
import { Ledger } from './ledger.ts';
import { Variables } from './variables.ts';
import type { VariationName } from './variations.ts';
import type { Answer, Wire } from './wire.ts';

const MS_PER_S = 1_000;

/** What cases that belong together share, and what one case alone has for itself. */
export class Story {
  readonly ledger = new Ledger();
  readonly startedAtS = nowS();
  /** Unique identifiers of all objects that were made. */
  readonly made = new Set<string>();
}

export interface Replayed {
  /** How many answers were as expected. */
  readonly exchanges: number;
  /** Which answer was not, counted from 1, and how; absent when all were. */
  readonly difference?: Difference & { readonly exchange: number };
  readonly variations: readonly VariationName[];
}

export async function replay(played: ConformanceCase, wire: Wire, story: Story): Promise<Replayed> {
  const variables = new Variables();
  const used = new Set<VariationName>();
  for (const [index, exchange] of played.exchanges.entries()) {
    const difference = await playExchange(exchange, wire, { story, variables, used });
    if (difference !== undefined) {
      return { exchanges: index, difference: { ...difference, exchange: index + 1 }, variations: [...used] };
    }
  }
  return { exchanges: played.exchanges.length, variations: [...used] };
}

interface Playing {
  readonly story: Story;
  readonly variables: Variables;
  readonly used: Set<VariationName>;
}

async function playExchange(
  exchange: Exchange,
  wire: Wire,
  playing: Playing,
): Promise<Difference | undefined> {
  const { story, variables } = playing;
  let request: Ttlv;
  let answer: Answer;
  try {
    request = ttlvOfXml(variables.substitute(exchange.request, nowS()));
  } catch (error) {
    return { path: 'RequestMessage', expected: 'a request that can be sent', got: errorMessage(error) };
  }
  try {
    answer = await wire.exchange(request);
  } catch (error) {
    return { path: 'ResponseMessage', expected: 'an answer', got: errorMessage(error) };
  }
  const fault = formFault(answer.ttlv, peekVersion(encodeTtlv(request)));
  if (fault !== undefined) return { path: 'ResponseMessage', expected: 'a well-formed answer', got: fault };
  const items = answeredItems(request, answer.item);
  for (const item of items) story.ledger.note(item);
  for (const uid of objectsMade(items)) story.made.add(uid);
  const difference = compareWithAny(exchange, request, answer.item, playing);
  variables.observe(answer.item);
  return difference;
}

/** Undefined when one of the alternatives fits; else how the answer differs from the first. */
function compareWithAny(
  { responses }: Exchange,
  request: Ttlv,
  answer: Ttlv,
  { story, variables, used }: Playing,
): Difference | undefined {
  const comparison = {
    request,
    variables,
    ledger: story.ledger,
    startedAtS: story.startedAtS,
    answeredAtS: nowS(),
  };
  let first: Difference | undefined;
  for (const response of responses) {
    const needed = new Set<VariationName>();
    let difference: Difference | undefined;
    const fits = variables.tentatively(() => {
      difference = compareMessages(expectedOf(response), answer, { ...comparison, used: needed });
      return difference === undefined;
    });
    if (fits) {
      for (const variation of needed) used.add(variation);
      return undefined;
    }
    first ??= difference;
  }
  return first;
}

function nowS(): number {
  return Math.floor(Date.now() / MS_PER_S);
}
