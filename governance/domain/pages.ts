/** Lists in pages: ordered by a name, continued behind the last one shown. Cursors are opaque to clients. */
import { CmkError } from '../errors.ts';
import { DEFAULT_PAGE, MAX_PAGE } from '../limits.ts';

export interface PageRequest {
  /** 1 to MAX_PAGE; DEFAULT_PAGE when left out. */
  readonly limit?: number;
  readonly cursor?: string;
}
export interface Page<T> {
  readonly items: T[];
  readonly next?: string;
}

const CURSOR = /^[A-Za-z0-9_-]{1,512}$/;

export function cursorOf(page: PageRequest): string | undefined {
  if (page.cursor === undefined) return undefined;
  if (!CURSOR.test(page.cursor))
    throw new CmkError('INVALID_CURSOR', 'the cursor has characters that no cursor has');
  const after = Buffer.from(page.cursor, 'base64url').toString('utf8');
  if (/\p{Cc}/u.test(after)) throw new CmkError('INVALID_CURSOR', 'no item is called so');
  return after;
}

export const limitOf = (page: PageRequest): number =>
  Math.max(1, Math.min(page.limit ?? DEFAULT_PAGE, MAX_PAGE));

/** `rows` holds one more than the limit when there is more to come. */
export function toPage<Row, T>(
  rows: readonly Row[],
  page: PageRequest,
  keyOf: (row: Row) => string,
  view: (row: Row) => T,
): Page<T> {
  const limit = limitOf(page);
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    items: shown.map(view),
    ...(more ? { next: Buffer.from(keyOf(last)).toString('base64url') } : {}),
  };
}

export const instant = (date: Date): string => date.toISOString();
export const instantOrNull = (date: Date | null): string | null => date?.toISOString() ?? null;
