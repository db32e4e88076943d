/** The checks that XML and JSON share before a text is parsed, and after one has been written. */
import { isUtf8 } from 'node:buffer';
import type { TtlvLimits } from '../ttlv/limits.ts';
import { EncodingError } from './error.ts';

/**
 * The text of a message: well-formed Unicode within the limit, without a byte order mark.
 *
 * @throws EncodingError ENCODING_UTF8, ENCODING_TOO_LARGE
 */
export function textOf(source: string | Uint8Array, limits: TtlvLimits): string {
  // A string has at most three bytes for each of its units: counting is left to the rare large one.
  const size =
    typeof source === 'string' && source.length > limits.maxBytes / 3
      ? Buffer.byteLength(source)
      : source.length;
  checkSize(size, limits);
  let text: string;
  if (typeof source === 'string') {
    text = source;
    if (!text.isWellFormed()) throw new EncodingError('ENCODING_UTF8', 'the text holds half a character');
  } else {
    if (!isUtf8(source)) throw new EncodingError('ENCODING_UTF8', 'the text is not valid UTF-8');
    text = Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('utf8');
  }
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** @throws EncodingError ENCODING_TOO_LARGE */
export function checkSize(sizeBytes: number, limits: TtlvLimits): void {
  if (sizeBytes > limits.maxBytes) {
    throw new EncodingError(
      'ENCODING_TOO_LARGE',
      `${sizeBytes} bytes exceed the limit of ${limits.maxBytes}`,
    );
  }
}
