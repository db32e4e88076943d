/** How a request says which part of an operation it is (KMIP 1.4 §2.1.15–2.1.17, §4.29). */
import { KmipError } from '../kmip/index.ts';

export interface PartFields {
  readonly correlationValue?: Uint8Array | undefined;
  readonly initIndicator?: boolean | undefined;
  readonly finalIndicator?: boolean | undefined;
}

export type Part =
  | { readonly kind: 'whole' }
  | { readonly kind: 'first' }
  | { readonly kind: 'next'; readonly correlationValue: Uint8Array; readonly isLast: boolean };

/** @throws KmipError Invalid Message: a first part that names a stream. */
export function partOf({ correlationValue, initIndicator, finalIndicator }: PartFields): Part {
  const isLast = finalIndicator === true;
  if (correlationValue !== undefined) {
    if (initIndicator === true) {
      throw KmipError.invalidMessage('the first part of an operation has no Correlation Value yet');
    }
    return { kind: 'next', correlationValue, isLast };
  }
  // First and last at once is the whole.
  return { kind: initIndicator === true && !isLast ? 'first' : 'whole' };
}
