/**
 * The error tables of KMIP 1.4 §11 as one table: for each condition of an operation that a client can bring about, a
 * request that does, and the Result Reason that the specification gives.
 */
import {
  type Attribute,
  attribute,
  ItemType,
  KeyFormatType,
  type KnownOperation,
  ObjectType,
  Operation,
  type RequestOf,
  ResultReason,
  Tag,
} from '../../kmip/index.ts';
import { make, nameAttribute } from '../../objects/index.ts';
import { type ClientRequest, request } from './gateway-client.ts';
import { aesKey } from './keys.ts';

export const now = () => Math.floor(Date.now() / 1000);
const NOBODY = 'no-such-object';
export const R = ResultReason;

/** Objects that the rows below ask for, made once. */
export interface Objects {
  readonly key: string;
  readonly active: string;
  readonly archived: string;
  readonly destroyed: string;
  readonly opaque: string;
  readonly limited: string;
  readonly sensitive: string;
  readonly unextractable: string;
}

export interface Row {
  readonly clause: string;
  readonly condition: string;
  readonly reason: ResultReason;
  readonly send: (objects: Objects) => ClientRequest;
}

export function row<O extends KnownOperation>(
  clause: string,
  operation: O,
  condition: string,
  reason: ResultReason,
  payload: (objects: Objects) => RequestOf<O>,
): Row {
  return { clause, condition, reason, send: (objects) => request(operation, payload(objects)) };
}

const template = (...extra: Attribute[]) => ({
  objectType: ObjectType.SymmetricKey,
  templateAttribute: { attribute: [...aesKey, ...extra] },
});
const secret = (...extra: Attribute[]): RequestOf<typeof Operation.Register> => ({
  objectType: ObjectType.SecretData,
  templateAttribute: { attribute: extra },
  object: {
    objectType: ObjectType.SecretData,
    secretDataType: 1,
    keyBlock: { keyFormatType: KeyFormatType.Opaque, keyValue: { keyMaterial: Uint8Array.of(1, 2, 3) } },
  },
});
const many = Array.from({ length: 65 }, (_, i) => attribute('Object Group', `g${i}`));
const namespaceOnly = make.structure('Application Specific Information', [
  { tag: Tag.ApplicationNamespace, type: ItemType.TextString, value: 'made-up' },
]);
export const taken = nameAttribute('taken');
const templateName = { name: [{ nameValue: 'no-such-template', nameType: 1 }] };
const superseded = { revocationReason: { revocationReasonCode: 5 } };

/** The row that most operations have: an object that is not there, and one that is archived (§11.11–11.37). */
export function absentAndArchived<O extends KnownOperation>(
  clause: string,
  operation: O,
  payload: (uniqueIdentifier: string, objects: Objects) => RequestOf<O>,
): Row[] {
  return [
    row(clause, operation, 'no such object', R.ItemNotFound, (o) => payload(NOBODY, o)),
    row(clause, operation, 'object is archived', R.ObjectArchived, (o) => payload(o.archived, o)),
  ];
}

export const comment = attribute('Comment', 'x');
export const rows: readonly Row[] = [
  row('11.2', Operation.Create, 'Object Type is not recognised', R.InvalidField, () => ({
    ...template(),
    objectType: 99,
  })),
  row('11.2', Operation.Create, 'templates that do not exist', R.ItemNotFound, () => ({
    objectType: ObjectType.SymmetricKey,
    templateAttribute: { ...templateName, attribute: aesKey },
  })),
  row('11.2', Operation.Create, 'incorrect attribute values', R.InvalidField, () =>
    template(make.text('Contact Information', 'a'), make.integer('Description', 3)),
  ),
  row('11.2', Operation.Create, 'an attribute that is the server’s', R.InvalidField, () =>
    template(attribute('State', 2)),
  ),
  row('11.2', Operation.Create, 'too many instances', R.IndexOutOfBounds, () => template(...many)),
  row('11.2', Operation.Create, 'a Name that is taken', R.InvalidField, () => template(taken)),
  row('11.2', Operation.Create, 'namespace', R.ApplicationNamespaceNotSupported, () =>
    template(namespaceOnly),
  ),
  row('11.4', Operation.Register, 'Object Type does not match', R.InvalidField, () => ({
    ...secret(),
    objectType: ObjectType.OpaqueObject,
  })),
  row('11.4', Operation.Register, 'incorrect attribute values', R.InvalidField, () =>
    secret(attribute('Certificate Type', 1)),
  ),
  row('11.4', Operation.Register, 'a Name that is taken', R.InvalidField, () => secret(taken)),
  row('11.4', Operation.Register, 'too many instances', R.IndexOutOfBounds, () => secret(...many)),
  row('11.4', Operation.Register, 'namespace', R.ApplicationNamespaceNotSupported, () =>
    secret(namespaceOnly),
  ),
  ...absentAndArchived('11.5', Operation.ReKey, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.5', Operation.ReKey, 'not able to be re-keyed', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.opaque,
  })),
  row('11.5', Operation.ReKey, 'Offset beside a date', R.InvalidMessage, (o) => ({
    uniqueIdentifier: o.active,
    offset: 1,
    templateAttribute: { attribute: [attribute('Activation Date', now())] },
  })),
  row('11.10', Operation.Locate, 'attributes that do not exist', R.InvalidField, () => ({
    attribute: [make.text('No Such Attribute', 'x')],
  })),
  ...absentAndArchived('11.11', Operation.Check, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.11', Operation.Check, 'may not be used as asked', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.key,
    cryptographicUsageMask: 1,
  })),
  ...absentAndArchived('11.12', Operation.Get, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.12', Operation.Get, 'only attributes are left', R.IllegalOperation, (o) => ({
    uniqueIdentifier: o.destroyed,
  })),
  row('11.12', Operation.Get, 'Key Format Type', R.KeyFormatTypeNotSupported, (o) => ({
    uniqueIdentifier: o.key,
    keyFormatType: KeyFormatType.X_509,
  })),
  row('11.12', Operation.Get, 'wrapping key does not exist', R.ItemNotFound, (o) => ({
    uniqueIdentifier: o.key,
    keyWrappingSpecification: {
      wrappingMethod: 1,
      encryptionKeyInformation: { uniqueIdentifier: NOBODY },
    },
  })),
  row('11.12', Operation.Get, 'cannot be used for wrapping', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.key,
    keyWrappingSpecification: {
      wrappingMethod: 1,
      encryptionKeyInformation: { uniqueIdentifier: o.active },
    },
  })),
  row('11.12', Operation.Get, 'object is Sensitive', R.Sensitive, (o) => ({ uniqueIdentifier: o.sensitive })),
  row('11.12', Operation.Get, 'object is not Extractable', R.NotExtractable, (o) => ({
    uniqueIdentifier: o.unextractable,
  })),
  ...absentAndArchived('11.13', Operation.GetAttributes, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.13', Operation.GetAttributes, 'the same name twice', R.InvalidMessage, (o) => ({
    uniqueIdentifier: o.key,
    attributeName: ['State', 'State'],
  })),
  ...absentAndArchived('11.14', Operation.GetAttributeList, (uniqueIdentifier) => ({ uniqueIdentifier })),
  ...absentAndArchived('11.15', Operation.AddAttribute, (uniqueIdentifier) => ({
    uniqueIdentifier,
    attribute: comment,
  })),
  ...(
    [
      ['a read-only attribute', attribute('State', 2), R.PermissionDenied],
      ['not supported for this object', attribute('Key Value Present', true), R.PermissionDenied],
      ['an attribute that exists', attribute('Cryptographic Usage Mask', 1), R.IllegalOperation],
      ['an Attribute Index', { ...comment, attributeIndex: 0 }, R.InvalidField],
      ['a Name that is taken', taken, R.IllegalOperation],
      ['namespace', namespaceOnly, R.ApplicationNamespaceNotSupported],
    ] as const
  ).map(([condition, given, reason]) =>
    row('11.15', Operation.AddAttribute, condition, reason, (o) => ({
      uniqueIdentifier: o.key,
      attribute: given,
    })),
  ),
  row('11.15', Operation.AddAttribute, 'of a destroyed object', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.destroyed,
    attribute: comment,
  })),
  ...absentAndArchived('11.16', Operation.ModifyAttribute, (uniqueIdentifier) => ({
    uniqueIdentifier,
    attribute: comment,
  })),
  ...(
    [
      ['an attribute that is not there', attribute('Description', 'x'), R.InvalidField],
      ['no such instance', { ...attribute('Object Group', 'x'), attributeIndex: 9 }, R.ItemNotFound],
      ['a read-only attribute', attribute('State', 2), R.PermissionDenied],
      ['a Name that is taken', taken, R.IllegalOperation],
    ] as const
  ).map(([condition, given, reason]) =>
    row('11.16', Operation.ModifyAttribute, condition, reason, (o) => ({
      uniqueIdentifier: o.active,
      attribute: given,
    })),
  ),
  ...absentAndArchived('11.17', Operation.DeleteAttribute, (uniqueIdentifier) => ({
    uniqueIdentifier,
    attributeName: 'Comment',
  })),
  ...(
    [
      ['a required attribute', 'State', R.PermissionDenied],
      ['no such attribute', 'No Such Attribute', R.ItemNotFound],
      ['an attribute that is not there', 'Description', R.ItemNotFound],
    ] as const
  ).map(([condition, attributeName, reason]) =>
    row('11.17', Operation.DeleteAttribute, condition, reason, (o) => ({
      uniqueIdentifier: o.active,
      attributeName,
    })),
  ),
  row('11.17', Operation.DeleteAttribute, 'no such instance', R.ItemNotFound, (o) => ({
    uniqueIdentifier: o.active,
    attributeName: 'Object Group',
    attributeIndex: 7,
  })),
  ...absentAndArchived('11.18', Operation.ObtainLease, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.18', Operation.ObtainLease, 'a lease is not permitted', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.destroyed,
  })),
  ...absentAndArchived('11.19', Operation.GetUsageAllocation, (uniqueIdentifier) => ({
    uniqueIdentifier,
    usageLimitsCount: 1n,
  })),
  row('11.19', Operation.GetUsageAllocation, 'no Usage Limits', R.IllegalOperation, (o) => ({
    uniqueIdentifier: o.active,
    usageLimitsCount: 1n,
  })),
  row('11.19', Operation.GetUsageAllocation, 'more than is left', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.limited,
    usageLimitsCount: 11n,
  })),
  ...absentAndArchived('11.20', Operation.Activate, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.20', Operation.Activate, 'not able to be activated', R.IllegalOperation, (o) => ({
    uniqueIdentifier: o.opaque,
  })),
  row('11.20', Operation.Activate, 'not Pre-Active', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.active,
  })),
  ...absentAndArchived('11.21', Operation.Revoke, (uniqueIdentifier) => ({
    uniqueIdentifier,
    ...superseded,
  })),
  row('11.21', Operation.Revoke, 'reason is not recognised', R.InvalidField, (o) => ({
    uniqueIdentifier: o.active,
    revocationReason: { revocationReasonCode: 99 },
  })),
  row('11.21', Operation.Revoke, 'not able to be revoked', R.IllegalOperation, (o) => ({
    uniqueIdentifier: o.key,
    ...superseded,
  })),
  ...absentAndArchived('11.22', Operation.Destroy, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.22', Operation.Destroy, 'destroyed already', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.destroyed,
  })),
  row('11.22', Operation.Destroy, 'Active', R.PermissionDenied, (o) => ({ uniqueIdentifier: o.active })),
  ...absentAndArchived('11.23', Operation.Archive, (uniqueIdentifier) => ({ uniqueIdentifier })),
  row('11.24', Operation.Recover, 'no such object', R.ItemNotFound, () => ({ uniqueIdentifier: NOBODY })),
  row('11.29', Operation.Poll, 'no such operation', R.ItemNotFound, () => ({
    asynchronousCorrelationValue: Uint8Array.of(1),
  })),
  ...absentAndArchived('11.30', Operation.Encrypt, (uniqueIdentifier) => ({
    uniqueIdentifier,
    data: Uint8Array.of(1),
  })),
  row('11.30', Operation.Encrypt, 'cannot be used for encryption', R.PermissionDenied, (o) => ({
    uniqueIdentifier: o.key,
    data: Uint8Array.of(1),
  })),
  ...absentAndArchived('11.31', Operation.Decrypt, (uniqueIdentifier) => ({
    uniqueIdentifier,
    data: Uint8Array.of(1),
  })),
  row('11.31', Operation.Decrypt, 'cryptographic error', R.CryptographicFailure, (o) => ({
    uniqueIdentifier: o.active,
    data: new Uint8Array(32),
    ivCounterNonce: new Uint8Array(12),
    authenticatedEncryptionTag: new Uint8Array(16),
  })),
];

/** Operations whose own tests walk their tables. */
export const ownTests: ReadonlySet<number> = new Set<number>([
  Operation.CreateKeyPair,
  Operation.RNGRetrieve,
  Operation.RNGSeed,
  Operation.Hash,
  Operation.CreateSplitKey,
  Operation.JoinSplitKey,
  Operation.Import,
]);
