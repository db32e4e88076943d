/**
 * The finite fields of split keys (KMIP 1.4 §2.2.5): GF(2^8) of AES (FIPS 197 §4) and GF(2^16) above it. Products take the
 * same steps whatever the operands are: no table is indexed, and nothing branches, by a secret.
 */

/** A field whose elements are unsigned numbers of `elementBytes` bytes. Sums, as differences, are XOR. */
export interface BinaryField {
  readonly elementBytes: 1 | 2;
  multiply(a: number, b: number): number;
  /** Of a number that is public: identifiers of parts. */
  inverse(a: number): number;
}

/** Modulo x^8 + x^4 + x^3 + x + 1. */
function multiply8(a: number, b: number): number {
  let product = 0;
  let shifted = a;
  for (let bit = 0; bit < 8; bit++) {
    product ^= -((b >>> bit) & 1) & shifted;
    shifted = (shifted << 1) ^ (-(shifted >>> 7) & 0x11b);
  }
  return product;
}

/** a^254: every element but 0 has the order 255, or one that divides it. */
function inverse8(a: number): number {
  let result = 1;
  for (let i = 0; i < 254; i++) result = multiply8(result, a);
  return result;
}

/** m of GF(2^16) = GF(2^8)[y] / (y^2 + y + m). */
const M = 0x3a;

/**
 * (ry + s)(uy + v) with y^2 = y + m. The specification's formula for the product has m beside the other term; this is the
 * one that its formula for the inverse, and the field, belong to.
 */
function multiply16(a: number, b: number): number {
  const [r, s, u, v] = [a >>> 8, a & 0xff, b >>> 8, b & 0xff];
  const sv = multiply8(s, v);
  const high = multiply8(r ^ s, u ^ v) ^ sv;
  const low = multiply8(multiply8(r, u), M) ^ sv;
  return (high << 8) | low;
}

/** (uy + v)^-1 = u·d^-1·y + (u + v)·d^-1 with d = (u + v)v + mu^2. */
function inverse16(a: number): number {
  const [u, v] = [a >>> 8, a & 0xff];
  const d = inverse8(multiply8(u ^ v, v) ^ multiply8(M, multiply8(u, u)));
  return (multiply8(u, d) << 8) | multiply8(u ^ v, d);
}

export const gf256: BinaryField = { elementBytes: 1, multiply: multiply8, inverse: inverse8 };
export const gf65536: BinaryField = { elementBytes: 2, multiply: multiply16, inverse: inverse16 };
