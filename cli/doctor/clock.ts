/** The clock of this host against another's: its database, or the Date header of an HTTP server (RFC 9110 §6.6.1). */
import { request as httpsRequest } from 'node:https';
import { MAX_CLOCK_SKEW_MS } from '../../execution/keychain/limits.ts';
import { request as httpRequest } from '../../platform/http.ts';
import { finding, passed, type Verdict } from './verdict.ts';

/** A clock that is kept by NTP is off by milliseconds. */
export const DRIFT_MS = 5_000;
/** A Date header tells whole seconds. */
const HALF_SECOND_MS = 500;

export interface Offset {
  /** How far the other clock is ahead of ours. */
  readonly offsetMs: number;
  /** It may be that much more or less. */
  readonly uncertaintyMs: number;
}

/** `atMs`: what the other clock said between `sentMs` and `receivedMs` of ours. */
export function offsetOf(atMs: number, sentMs: number, receivedMs: number): Offset {
  const offsetMs = Math.round(atMs - (sentMs + receivedMs) / 2);
  return { offsetMs, uncertaintyMs: Math.ceil((receivedMs - sentMs) / 2) };
}

export function judgeOffset(against: string, { offsetMs, uncertaintyMs }: Offset): Verdict {
  const checked = `clock against ${against}`;
  const atLeastMs = Math.max(0, Math.abs(offsetMs) - uncertaintyMs);
  const facts = { against, offsetMs, uncertaintyMs, limitMs: MAX_CLOCK_SKEW_MS };
  const told = `${against} is ${Math.abs(offsetMs)} ms ${offsetMs < 0 ? 'behind' : 'ahead'} (±${uncertaintyMs} ms)`;
  if (atLeastMs > MAX_CLOCK_SKEW_MS)
    return finding('CLOCK_SKEWED', checked, `${told}; the limit is ${MAX_CLOCK_SKEW_MS} ms`, facts);
  if (atLeastMs > DRIFT_MS)
    return finding('CLOCK_DRIFTS', checked, `${told}; the limit is ${MAX_CLOCK_SKEW_MS} ms`, facts);
  return passed(checked, told, facts);
}

/** Undefined where there is no date in it. */
export function offsetOfDate(
  date: string | undefined,
  sentMs: number,
  receivedMs: number,
): Offset | undefined {
  const atMs = Date.parse(date ?? '');
  if (Number.isNaN(atMs)) return undefined;
  const { offsetMs, uncertaintyMs } = offsetOf(atMs + HALF_SECOND_MS, sentMs, receivedMs);
  return { offsetMs, uncertaintyMs: uncertaintyMs + HALF_SECOND_MS };
}

/** Asks for nothing but the header. Undefined where the server does not answer, which others look at. */
export function askDate(url: string, signal: AbortSignal, ca?: string): Promise<Offset | undefined> {
  const address = new URL(url);
  const ask = address.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const sentMs = Date.now();
    const options = { method: 'HEAD', signal, agent: false, ...(ca === undefined ? {} : { ca }) };
    const call = ask(address, options, (response) => {
      response.resume();
      resolve(offsetOfDate(response.headers.date, sentMs, Date.now()));
    });
    call.once('error', () => resolve(undefined));
    call.end();
  });
}
