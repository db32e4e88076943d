/** What a component that runs says of itself at its health address (platform/http-health.ts). */
import { type Offset, offsetOfDate } from './clock.ts';

const ANSWER_MS = 2_000;
const MAX_BYTES = 1024 * 1024;

export type HealthBody = Readonly<Record<string, unknown>>;

export interface Health {
  readonly body: HealthBody;
  readonly offset: Offset | undefined;
}

/** Where it can be asked; undefined for a port that is chosen at each start. */
export function healthUrlOf({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): string | undefined {
  if (port === 0) return undefined;
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}/healthz`;
}

/** Undefined where nobody answers with JSON. */
export async function askHealth(url: string | undefined): Promise<Health | undefined> {
  if (url === undefined) return undefined;
  try {
    const sentMs = Date.now();
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' });
    const receivedMs = Date.now();
    const text = await response.text();
    if (text.length > MAX_BYTES) return undefined;
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null) return undefined;
    return {
      body: { ...body },
      offset: offsetOfDate(response.headers.get('date') ?? undefined, sentMs, receivedMs),
    };
  } catch {
    return undefined;
  }
}

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
export const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : undefined;
export const recordOf = (value: unknown): HealthBody | undefined =>
  typeof value === 'object' && value !== null ? { ...value } : undefined;
