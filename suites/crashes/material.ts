import type { Operation, ResponseOf } from '../../execution/kmip/index.ts';

/** The bytes of a key that Get has given out in the clear. */
export function materialOf({ object }: ResponseOf<typeof Operation.Get>): Uint8Array {
  const value = 'keyBlock' in object ? object.keyBlock.keyValue : undefined;
  const material = value === undefined || value instanceof Uint8Array ? undefined : value.keyMaterial;
  if (!(material instanceof Uint8Array)) throw new Error('Get gave no key in the clear');
  return material;
}
