/**
 * The key derivation of NIST SP 800-108 in its three modes. The fixed input is what the request brings as Derivation
 * Data, as it is: Label, an optional zero byte, Context (KMIP 1.4 §4.6), and the length where the parties want it in.
 * Counters have 32 bits; they stand before the fixed input, and in the other two modes after what is fed back.
 */
import type { Prf } from './prf.ts';

interface Kdf {
  readonly prf: Prf;
  readonly fixedInput: Uint8Array;
  /** K(0) of the feedback mode; may be empty. */
  readonly iv: Uint8Array;
}

function counterBytes(counter: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(counter);
  return bytes;
}

/** Fills `out` with blocks, each of which may use the one before; what is computed on the way is wiped. */
function fill(
  out: Uint8Array,
  first: Uint8Array,
  next: (counter: number, before: Uint8Array) => Buffer,
): void {
  let before = first;
  let at = 0;
  for (let counter = 1; at < out.length; counter++) {
    const block = next(counter, before);
    out.set(block.subarray(0, out.length - at), at);
    at += block.length;
    if (before !== first) before.fill(0);
    before = block;
  }
  if (before !== first) before.fill(0);
}

/** §4.1 */
export function counterMode({ prf, fixedInput, iv }: Kdf, out: Uint8Array): void {
  fill(out, iv, (counter) => prf(counterBytes(counter), fixedInput));
}

/** §4.2 */
export function feedbackMode({ prf, fixedInput, iv }: Kdf, out: Uint8Array): void {
  fill(out, iv, (counter, before) => prf(before, counterBytes(counter), fixedInput));
}

/** §4.3 */
export function doublePipelineMode({ prf, fixedInput, iv }: Kdf, out: Uint8Array): void {
  let pipeline: Uint8Array = fixedInput;
  fill(out, iv, (counter) => {
    const next = prf(pipeline);
    if (pipeline !== fixedInput) pipeline.fill(0);
    pipeline = next;
    return prf(pipeline, counterBytes(counter), fixedInput);
  });
  if (pipeline !== fixedInput) pipeline.fill(0);
}
