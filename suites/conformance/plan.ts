/** In which order cases are played, which belong together, and over which encodings. */
import type { ConformanceCase } from './case-file.ts';
import type { Encoding } from './wire.ts';

/** A case that works with what the one before has left, as a client of the same name would. */
const sequels: readonly { readonly of: RegExp; readonly after: (suffix: string) => string }[] = [
  { of: /^TL-M-3(-.*)?$/, after: (suffix) => `TL-M-2${suffix}` },
  { of: /^SASED-M-3(-.*)?$/, after: (suffix) => `SASED-M-2${suffix}` },
];

/**
 * Cases that contradict each other on purpose: a server follows one of them. RNG Seed may be taken in full, in part or
 * not at all, or be refused (KMIP Profiles 1.4, RNG Cryptographic Server).
 */
const alternatives: readonly RegExp[] = [/^(CS-RNG-O)-[1-4](-.*)?$/];

export interface Play {
  readonly case: ConformanceCase;
  readonly encoding: Encoding;
}

/** Cases that are played one after the other, and cleaned up after together. */
export interface Group {
  /** The case that the first one follows, where it is not among the chosen: its objects have to be made otherwise. */
  readonly missing: string | undefined;
  readonly plays: readonly Play[];
}

export function groupsOf(cases: readonly ConformanceCase[], hasHttps: boolean): Group[] {
  const byName = new Map(cases.map((one) => [one.name, one]));
  const isFollowed = new Set(cases.flatMap(({ name }) => predecessorOf(name) ?? []));
  return cases
    .filter(({ name }) => !(isFollowed.has(name) && cases.some((one) => predecessorOf(one.name) === name)))
    .flatMap((last) => {
      const before = predecessorOf(last.name);
      const first = before === undefined ? undefined : byName.get(before);
      const chain = first === undefined ? [last] : [first, last];
      const missing = first === undefined ? before : undefined;
      return encodingsOf(last.profile, hasHttps).map((encoding) => ({
        missing,
        plays: chain.map((one) => ({ case: one, encoding })),
      }));
    });
}

function predecessorOf(name: string): string | undefined {
  for (const { of, after } of sequels) {
    const match = of.exec(name);
    if (match !== null) return after(match[1] ?? '');
  }
  return undefined;
}

/** What the cases of one key have in common is that one of them has to be followed. */
export function alternativeKey(name: string): string | undefined {
  for (const pattern of alternatives) {
    const match = pattern.exec(name);
    if (match !== null) return `${match[1]}${match[2] ?? ''}`;
  }
  return undefined;
}

/** Cases about message encodings go over theirs, and over plain TTLV like all others. */
function encodingsOf(profile: string, hasHttps: boolean): readonly Encoding[] {
  if (!hasHttps) return ['ttlv'];
  switch (profile) {
    case 'MSGENC-HTTPS':
      return ['ttlv', 'https'];
    case 'MSGENC-XML':
      return ['ttlv', 'xml'];
    case 'MSGENC-JSON':
      return ['ttlv', 'json'];
    default:
      return ['ttlv'];
  }
}
