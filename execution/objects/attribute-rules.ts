/**
 * Who may set, change and delete which attribute of which object: the "Attribute Rules" tables of KMIP 1.4 §3.1–3.51 as
 * one table, a row for each. Everything that touches attributes reads it: templates, Add, Modify and Delete Attribute,
 * Get Attributes, Locate. The type of each value and the version that brought it stand in execution/kmip/attributes.ts.
 */
import { attributeDefinition, isStandardAttribute, KmipError, ObjectType, Operation } from '../kmip/index.ts';
import { type ManagedObject, type ObjectDates, State } from './managed-object.ts';
import { settle } from './state-machine.ts';
import { isAllocated } from './usage-limits.ts';

/** "Initially set by": who gives the first value. */
export type Setter = 'server' | 'client' | 'either';
/** A permission that the table gives always, never, or as long as a condition holds for the object. */
export type Permission = boolean | ((object: ManagedObject, nowS: number) => boolean);

export interface AttributeRule {
  /** The section of KMIP 1.4 that the row is from. */
  readonly clause: string;
  /** "SHALL always have a value", on every object that it applies to. */
  readonly always: boolean;
  readonly firstSetBy: Setter;
  readonly serverModifies: boolean;
  readonly clientModifies: Permission;
  readonly deletable: Permission;
  readonly multiple: boolean;
  /** Values of the Object Type enumeration. */
  readonly appliesTo: ReadonlySet<number>;
  /** Operations that may set it although their request does not name it. */
  readonly implicitlySetBy: readonly number[];
  /** Whether a client may name it in the template of a new object. */
  readonly atCreation: boolean;
  /** The minor version of KMIP 1 that introduced it. */
  readonly since: number;
  /** The minor version of KMIP 1 that deprecated it: later clients are told of it only where they ask by name. */
  readonly deprecatedSince?: number;
}

type Row = readonly [
  clause: string,
  always: boolean,
  firstSetBy: Setter,
  serverModifies: boolean,
  clientModifies: Permission,
  deletable: Permission,
  multiple: boolean,
  appliesTo: readonly number[],
  implicitlySetBy: readonly number[],
  more?: { readonly atCreation?: boolean; readonly deprecatedSince?: number },
];

const [yes, no] = [true, false];
const [one, many] = [false, true];

const { Certificate, SymmetricKey, PublicKey, PrivateKey, SplitKey, Template, SecretData } = ObjectType;
const { OpaqueObject, PGPKey } = ObjectType;
const ALL = Object.values(ObjectType);
const KEYS = [SymmetricKey, PublicKey, PrivateKey, SplitKey, PGPKey];
/** §2.2: Managed Cryptographic Objects. */
const CRYPTO = [...KEYS, Certificate, SecretData];
const CRYPTO_OR_OPAQUE = [...CRYPTO, OpaqueObject];
const CRYPTO_OR_TEMPLATE = [...CRYPTO, Template];
/** Keys, Certificates, Templates; and Secret Data, whose key block (§2.2.7) and derivation (§4.6) name both too. */
const SIZED = [...KEYS, Certificate, Template, SecretData];
const ASYMMETRIC = [PublicKey, PrivateKey, Template];
const PARAMETRIC = [...KEYS, Certificate, Template];
const LIMITED = [...KEYS, Template];
const SIGNED = [Certificate, PGPKey];
const SYMMETRIC = [SymmetricKey, SplitKey, Template];
const VALUE_ELSEWHERE = [SymmetricKey, PrivateKey, SplitKey, SecretData];

const { Create, CreateKeyPair, Register, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair } = Operation;
const GENERATING = [Create, CreateKeyPair, DeriveKey, ReKey, ReKeyKeyPair];
const CERTIFYING = [Register, Certify, ReCertify];
const MAKING = [...GENERATING, ...CERTIFYING];
const REKEYING = [ReKey, ReKeyKeyPair];
const REPLACING = [...REKEYING, ReCertify];
const { Activate, Revoke, Destroy, Archive, GetUsageAllocation } = Operation;
const SCHEDULING = [Create, Register, DeriveKey, ReKey];
const LINKING = [CreateKeyPair, DeriveKey, Certify, ReCertify, ReKey, ReKeyKeyPair];
const ACTIVATING = [...MAKING, Activate];
const DEACTIVATING = [...MAKING, Revoke];
const LIMITING = [...GENERATING, Register, GetUsageAllocation];
const LIVING = [...MAKING, Activate, Revoke, Destroy];
const EDITING = [Operation.AddAttribute, Operation.ModifyAttribute, Operation.DeleteAttribute];
const CHANGING = [...LIVING, Archive, Operation.Recover, ...EDITING, GetUsageAllocation];
const NEVER: readonly number[] = [];

/** §3.24–3.27: a date that a client may move while the object is in one of `states`, and until it has come. */
function until(
  field: keyof ObjectDates,
  ...states: readonly State[]
): (object: ManagedObject, nowS: number) => boolean {
  return (before, nowS) => {
    const object = settle(before, nowS);
    const current = object.dates[field];
    return states.includes(object.state) && (current === undefined || current > nowS);
  };
}
const activation = until('activation', State.PreActive);
const processStart = until('processStart', State.PreActive, State.Active);
const protectStop = until('protectStop', State.PreActive, State.Active);
const deactivation = until('deactivation', State.PreActive, State.Active);
/** §3.21: until Get Usage Allocation, or a use here, has taken something. */
const unspent = (object: ManagedObject): boolean => !isAllocated(object);

/** The client names these in templates, though it is the server that sets them (§3.4, §3.5). */
const given = { atCreation: true } as const;
const old = { deprecatedSince: 1 } as const;

// Columns: section, always a value, first set by, server modifies, client modifies, client deletes, instances, applies
// to, implicitly set by.
const rows: Readonly<Record<string, Row>> = {
  'Unique Identifier': ['3.1', yes, 'server', no, no, no, one, ALL, MAKING],
  Name: ['3.2', no, 'client', yes, yes, yes, many, ALL, REPLACING],
  'Object Type': ['3.3', yes, 'server', no, no, no, one, ALL, MAKING],
  'Cryptographic Algorithm': ['3.4', yes, 'server', no, no, no, one, SIZED, MAKING, given],
  'Cryptographic Length': ['3.5', yes, 'server', no, no, no, one, SIZED, MAKING, given],
  'Cryptographic Parameters': ['3.6', no, 'client', no, yes, yes, many, PARAMETRIC, REPLACING],
  'Cryptographic Domain Parameters': ['3.7', no, 'client', no, no, no, one, ASYMMETRIC, REKEYING],
  'Certificate Type': ['3.8', yes, 'server', no, no, no, one, [Certificate], CERTIFYING],
  'Certificate Length': ['3.9', yes, 'server', no, no, no, one, [Certificate], CERTIFYING],
  'X.509 Certificate Identifier': ['3.10', yes, 'server', no, no, no, one, [Certificate], CERTIFYING],
  'X.509 Certificate Subject': ['3.11', yes, 'server', no, no, no, one, [Certificate], CERTIFYING],
  'X.509 Certificate Issuer': ['3.12', yes, 'server', no, no, no, one, [Certificate], CERTIFYING],
  'Certificate Identifier': ['3.13', yes, 'server', no, no, no, one, [Certificate], CERTIFYING, old],
  'Certificate Subject': ['3.14', yes, 'server', no, no, no, one, [Certificate], CERTIFYING, old],
  'Certificate Issuer': ['3.15', yes, 'server', no, no, no, one, [Certificate], CERTIFYING, old],
  // Several for PGP keys, one for an X.509 certificate.
  'Digital Signature Algorithm': ['3.16', yes, 'server', no, no, no, many, SIGNED, CERTIFYING],
  Digest: ['3.17', yes, 'server', no, no, no, many, CRYPTO_OR_OPAQUE, MAKING],
  'Operation Policy Name': ['3.18', no, 'either', yes, no, no, one, ALL, MAKING, { deprecatedSince: 3 }],
  'Cryptographic Usage Mask': ['3.19', yes, 'either', yes, no, no, one, CRYPTO_OR_TEMPLATE, MAKING],
  'Lease Time': ['3.20', no, 'server', yes, no, no, one, CRYPTO, MAKING],
  'Usage Limits': ['3.21', no, 'either', yes, unspent, unspent, one, LIMITED, LIMITING],
  State: ['3.22', yes, 'server', yes, no, no, one, CRYPTO, LIVING],
  'Initial Date': ['3.23', yes, 'server', no, no, no, one, ALL, MAKING],
  'Activation Date': ['3.24', no, 'either', yes, activation, no, one, CRYPTO_OR_TEMPLATE, ACTIVATING],
  'Process Start Date': ['3.25', no, 'either', yes, processStart, no, one, SYMMETRIC, SCHEDULING],
  'Protect Stop Date': ['3.26', no, 'either', yes, protectStop, no, one, SYMMETRIC, SCHEDULING],
  'Deactivation Date': ['3.27', no, 'either', yes, deactivation, no, one, CRYPTO_OR_TEMPLATE, DEACTIVATING],
  'Destroy Date': ['3.28', no, 'server', no, no, no, one, CRYPTO_OR_OPAQUE, [Destroy]],
  'Compromise Occurrence Date': ['3.29', no, 'server', no, no, no, one, CRYPTO_OR_OPAQUE, [Revoke]],
  'Compromise Date': ['3.30', no, 'server', no, no, no, one, CRYPTO_OR_OPAQUE, [Revoke]],
  'Revocation Reason': ['3.31', no, 'server', yes, no, no, one, CRYPTO_OR_OPAQUE, [Revoke]],
  'Archive Date': ['3.32', no, 'server', no, no, no, one, ALL, [Archive]],
  'Object Group': ['3.33', no, 'either', yes, yes, yes, many, ALL, MAKING],
  Fresh: ['3.34', no, 'either', yes, no, no, one, CRYPTO, MAKING],
  Link: ['3.35', no, 'either', yes, yes, yes, many, CRYPTO, LINKING],
  'Application Specific Information': ['3.36', no, 'either', yes, yes, yes, many, ALL, REPLACING],
  'Contact Information': ['3.37', no, 'either', yes, yes, yes, one, ALL, MAKING],
  'Last Change Date': ['3.38', yes, 'server', yes, no, no, one, ALL, CHANGING],
  'Alternative Name': ['3.40', no, 'client', yes, yes, yes, many, ALL, NEVER],
  'Key Value Present': ['3.41', no, 'server', no, no, no, one, VALUE_ELSEWHERE, [Register]],
  'Key Value Location': ['3.42', no, 'client', no, yes, yes, many, VALUE_ELSEWHERE, NEVER],
  'Original Creation Date': ['3.43', no, 'either', no, no, no, one, ALL, GENERATING],
  'Random Number Generator': ['3.44', no, 'either', no, no, no, one, CRYPTO, GENERATING],
  'PKCS#12 Friendly Name': ['3.45', no, 'either', no, yes, yes, one, CRYPTO, [Register]],
  Description: ['3.46', no, 'either', yes, yes, yes, one, ALL, NEVER],
  Comment: ['3.47', no, 'either', yes, yes, yes, one, ALL, NEVER],
  Sensitive: ['3.48', yes, 'either', yes, yes, no, one, ALL, MAKING],
  'Always Sensitive': ['3.49', yes, 'server', yes, no, no, one, ALL, MAKING],
  Extractable: ['3.50', yes, 'either', yes, yes, no, one, ALL, MAKING],
  'Never Extractable': ['3.51', yes, 'server', yes, no, no, one, ALL, MAKING],
};

function ruleFrom(name: string, row: Row): AttributeRule {
  const [clause, always, firstSetBy, serverModifies, clientModifies, deletable, multiple, types, ops, more] =
    row;
  const { atCreation = firstSetBy !== 'server', ...rest } = more ?? {};
  const since = isStandardAttribute(name) ? attributeDefinition(name).since : 0;
  const columns = { clause, always, firstSetBy, serverModifies, clientModifies, deletable, multiple };
  return { ...columns, appliesTo: new Set(types), implicitlySetBy: ops, atCreation, since, ...rest };
}

const rules: ReadonlyMap<string, AttributeRule> = new Map(
  Object.entries(rows).map(([name, row]) => [name, ruleFrom(name, row)]),
);

/** §3.39: those of clients are free, those of the server read-only. */
const ofClients = ruleFrom('x-', ['3.39', no, 'client', no, yes, yes, many, ALL, LIVING]);
const ofServer = ruleFrom('y-', ['3.39', no, 'server', yes, no, no, many, ALL, LIVING]);

/** Characters of an attribute's name. */
export const MAX_ATTRIBUTE_NAME_LENGTH = 256;

export function isCustom(name: string): boolean {
  return name.startsWith('x-') || name.startsWith('y-');
}

/** The rule of an attribute. Throws Invalid Field for a name that KMIP 1.4 does not know, or that is too long. */
export function ruleOf(name: string): AttributeRule {
  if (name.length > MAX_ATTRIBUTE_NAME_LENGTH) {
    throw KmipError.invalidField(`an attribute name is longer than ${MAX_ATTRIBUTE_NAME_LENGTH} characters`);
  }
  if (name.startsWith('x-')) return ofClients;
  if (name.startsWith('y-')) return ofServer;
  const rule = rules.get(name);
  if (rule === undefined) throw KmipError.invalidField(`there is no attribute "${name}" in KMIP 1.4`);
  return rule;
}

/** Whether objects of the type may have the attribute. Custom attributes belong to all. */
export function appliesTo(name: string, objectType: number): boolean {
  return ruleOf(name).appliesTo.has(objectType);
}

/** Whether the permission holds for this object at `nowS` (seconds). */
export function permits(permission: Permission, object: ManagedObject, nowS: number): boolean {
  return typeof permission === 'function' ? permission(object, nowS) : permission;
}

/** The names of the table. */
export const ruledNames: readonly string[] = [...rules.keys()];
