/**
 * Which statements connections keep prepared: those that are asked for again and again. PostgreSQL parses, analyses and
 * rewrites them once for each connection instead of each time, which row-level security makes dear.
 *
 * What was prepared may be outdated: a migration of a newer version has given a table another column. Then it is
 * prepared anew. It may be unknown, where a pooler between us and the server hands out another server's connection for each
 * transaction: then nothing is prepared any more.
 */
import { errorCode } from './errors.ts';

/** Kept by each connection, some ten to a hundred KiB of the server's memory each. */
export const MAX_STATEMENTS = 256;
/** Asked for so often, a statement is worth it. */
export const WORTH_IT_AFTER = 3;
/** Not yet: as many are counted, and the one that was asked for longest ago is forgotten for the next. */
const MAX_COUNTED = 1_024;
/** A longer one has a list of values in it, of another length each time. */
const MAX_CHARACTERS = 16_384;

/** PostgreSQL: prepared statement does not exist, and exists already. */
const UNKNOWN: ReadonlySet<string> = new Set(['26000', '42P05']);
/** A feature that is not supported: so PostgreSQL says that a statement has other columns than when it was prepared. */
const NOT_SUPPORTED = '0A000';
const REVALIDATES = 'RevalidateCachedQuery';

export class Statements {
  readonly #names = new Map<string, string>();
  readonly #counted = new Map<string, number>();
  #named = 0;
  #gaveUp = false;

  /** Under which name the statement is prepared; undefined: it is sent as it is. */
  nameOf(text: string): string | undefined {
    if (this.#gaveUp) return undefined;
    return this.#names.get(text) ?? this.#count(text);
  }

  /** After an error of the statement: whether it may be asked for once more, and will be sent in another way. */
  learn(text: string, error: unknown): boolean {
    if (!isOfPrepared(error)) return false;
    if (UNKNOWN.has(errorCode(error) ?? '')) {
      this.#gaveUp = true;
      this.#names.clear();
    } else if (this.#names.has(text)) {
      this.#names.set(text, this.#newName());
    }
    return true;
  }

  #count(text: string): string | undefined {
    if (text.length > MAX_CHARACTERS || this.#names.size >= MAX_STATEMENTS) return undefined;
    const count = (this.#counted.get(text) ?? 0) + 1;
    this.#counted.delete(text);
    if (count >= WORTH_IT_AFTER) {
      const name = this.#newName();
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

  #newName(): string {
    this.#named += 1;
    return `okcm_${this.#named}`;
  }
}

/** Nothing is wrong with the statement, nor with what it asks for: a transaction that met this may be run again. */
export function isOfPrepared(error: unknown): boolean {
  const code = errorCode(error) ?? '';
  if (UNKNOWN.has(code)) return true;
  return code === NOT_SUPPORTED && (error as { routine?: unknown }).routine === REVALIDATES;
}
