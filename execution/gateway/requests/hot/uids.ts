/**
 * The texts of UIDs that were seen lately, by their bytes: to make a text of the same bytes anew for each request costs
 * more than to compare them.
 */
const PLACES = 1024;
const UUID_LENGTH = 36;

interface Seen {
  readonly bytes: Uint8Array;
  readonly text: string;
}

export class Uids {
  readonly #seen = new Array<Seen | undefined>(PLACES).fill(undefined);

  /** A UID of ours is ASCII; other bytes give a text that no object has. */
  textOf(bytes: Buffer, at: number, length: number): string {
    if (length !== UUID_LENGTH) return bytes.toString('latin1', at, at + length);
    const place = placeOf(bytes, at);
    const seen = this.#seen[place];
    if (seen !== undefined && isSame(seen.bytes, bytes, at)) return seen.text;
    const text = bytes.toString('latin1', at, at + length);
    this.#seen[place] = { bytes: Uint8Array.from(bytes.subarray(at, at + length)), text };
    return text;
  }
}

/** From digits that are random in every kind of UUID. */
function placeOf(bytes: Uint8Array, at: number): number {
  let mixed = 0;
  for (let i = at + 30; i < at + UUID_LENGTH; i++) mixed = (mixed * 31 + (bytes[i] ?? 0)) | 0;
  return mixed & (PLACES - 1);
}

function isSame(known: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < UUID_LENGTH; i++) if (known[i] !== bytes[at + i]) return false;
  return true;
}
