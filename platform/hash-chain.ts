/**
 * Checking a chain of records of which each holds the hash of the one before: what was changed, removed, swapped or cut
 * off is found and named. A chain proves nothing by itself to whoever can rewrite all of it, so its verdict also rests on
 * a head and on signed checkpoints (chain-checkpoints.ts) that may have been kept where the chain's keeper cannot reach.
 */

/** What the first record stands behind. */
export const GENESIS_HASH = '0'.repeat(64);
/** Faults that a verdict names; further ones are counted. */
export const MAX_NAMED_FAULTS = 100;

/** One record as it lies in storage, whatever its chain hashes and how. Hashes are hexadecimal. */
export interface ChainLink {
  /** Counted from 1. */
  readonly sequence: number;
  readonly previousHash: string;
  readonly hash: string;
  /** The hash of its content, were it number `sequence` and stood behind `previousHash`. */
  rehash(sequence: number, previousHash: string): string;
}

/** Somebody's word that record `sequence` had this hash: a head, or a checkpoint. */
export interface ChainAnchor {
  readonly sequence: number;
  readonly hash: string;
}

export const chainFaults = {
  CHANGED: 'is not what was written',
  SWAPPED: 'stands where another was written',
  REMOVED: 'is missing',
  REMOVED_AT_END: 'was cut off at the end',
  NOT_FOLLOWING: 'does not follow: the one before was replaced, and its hash with it',
  MISPLACED: 'does not stand where its number says',
  UNREADABLE: 'cannot be read',
  HEAD_DIFFERS: 'is not what the head of the chain says',
  REWRITTEN: 'is not what was signed: the chain was written anew up to here',
  CHECKPOINT_FORGED: 'has a checkpoint whose signature does not hold',
} as const;
export type ChainFaultKind = keyof typeof chainFaults;

export interface ChainFault {
  readonly kind: ChainFaultKind;
  readonly sequence: number;
  /** Of a run of records that are missing: the last of them. */
  readonly to?: number;
  /** Of two that were swapped: the other. */
  readonly with?: number;
}

export interface ChainVerdict {
  readonly ok: boolean;
  /** The last record that was looked at, and its hash: where a further check may go on. */
  readonly sequence: number;
  readonly hash: string;
  /** In the order of their records, MAX_NAMED_FAULTS at most. */
  readonly faults: readonly ChainFault[];
  /** All faults, named or not. */
  readonly faultCount: number;
}

/** `event 7 is missing`, `events 7 to 9 were cut off at the end`. */
export function describeFault({ kind, sequence, to, with: other }: ChainFault): string {
  const meaning = chainFaults[kind];
  if (kind === 'SWAPPED' && other !== undefined) return `events ${sequence} and ${other} were swapped`;
  if (to === undefined || to === sequence) return `event ${sequence} ${meaning}`;
  return `events ${sequence} to ${to} ${meaning.replace(/^is /, 'are ').replace(/^was /, 'were ')}`;
}

/** Takes a chain record by record, in order, and remembers a bounded number of what was wrong. */
export class ChainCheck {
  #sequence: number;
  #hash: string;
  /** Hashes behind which the next record may stand; undefined: any, since what is before it is not known. */
  #accepted: readonly string[] | undefined;
  #isPreviousSound = true;
  /** Records whose hash is not that of their content: changed, or two of them swapped. */
  readonly #suspects: ChainLink[] = [];
  readonly #faults: ChainFault[] = [];
  #faultCount = 0;
  readonly #anchors = new Map<number, string[]>();
  #furthest: number | undefined;

  /** Goes on behind a record that was checked before; without `hash` the first record is believed in what it stands behind. */
  constructor(
    from: { readonly sequence: number; readonly hash?: string } = { sequence: 0, hash: GENESIS_HASH },
  ) {
    this.#sequence = from.sequence;
    this.#hash = from.hash ?? '';
    this.#accepted = from.hash === undefined ? undefined : [from.hash];
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** To be told before its record is taken; one that lies before all that is taken says nothing. */
  expect({ sequence, hash }: ChainAnchor): void {
    if (sequence <= this.#sequence) return;
    const known = this.#anchors.get(sequence);
    if (known === undefined) this.#anchors.set(sequence, [hash]);
    else known.push(hash);
    this.#furthest = Math.max(this.#furthest ?? 0, sequence);
  }

  take(link: ChainLink): void {
    const expected = this.#sequence + 1;
    const computed = link.rehash(link.sequence, link.previousHash);
    const isSound = computed === link.hash;
    if (!isSound) this.#suspect(link);
    if (link.sequence < expected) {
      this.#misplaced(link.sequence);
      return;
    }
    if (link.sequence > expected) {
      this.#add({ kind: 'REMOVED', sequence: expected, to: link.sequence - 1 });
      this.#accepted = undefined;
    } else if (isSound && this.#isPreviousSound && this.#accepted?.includes(link.previousHash) === false)
      this.#add({ kind: 'NOT_FOLLOWING', sequence: link.sequence });
    this.#advance(link.sequence, link.hash, isSound ? [link.hash] : [link.hash, computed], isSound);
  }

  /** For a record that is there and says nothing, such as a damaged line of a file. */
  unreadable(): void {
    const sequence = this.#sequence + 1;
    this.#add({ kind: 'UNREADABLE', sequence });
    this.#anchors.delete(sequence);
    this.#sequence = sequence;
    this.#accepted = undefined;
    this.#isPreviousSound = false;
  }

  /** For a checkpoint that its signer did not sign. */
  forged(sequence: number): void {
    this.#add({ kind: 'CHECKPOINT_FORGED', sequence });
  }

  /** What there is to say so far, when the chain goes on behind what was taken. */
  pause(): ChainVerdict {
    return this.#verdict();
  }

  /** After the last record. `head` is what the chain's keeper says is the last; undefined where nobody says anything. */
  end(head?: ChainAnchor): ChainVerdict {
    const last = this.#sequence;
    const said = Math.max(head?.sequence ?? 0, this.#furthest ?? 0);
    if (said > last) this.#add({ kind: 'REMOVED_AT_END', sequence: last + 1, to: said });
    else if (head !== undefined && this.#isPreviousSound) {
      const isSame = head.sequence === last && (last === 0 || this.#accepted?.includes(head.hash) !== false);
      if (!isSame) this.#add({ kind: 'HEAD_DIFFERS', sequence: Math.max(1, last) });
    }
    return this.#verdict();
  }

  #advance(sequence: number, hash: string, accepted: readonly string[], isSound: boolean): void {
    this.#sequence = sequence;
    this.#hash = hash;
    this.#accepted = accepted;
    this.#isPreviousSound = isSound;
    const signed = this.#anchors.get(sequence);
    if (isSound && signed?.some((each) => each !== hash) === true) this.#add({ kind: 'REWRITTEN', sequence });
    this.#anchors.delete(sequence);
  }

  #suspect(link: ChainLink): void {
    if (this.#suspects.length < MAX_NAMED_FAULTS) this.#suspects.push(link);
    else this.#faultCount++;
  }

  /** What was thought to be missing is there, only elsewhere. */
  #misplaced(sequence: number): void {
    const at = this.#faults.findIndex(
      ({ kind, sequence: from, to = from }) => kind === 'REMOVED' && from <= sequence && sequence <= to,
    );
    const gap = this.#faults[at];
    if (gap !== undefined) {
      const { sequence: from, to = from } = gap;
      const parts: ChainFault[] = [];
      if (from < sequence) parts.push({ kind: 'REMOVED', sequence: from, to: sequence - 1 });
      if (sequence < to) parts.push({ kind: 'REMOVED', sequence: sequence + 1, to });
      this.#faults.splice(at, 1, ...parts);
      this.#faultCount += parts.length - 1;
    }
    this.#add({ kind: 'MISPLACED', sequence });
  }

  #add(fault: ChainFault): void {
    this.#faultCount++;
    if (this.#faults.length < MAX_NAMED_FAULTS) this.#faults.push(fault);
  }

  #verdict(): ChainVerdict {
    const changed = namedSuspects(this.#suspects);
    const faults = [...this.#faults, ...changed]
      .sort((a, b) => a.sequence - b.sequence)
      .slice(0, MAX_NAMED_FAULTS);
    const faultCount = this.#faultCount + changed.length;
    return { ok: faultCount === 0, sequence: this.#sequence, hash: this.#hash, faults, faultCount };
  }
}

/** Each changed, or a pair of them swapped; at most 100 × 100 / 2 pairs are compared. */
function namedSuspects(suspects: readonly ChainLink[]): ChainFault[] {
  const faults: ChainFault[] = [];
  const paired = new Set<ChainLink>();
  for (const [index, one] of suspects.entries()) {
    if (paired.has(one)) continue;
    const other = suspects.slice(index + 1).find((each) => !paired.has(each) && areSwapped(one, each));
    if (other === undefined) faults.push({ kind: 'CHANGED', sequence: one.sequence });
    else {
      paired.add(other);
      faults.push({ kind: 'SWAPPED', sequence: one.sequence, with: other.sequence });
    }
  }
  return faults;
}

/** Whether each would be sound in the other's place, be it with its own hashes or with those that stand there. */
function areSwapped(a: ChainLink, b: ChainLink): boolean {
  return fitsAt(a, b) && fitsAt(b, a);
}

function fitsAt(link: ChainLink, place: ChainLink): boolean {
  return (
    link.rehash(place.sequence, link.previousHash) === link.hash ||
    link.rehash(place.sequence, place.previousHash) === place.hash
  );
}
