/** How CMK asks identity providers anything. */
import { MAX_ISSUER_ANSWER_BYTES } from '../limits.ts';

/**
 * The answer is read whole, and no further than an honest provider's goes. Throws what fetch throws, and beyond
 * MAX_ISSUER_ANSWER_BYTES.
 */
export async function boundedFetch(url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, options);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.byteLength;
    if (size > MAX_ISSUER_ANSWER_BYTES)
      throw new Error(`the answer has more than ${MAX_ISSUER_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  const { status, headers } = response;
  // A status such as 204 comes with no body, not with an empty one.
  return new Response(size === 0 ? null : Buffer.concat(parts), { status, headers });
}
