/** Asymmetric keys as Node's ciphers and signatures take them. */
import type { KeyObject } from 'node:crypto';
import { keyObjectOf } from '../../keyforms/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import type { OperationContext } from './context.ts';
import { openMaterial } from './objects.ts';

/**
 * A KeyObject is a copy that nobody can wipe: hold it no longer than the operation lasts.
 *
 * @throws KmipError as `openMaterial` and `keyObjectOf`
 */
export async function openKey(context: OperationContext, object: ManagedObject): Promise<KeyObject> {
  const { objectType, keyFormatType = 0, cryptographicAlgorithm } = object;
  using secret = await openMaterial(context, object);
  return secret.use((material) =>
    keyObjectOf({ objectType, keyFormatType, cryptographicAlgorithm, material }),
  );
}
