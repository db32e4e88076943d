/**
 * A managed object as bytes, and back: TTLV, since that is what both planes' stores and the mesh speak. The key is in
 * it only as an envelope, so that the bytes are as secret as the attributes are, and no more.
 */
import { parseServiceName, parseTenantId } from '../../contracts/index.ts';
import {
  type Attribute,
  anyItem,
  bigInteger,
  byteString,
  dateTime,
  decodeTtlv,
  encodeTtlv,
  enumeration,
  type Infer,
  ItemType,
  integer,
  KmipError,
  keyWrappingData,
  longInteger,
  optional,
  ResultReason,
  repeated,
  required,
  structure,
  Tag,
  type Ttlv,
  type TtlvStructure,
  textString,
} from '../kmip/index.ts';
import { withIndexes } from './attribute-indexes.ts';
import { type ManagedObject, type ObjectDates, State } from './managed-object.ts';
import { VendorTag } from './vendor-tags.ts';

const attribute = structure(Tag.Attribute, {
  attributeName: required(Tag.AttributeName, textString),
  attributeIndex: optional(Tag.AttributeIndex, integer),
  attributeValue: required(Tag.AttributeValue, anyItem),
});

const revocationReason = structure(Tag.RevocationReason, {
  code: required(Tag.RevocationReasonCode, enumeration),
  message: optional(Tag.RevocationMessage, textString),
});

const splitKeyPart = structure(VendorTag.SplitKeyPart, {
  parts: required(Tag.SplitKeyParts, integer),
  identifier: required(Tag.KeyPartIdentifier, integer),
  threshold: required(Tag.SplitKeyThreshold, integer),
  method: required(Tag.SplitKeyMethod, enumeration),
  primeFieldSize: optional(Tag.PrimeFieldSize, bigInteger),
  secretBytes: optional(VendorTag.SecretBytes, integer),
});

/**
 * Fields in this order on the wire. Usable as a codec inside other structures. What is stored stays readable: fields are
 * added as optional ones, and none is ever changed or taken away.
 */
const schema = structure(VendorTag.ManagedObject, {
  uid: required(Tag.UniqueIdentifier, textString),
  tenant: required(VendorTag.Tenant, textString),
  service: required(VendorTag.Service, textString),
  revision: required(VendorTag.Revision, longInteger),
  objectType: required(Tag.ObjectType, enumeration),
  state: required(Tag.State, enumeration),
  initial: required(Tag.InitialDate, dateTime),
  lastChange: required(Tag.LastChangeDate, dateTime),
  activation: optional(Tag.ActivationDate, dateTime),
  processStart: optional(Tag.ProcessStartDate, dateTime),
  protectStop: optional(Tag.ProtectStopDate, dateTime),
  deactivation: optional(Tag.DeactivationDate, dateTime),
  compromiseOccurrence: optional(Tag.CompromiseOccurrenceDate, dateTime),
  compromise: optional(Tag.CompromiseDate, dateTime),
  destroy: optional(Tag.DestroyDate, dateTime),
  archive: optional(Tag.ArchiveDate, dateTime),
  originalCreation: optional(Tag.OriginalCreationDate, dateTime),
  usageMask: required(Tag.CryptographicUsageMask, integer),
  cryptographicAlgorithm: optional(Tag.CryptographicAlgorithm, enumeration),
  cryptographicLength: optional(Tag.CryptographicLength, integer),
  keyFormatType: optional(Tag.KeyFormatType, enumeration),
  keyCompressionType: optional(Tag.KeyCompressionType, enumeration),
  subtype: optional(VendorTag.Subtype, enumeration),
  revocationReason: optional(Tag.RevocationReason, revocationReason),
  digest: optional(VendorTag.MaterialDigest, byteString),
  wrapped: optional(VendorTag.KeyEnvelope, byteString),
  splitKey: optional(VendorTag.SplitKeyPart, splitKeyPart),
  keyWrappingData: optional(Tag.KeyWrappingData, keyWrappingData),
  attributes: repeated(Tag.Attribute, attribute),
});
type Wire = Infer<typeof schema>;

/**
 * Bytes of one object, for writing as for reading, so that nothing is stored that cannot be read again. Far above the
 * material and the attributes that a client may bring: a change of state always fits.
 */
export const MAX_OBJECT_BYTES = 256 * 1024;

/** What was stored or sent is not an object of ours: damaged, or of a later version. */
export class ObjectCodecError extends Error {
  readonly code = 'OKCM_OBJECT_MALFORMED';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ObjectCodecError';
  }
}

const states: readonly number[] = Object.values(State);
const dateNames = [
  'initial',
  'lastChange',
  'activation',
  'processStart',
  'protectStop',
  'deactivation',
  'compromiseOccurrence',
  'compromise',
  'destroy',
  'archive',
  'originalCreation',
] as const satisfies readonly (keyof ObjectDates)[];

/** Properties that are present; `exactOptionalPropertyTypes` tells an absent one from one that is undefined. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function toWire(object: ManagedObject): Wire {
  const { dates, wrapped, revision, attributes, ...rest } = object;
  return {
    ...rest,
    ...dates,
    revision: BigInt(revision),
    wrapped: wrapped ?? undefined,
    // An instance's index is its place in the list, so it is not stored.
    attributes: withIndexes(attributes),
  };
}

/** Byte strings come as views into the message; what is kept is copied, so that the message can go. */
function kept(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes);
}

function fromWire(wire: Wire): ManagedObject {
  if (!states.includes(wire.state)) throw new ObjectCodecError(`state ${wire.state} does not exist`);
  const revision = Number(wire.revision);
  if (!Number.isSafeInteger(revision) || revision < 0)
    throw new ObjectCodecError('the revision is out of range');
  const dates = Object.fromEntries(
    dateNames.filter((name) => wire[name] !== undefined).map((name) => [name, wire[name]]),
  ) as unknown as ObjectDates;
  const { cryptographicAlgorithm, cryptographicLength, keyFormatType, keyCompressionType, subtype } = wire;
  const { code, message } = wire.revocationReason ?? {};
  const { splitKey, keyWrappingData: wrapping } = wire;
  return {
    uid: wire.uid,
    tenant: parseTenantId(wire.tenant),
    service: parseServiceName(wire.service),
    objectType: wire.objectType,
    state: wire.state as State,
    dates,
    usageMask: wire.usageMask,
    ...present({ cryptographicAlgorithm, cryptographicLength, keyFormatType, keyCompressionType, subtype }),
    ...(code === undefined ? {} : { revocationReason: { code, ...present({ message }) } }),
    ...(wire.digest === undefined ? {} : { digest: kept(wire.digest) }),
    wrapped: wire.wrapped === undefined ? null : kept(wire.wrapped),
    ...(splitKey === undefined ? {} : { splitKey: present(splitKey) }),
    ...(wrapping === undefined ? {} : { keyWrappingData: keptFields(wrapping) }),
    attributes: (wire.attributes ?? []).map(
      (a): Attribute => ({ ...a, attributeValue: keptItem(a.attributeValue) }),
    ),
    revision,
  };
}

/** Copies of the byte strings that a decoded structure refers to, and of those inside it. */
export function keptFields<T extends object>(fields: T): T {
  const copy = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return kept(value);
    return typeof value === 'object' && value !== null ? keptFields(value) : value;
  };
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, copy(value)]),
  ) as T;
}

function keptItem(item: Ttlv): Ttlv {
  if (item.type === ItemType.Structure) return { ...item, value: item.value.map(keptItem) };
  return item.type === ItemType.ByteString ? { ...item, value: kept(item.value) } : item;
}

/** For use inside other structures (the mesh's announcements and pushes). Decoding throws ObjectCodecError or SchemaError. */
export const managedObjectCodec = {
  decode: (...args: Parameters<typeof schema.decode>): ManagedObject => fromWire(schema.decode(...args)),
  encode: (
    tag: number,
    object: ManagedObject,
    version: Parameters<typeof schema.encode>[2],
  ): TtlvStructure | Ttlv => schema.encode(tag, toWire(object), version),
} as const;

/** Objects never change, a change is another object: so that what one was read from, or written as, stays true of it. */
const encodings = new WeakMap<ManagedObject, Uint8Array>();

/** `bytes` are what `encodeObject` would give. For whoever has written them by another way; nobody changes them afterwards. */
export function rememberEncoding(object: ManagedObject, bytes: Uint8Array): void {
  encodings.set(object, bytes);
}

/** It is not needed any more: an object is kept longer than its record is. */
export function forgetEncoding(object: ManagedObject): void {
  encodings.delete(object);
}

/** Not to be changed: others may be given the same bytes. @throws KmipError Invalid Field past MAX_OBJECT_BYTES. */
export function encodeObject(object: ManagedObject): Uint8Array {
  const known = encodings.get(object);
  if (known !== undefined) return known;
  const bytes = encodeTtlv(schema.write(toWire(object)));
  if (bytes.length > MAX_OBJECT_BYTES) {
    throw new KmipError(
      ResultReason.InvalidField,
      `an object has at most ${MAX_OBJECT_BYTES} bytes with its attributes; this one has ${bytes.length}`,
    );
  }
  return bytes;
}

/** Throws ObjectCodecError for bytes that are no managed object. */
export function decodeObject(bytes: Uint8Array): ManagedObject {
  try {
    return fromWire(schema.read(decodeTtlv(bytes, { maxBytes: MAX_OBJECT_BYTES })));
  } catch (error) {
    if (error instanceof ObjectCodecError) throw error;
    throw new ObjectCodecError('the bytes are not a managed object', { cause: error });
  }
}
