/**
 * Templates (KMIP 1.4 §2.2.6, deprecated since 1.3): attributes under a name, for use in the requests that make objects.
 */
import {
  type Attribute,
  attributeValue,
  KmipError,
  ObjectType,
  type TemplateAttribute,
} from '../../kmip/index.ts';
import {
  checkGivenCount,
  isDestroyed,
  type ManagedObject,
  ruleOf,
  sameValue,
  templateAttributes,
} from '../../objects/index.ts';
import { uidNamed } from '../store/objects.ts';
import { type OperationContext, RefusedError } from './context.ts';
import { readObject } from './objects.ts';

/** Templates that one request may name. */
export const MAX_TEMPLATES = 16;

/**
 * All attributes that a Template-Attribute structure means: those given, and those of the templates that it names. A
 * single-instance attribute that is given takes the place of the templates' (§4.1); of several templates the last one's
 * holds.
 *
 * @throws KmipError Item Not Found (no such template), Object Archived, Invalid Field (too many).
 */
export async function attributesMeant(
  context: OperationContext,
  template: TemplateAttribute | undefined,
): Promise<readonly Attribute[]> {
  const given = template?.attribute ?? [];
  const names = template?.name ?? [];
  if (names.length > MAX_TEMPLATES) {
    throw KmipError.invalidField(`a request names at most ${MAX_TEMPLATES} templates`);
  }
  let meant: readonly Attribute[] = [];
  for (const { nameValue } of names)
    meant = overridden(meant, await attributesOfTemplate(context, nameValue));
  return overridden(meant, given);
}

async function attributesOfTemplate(context: OperationContext, name: string): Promise<readonly Attribute[]> {
  const { tenant } = context.requester.scope;
  const uid = name.includes('\0') ? undefined : await uidNamed(context.tx, tenant, name);
  const object = uid === undefined ? undefined : await readTemplate(context, uid);
  if (object?.objectType !== ObjectType.Template || isDestroyed(object.state)) {
    throw KmipError.itemNotFound(NO_TEMPLATE);
  }
  return templateAttributes(object);
}

const NO_TEMPLATE = 'the request names a template that does not exist';

/** Names are of the tenant, objects of a service: what another service calls so is no template, by the same words. */
async function readTemplate(context: OperationContext, uid: string): Promise<ManagedObject> {
  try {
    return await readObject(context, uid);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    throw new RefusedError(error.resultReason, NO_TEMPLATE, error.auditReason, uid);
  }
}

/**
 * `later` on top of `earlier`: single instances are replaced, others added where they are new.
 *
 * @throws KmipError Index Out of Bounds: more than a request gives.
 */
export function overridden(earlier: readonly Attribute[], later: readonly Attribute[]): readonly Attribute[] {
  checkGivenCount(later);
  const kept = earlier.filter(({ attributeName: name, attributeValue: value }) => {
    const same = later.filter((a) => a.attributeName === name);
    return ruleOf(name).multiple ? !same.some((a) => sameValue(a.attributeValue, value)) : same.length === 0;
  });
  return [...kept, ...later];
}

/**
 * §11.4: what a template holds must be known, may be set by a client, and is no Name: the template's own is given beside
 * it.
 *
 * @throws KmipError Invalid Field
 */
export function checkTemplate(attributes: readonly Attribute[]): void {
  for (const attribute of attributes) {
    const { attributeName: name } = attribute;
    if (name === 'Name') {
      throw KmipError.invalidField('a Template holds no Name; its own is an attribute of the request');
    }
    if (!ruleOf(name).atCreation) throw KmipError.invalidField(`${name} is set by the server only`);
    if (!name.startsWith('x-')) attributeValue(attribute);
  }
}
