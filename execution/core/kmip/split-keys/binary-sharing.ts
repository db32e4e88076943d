/** Shamir's sharing over a field of characteristic 2 (KMIP 1.4 §2.2.5), piece by piece of the secret. */
import { randomBytes } from 'node:crypto';
import type { BinaryField } from './fields.ts';

/** Part `x` of a secret. */
export interface Share {
  /** Key Part Identifier, from 1: the point at which the polynomials were evaluated. */
  readonly identifier: number;
  readonly bytes: Uint8Array;
}

function elementAt({ elementBytes }: BinaryField, bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  return elementBytes === 1 ? first : (first << 8) | (bytes[at + 1] ?? 0);
}

function putElement({ elementBytes }: BinaryField, bytes: Uint8Array, at: number, value: number): void {
  if (elementBytes === 1) bytes[at] = value;
  else {
    bytes[at] = value >>> 8;
    bytes[at + 1] = value & 0xff;
  }
}

/** Shares for the identifiers 1 to `parts`, each as long as the secret: whole elements. The caller wipes them. */
export function splitBinary(
  field: BinaryField,
  secret: Uint8Array,
  parts: number,
  threshold: number,
): Uint8Array[] {
  // One polynomial for each element: the secret's is its constant, the others are random.
  const coefficients = randomBytes(secret.length * (threshold - 1));
  try {
    return Array.from({ length: parts }, (_, index) => {
      const share = new Uint8Array(secret.length);
      for (let at = 0; at < secret.length; at += field.elementBytes) {
        let value = 0;
        for (let degree = threshold - 1; degree > 0; degree--) {
          const coefficient = elementAt(field, coefficients, (degree - 1) * secret.length + at);
          value = field.multiply(value ^ coefficient, index + 1);
        }
        putElement(field, share, at, value ^ elementAt(field, secret, at));
      }
      return share;
    });
  } finally {
    coefficients.fill(0);
  }
}

/** The secret of shares that have different identifiers and one length. The caller wipes it. */
export function joinBinary(field: BinaryField, shares: readonly Share[]): Uint8Array {
  const secret = new Uint8Array(shares[0]?.bytes.length ?? 0);
  for (const { identifier, bytes } of shares) {
    const weight = weightAtZero(
      field,
      identifier,
      shares.map((share) => share.identifier),
    );
    for (let at = 0; at < secret.length; at += field.elementBytes) {
      const sum = elementAt(field, secret, at) ^ field.multiply(elementAt(field, bytes, at), weight);
      putElement(field, secret, at, sum);
    }
  }
  return secret;
}

/** Lagrange's coefficient at 0 of the point `x` among `points`. */
function weightAtZero(field: BinaryField, x: number, points: readonly number[]): number {
  return points
    .filter((point) => point !== x)
    .reduce((weight, point) => field.multiply(weight, field.multiply(point, field.inverse(point ^ x))), 1);
}
