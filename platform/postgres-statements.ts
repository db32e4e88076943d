/**
 * Which statements connections keep prepared: those that are asked for again and again. PostgreSQL parses, analyses and
 * rewrites them once for each connection instead of each time, which row-level security makes dear. They are planned each time,
 * as before (PLAN_EACH_TIME): what a plan has to know is often among the parameters.
 *
 * A name means one text, whoever gives it: behind a pooler that hands out another server's connection for each transaction, what
 * one process has prepared is found by another. Where it is not found, preparing is given up.
 */
import { createHash } from 'node:crypto';
import { errorCode } from './errors.ts';

/** Kept by each connection, some ten KiB of the server's memory each. */
export const MAX_STATEMENTS = 100;
/** Asked for so often, a statement is worth it. */
export const WORTH_IT_AFTER = 10;
/** Not yet: as many are counted, and the one that was asked for longest ago is forgotten for the next. */
const MAX_COUNTED = 1_000;
/** A longer one has a list of values in it, of another length each time. */
const MAX_CHARACTERS = 4_000;
/** So often in all, prepared statements may be unknown, or there already, before nothing is prepared any more. */
const MAX_ASTRAY = 3;
const NAME_CHARACTERS = 32;

/** For the server, with each connection. */
export const PLAN_EACH_TIME = '-c plan_cache_mode=force_custom_plan';

/**
 * All columns there are: a migration of a newer version gives the table another one, and the prepared statement is good for
 * nothing any more. Whatever runs then should not have to fail first.
 */
const ALL_COLUMNS = /(?:\bselect\s+(?:distinct\s+)?|\breturning\s+|,\s*|\.)\*/i;
/** PostgreSQL: prepared statement does not exist, exists already, and takes other parameters. */
const ASTRAY: ReadonlySet<string> = new Set(['26000', '42P05', '08P01']);
/** A feature that is not supported: so PostgreSQL says that a column has another type than when it was prepared. */
const NOT_SUPPORTED = '0A000';
const REVALIDATES = 'RevalidateCachedQuery';

export class Statements {
  readonly #names = new Map<string, string>();
  readonly #counted = new Map<string, number>();
  /** A new one after each change of what was prepared; all names are of it. */
  #generation = 0;
  #astray = 0;

  /** Under which name the statement is prepared; undefined: it is sent as it is. */
  nameOf(text: string): string | undefined {
    if (this.#astray >= MAX_ASTRAY) return undefined;
    const name = this.#names.get(text) ?? this.#count(text);
    return name === undefined ? undefined : `${name}_${this.#generation}`;
  }

  /** After an error of a statement under its name: whether it may be asked for once more, and will be sent in another way. */
  learn(name: string | undefined, error: unknown): boolean {
    if (name === undefined || !isOfPrepared(error)) return false;
    if (ASTRAY.has(errorCode(error) ?? '')) this.#astray += 1;
    // Others that failed under a name of before have been dealt with.
    if (name.endsWith(`_${this.#generation}`)) this.#generation += 1;
    return true;
  }

  #count(text: string): string | undefined {
    if (text.length > MAX_CHARACTERS || this.#names.size >= MAX_STATEMENTS || ALL_COLUMNS.test(text))
      return undefined;
    const count = (this.#counted.get(text) ?? 0) + 1;
    this.#counted.delete(text);
    if (count >= WORTH_IT_AFTER) {
      const name = `okcm_${createHash('sha256').update(text).digest('hex').slice(0, NAME_CHARACTERS)}`;
      this.#names.set(text, name);
      return name;
    }
    this.#counted.set(text, count);
    if (this.#counted.size > MAX_COUNTED) {
      const [oldest] = this.#counted.keys();
      if (oldest !== undefined) this.#counted.delete(oldest);
    }
    return undefined;
  }
}

/** Nothing is wrong with the statement, nor with what it asks for: a transaction that met this may be run again. */
export function isOfPrepared(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  if (ASTRAY.has(code)) return true;
  return code === NOT_SUPPORTED && (error as { routine?: unknown }).routine === REVALIDATES;
}
