/**
 * Who may set, change and delete which attribute: the "Attribute Rules" tables of KMIP 1.4 §3.1–3.51 as one table.
 * Both planes of a request need it: the template of Create and Register, and Add/Modify/Delete Attribute.
 */
import { KmipError, ResultReason } from '../kmip/index.ts';
import { type ManagedObject, State } from './managed-object.ts';
import { settle } from './state-machine.ts';

/** Where the value lives: in a field of ManagedObject, in its `attributes` list, or nowhere (computed, or never held). */
export type AttributeHome = 'field' | 'list' | 'computed';

export interface AttributeRule {
  readonly home: AttributeHome;
  /** A client may give it to Create or Register. */
  readonly atCreation: boolean;
  /** A client may add or change it later; a function decides by the object's state and dates. */
  readonly changeable: boolean | ((object: ManagedObject, nowS: number) => boolean);
  readonly deletable: boolean;
  readonly multiple: boolean;
}

const server: AttributeRule = {
  home: 'computed',
  atCreation: false,
  changeable: false,
  deletable: false,
  multiple: false,
};
const fixed: AttributeRule = { ...server, home: 'field', atCreation: true };
const fixedInList: AttributeRule = { ...fixed, home: 'list' };
const free: AttributeRule = {
  home: 'list',
  atCreation: true,
  changeable: true,
  deletable: true,
  multiple: false,
};
const freeMany: AttributeRule = { ...free, multiple: true };
const kept: AttributeRule = { ...free, deletable: false };

/** A date that a client may move until it has come, while the object is in one of `states` (§3.24–3.27). */
function date(
  field: 'activation' | 'processStart' | 'protectStop' | 'deactivation',
  ...states: State[]
): AttributeRule {
  return {
    ...fixed,
    changeable: (before, nowS) => {
      const object = settle(before, nowS);
      const current = object.dates[field];
      return states.includes(object.state) && (current === undefined || current > nowS);
    },
  };
}

const rules: Readonly<Record<string, AttributeRule>> = {
  'Unique Identifier': server,
  Name: freeMany,
  'Object Type': server,
  'Cryptographic Algorithm': fixed,
  'Cryptographic Length': fixed,
  'Cryptographic Parameters': freeMany,
  'Cryptographic Domain Parameters': fixedInList,
  'Certificate Type': server,
  'Certificate Length': server,
  'X.509 Certificate Identifier': server,
  'X.509 Certificate Subject': server,
  'X.509 Certificate Issuer': server,
  'Certificate Identifier': server,
  'Certificate Subject': server,
  'Certificate Issuer': server,
  'Digital Signature Algorithm': fixedInList,
  Digest: { ...server, multiple: true },
  'Operation Policy Name': fixedInList,
  'Cryptographic Usage Mask': fixed,
  'Lease Time': server,
  'Usage Limits': free,
  State: server,
  'Initial Date': server,
  'Activation Date': date('activation', State.PreActive),
  'Process Start Date': date('processStart', State.PreActive, State.Active),
  'Protect Stop Date': date('protectStop', State.PreActive, State.Active),
  'Deactivation Date': date('deactivation', State.PreActive, State.Active),
  'Destroy Date': server,
  'Compromise Occurrence Date': server,
  'Compromise Date': server,
  'Revocation Reason': server,
  'Archive Date': server,
  'Object Group': freeMany,
  Fresh: server,
  Link: freeMany,
  'Application Specific Information': freeMany,
  'Contact Information': free,
  'Last Change Date': server,
  'Alternative Name': freeMany,
  'Key Value Present': server,
  'Key Value Location': freeMany,
  'Original Creation Date': fixed,
  'Random Number Generator': fixedInList,
  'PKCS#12 Friendly Name': free,
  Description: free,
  Comment: free,
  Sensitive: kept,
  'Always Sensitive': server,
  Extractable: kept,
  'Never Extractable': server,
};

/** Characters of an attribute's name. */
export const MAX_ATTRIBUTE_NAME_LENGTH = 256;

export function isCustom(name: string): boolean {
  return name.startsWith('x-') || name.startsWith('y-');
}

/**
 * The rule of an attribute. §3.39: `x-` is the client's and free, `y-` the server's and read-only.
 * Throws Invalid Field for a name that KMIP 1.4 does not know.
 */
export function ruleOf(name: string): AttributeRule {
  if (name.length > MAX_ATTRIBUTE_NAME_LENGTH) {
    throw new KmipError(
      ResultReason.InvalidField,
      `an attribute name is longer than ${MAX_ATTRIBUTE_NAME_LENGTH} characters`,
    );
  }
  if (name.startsWith('x-')) return freeMany;
  if (name.startsWith('y-')) return { ...server, home: 'list', multiple: true };
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
  if (rule === undefined)
    throw new KmipError(ResultReason.InvalidField, `there is no attribute "${name}" in KMIP 1.4`);
  return rule;
}

/** The names of the table, for tests and for Locate. */
export const ruledNames: readonly string[] = Object.keys(rules);
