/**
 * An attribute that a client gives, as it is kept: checked for type and shape, and without what is the server's to say.
 * Templates, Add Attribute and Modify Attribute all take attributes through here.
 */
import {
  type Attribute,
  attributeValue,
  enumName,
  ItemType,
  isStandardAttribute,
  isVendorEnum,
  KmipError,
  LinkType,
} from '../kmip/index.ts';
import { NAME, nameOf } from './names.ts';
import { newUsageLimits, USAGE_LIMITS } from './usage-limits.ts';

/** The one policy that objects have here: their tenant, and who is registered for their service (D10). */
export const DEFAULT_POLICY = 'default';

const checks: Readonly<Record<string, (given: Attribute) => Attribute>> = {
  [NAME]: (given) => {
    nameOf(given);
    return given;
  },
  [USAGE_LIMITS]: newUsageLimits,
  'Operation Policy Name': (given) => {
    if (attributeValue(given, 'Operation Policy Name') !== DEFAULT_POLICY) {
      throw KmipError.invalidField(
        `the only operation policy is "${DEFAULT_POLICY}"; leave the attribute out`,
      );
    }
    return given;
  },
  'Application Specific Information': (given) => {
    const { applicationNamespace, applicationData } = attributeValue(
      given,
      'Application Specific Information',
    );
    if (applicationData !== undefined) return given;
    throw KmipError.applicationNamespaceNotSupported(
      `no Application Data is made up here for the namespace "${applicationNamespace.slice(0, 80)}"; give it yourself`,
    );
  },
  Link: (given) => {
    const { linkType, linkedObjectIdentifier } = attributeValue(given, 'Link');
    if (enumName(LinkType, linkType).startsWith('0x') && !isVendorEnum(linkType)) {
      throw KmipError.invalidField(`Link Type ${linkType} is not known`);
    }
    if (linkedObjectIdentifier === '') throw KmipError.invalidField('a Link names an object');
    return given;
  },
  'Cryptographic Length': (given) => {
    if (attributeValue(given, 'Cryptographic Length') <= 0) {
      throw KmipError.invalidField('Cryptographic Length is a number of bits above zero');
    }
    return given;
  },
};

/**
 * The attribute without its index, which follows from the order of an object's attributes (§2.1.1).
 *
 * @throws KmipError Invalid Field, Application Namespace Not Supported
 */
export function acceptedAttribute({ attributeName, attributeValue: value }: Attribute): Attribute {
  const given: Attribute = { attributeName, attributeValue: value };
  if (!isStandardAttribute(attributeName)) return customAttribute(given);
  attributeValue(given);
  return checks[attributeName]?.(given) ?? given;
}

/** §3.39: any type, or a structure without structures inside. */
function customAttribute(given: Attribute): Attribute {
  const { attributeName, attributeValue: value } = given;
  if (value.type === ItemType.Structure && value.value.some((field) => field.type === ItemType.Structure)) {
    throw KmipError.invalidField(`${attributeName.slice(0, 80)}: a custom structure holds no structures`);
  }
  return given;
}
