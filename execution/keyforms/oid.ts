/** Object identifiers (ITU-T X.690 §8.19). */

/** The content of an OBJECT IDENTIFIER. `dotted`: `1.2.840.113549.1.1.1`. */
export function oidBytes(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return Uint8Array.from([first * 40 + second, ...rest].flatMap(base128));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

/** Whether the content of an OBJECT IDENTIFIER is this one. */
export function isOid(content: Uint8Array, dotted: string): boolean {
  return Buffer.from(oidBytes(dotted)).equals(content);
}
