/**
 * How many lines of a log others may bring about. Lines are written synchronously (log.ts), so that a flood of refusals would hold
 * up whoever is refused nothing, and bury what an operator looks for. Metrics count every one of them all the same.
 */
const SECOND_MS = 1_000;

export interface LineBudgetOptions {
  /** Lines of one kind in one second. */
  readonly perSecond: number;
  /** Kinds that are told apart in one second; those that come later share one budget. */
  readonly maxKinds: number;
  /** Milliseconds. */
  readonly now?: () => number;
}

export interface Besides {
  readonly leftOut?: number;
  /** They were of any kinds that share one budget. */
  readonly leftOutOf?: 'others';
}

interface Kind {
  lines: number;
  leftOut: number;
}

/** The kind of all that came when there was no room for another. */
const OTHERS = '';

export class LineBudget {
  readonly #options: Required<LineBudgetOptions>;
  readonly #kinds = new Map<string, Kind>();
  #second = Number.NaN;

  constructor(options: LineBudgetOptions) {
    this.#options = { now: () => performance.now(), ...options };
  }

  /**
   * Calls `write` if there may be another line of this kind, with what belongs on it besides: how many of its kind
   * have been left out since the last one, if any were. When nothing of a kind comes any more, they are not told.
   */
  spend(kind: string, write: (besides: Besides) => void): void {
    this.#turn();
    const spent = this.#kindOf(kind);
    if (spent.lines >= this.#options.perSecond) {
      spent.leftOut += 1;
      return;
    }
    const { leftOut } = spent;
    spent.lines += 1;
    spent.leftOut = 0;
    if (leftOut === 0) write({});
    else write(spent === this.#kinds.get(OTHERS) ? { leftOut, leftOutOf: 'others' } : { leftOut });
  }

  /** A new second: what was left out is remembered until there is a line to tell it on, or until its room is needed. */
  #turn(): void {
    const second = Math.floor(this.#options.now() / SECOND_MS);
    if (second === this.#second) return;
    this.#second = second;
    for (const [kind, spent] of this.#kinds) {
      const isIdle = spent.lines === 0;
      const isRoomNeeded = this.#kinds.size > this.#options.maxKinds / 2;
      if (spent.leftOut === 0 || (isIdle && isRoomNeeded)) this.#kinds.delete(kind);
      else spent.lines = 0;
    }
  }

  #kindOf(kind: string): Kind {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const isFull = this.#kinds.size >= this.#options.maxKinds && kind !== OTHERS;
    if (isFull) return this.#kindOf(OTHERS);
    const fresh = { lines: 0, leftOut: 0 };
    this.#kinds.set(kind, fresh);
    return fresh;
  }
}
