/** An instant on the wire: RFC 3339 in UTC with milliseconds, and one that there is, for it goes on into databases and dates. */
import { Type } from 'typebox';

export const Instant = Type.Refine(
  Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
  (text) => {
    const date = new Date(text);
    // What is no day of its month, Date carries over into the next one. PostgreSQL knows no year 0.
    return !Number.isNaN(date.getTime()) && date.toISOString() === text && date.getUTCFullYear() > 0;
  },
  () => 'must be an instant that there is',
);
