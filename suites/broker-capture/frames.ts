/** Orbital's messages in what was captured on the way, in whatever protocol they were carried. */

/** Bytes that are written in hexadecimal, as PostgreSQL answers them. */
const HEX = /[0-9a-f]{64,}/gi;
const BODY = /"body":"([A-Za-z0-9_-]{16,})"/g;

export type Body = Readonly<Record<string, unknown>>;

/** What each message says; one that was cut off is left out. */
export function bodiesIn(bytes: Buffer): Body[] {
  const text = bytes.toString('latin1');
  const spelled = [...text.matchAll(HEX)].map(([run]) =>
    Buffer.from(run.slice(0, run.length & ~1), 'hex').toString('latin1'),
  );
  return [text, ...spelled].flatMap((each) =>
    [...each.matchAll(BODY)].flatMap(([, body = '']) => parsed(Buffer.from(body, 'base64url'))),
  );
}

/** The message as it would lie in the broker, without its signature. */
export function frameOf(body: Body): Buffer {
  return Buffer.from(JSON.stringify({ body: Buffer.from(JSON.stringify(body)).toString('base64url') }));
}

function parsed(body: Buffer): Body[] {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? [value as Body] : [];
  } catch {
    return [];
  }
}
