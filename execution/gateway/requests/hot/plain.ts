/** What an object lets the hot path do, told once for each: objects never change, a change is another object. */
import { CryptographicAlgorithm, KeyFormatType } from '../../../kmip/index.ts';
import { isExtractable, isFresh, isSensitive, type ManagedObject } from '../../../objects/index.ts';

export interface Plain {
  /** An AES key that says nothing of how it wants to be used: GCM with our defaults. */
  readonly ciphers: boolean;
  /** A key that may leave in the clear, and has been given out before (§3.34: the first time is written down). */
  readonly leaves: boolean;
}

const nothing: Plain = { ciphers: false, leaves: false };
const known = new WeakMap<ManagedObject, Plain>();

export function plainOf(object: ManagedObject): Plain {
  const found = known.get(object);
  if (found !== undefined) return found;
  const told = look(object);
  known.set(object, told);
  return told;
}

function look(object: ManagedObject): Plain {
  const has = (name: string): boolean => object.attributes.some((a) => a.attributeName === name);
  // Limits are spent in the core, and the archived are at rest, whatever is asked.
  if (object.dates.archive !== undefined || has('Usage Limits')) return nothing;
  return {
    ciphers: object.cryptographicAlgorithm === CryptographicAlgorithm.AES && !has('Cryptographic Parameters'),
    leaves:
      (object.keyFormatType ?? KeyFormatType.Raw) === KeyFormatType.Raw &&
      !isFresh(object) &&
      !isSensitive(object) &&
      isExtractable(object),
  };
}
