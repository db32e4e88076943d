/** Template objects (KMIP 1.4 §2.2.6) are deprecated since 1.3 and not held here, so none can be named. */
import { KmipError, type TemplateAttribute } from '../../kmip/index.ts';

/** Throws Item Not Found, as §11.2 and §11.4 have it for templates that do not exist. */
export function requireNoTemplates(template: TemplateAttribute | undefined): void {
  if ((template?.name ?? []).length > 0) {
    throw KmipError.itemNotFound('this server holds no templates; give the attributes themselves');
  }
}
