/** What Add, Modify, Delete and Set Attribute do with the object that they change. */
import type { Attribute } from '../../kmip/index.ts';
import type { ManagedObject } from '../../objects/index.ts';
import type { AttributeChange } from './attribute-changes.ts';
import type { OperationContext } from './context.ts';
import { readForChange, saveObject } from './objects.ts';

/** Returns the attribute as the answer names it. */
export async function changeAttribute(
  context: OperationContext,
  uid: string,
  how: (object: ManagedObject) => AttributeChange,
): Promise<Attribute> {
  const { object, attribute } = how(await readForChange(context, uid));
  await saveObject(context, object, 'ATTRIBUTE_CHANGED');
  return attribute;
}
