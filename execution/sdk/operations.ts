/** The operations that applications use most, as calls: what they take in JavaScript, and what they give back. */
import {
  type Attribute,
  type AttributeName,
  type AttributeValueOf,
  attribute,
  attributeValue,
  type Call,
  CryptographicAlgorithm,
  type CryptographicParameters,
  CryptographicUsageMask,
  call,
  enumName,
  NameType,
  ObjectType,
  Operation,
  type ResponseOf,
  RevocationReasonCode,
  State,
} from '../kmip/index.ts';
import { SecretKey } from './data-keys/secret-key.ts';
import { OpenKcmError } from './errors.ts';

export interface CreateOptions {
  /** Unique among the tenant's living objects. */
  readonly name?: string | undefined;
  /** Default AES. */
  readonly algorithm?: keyof typeof CryptographicAlgorithm | undefined;
  /** Default 256. */
  readonly lengthBits?: number | undefined;
  /** What the key is for. Default: Encrypt and Decrypt. */
  readonly usage?: readonly (keyof typeof CryptographicUsageMask)[] | undefined;
  /**
   * When it becomes Active, and may be used. Default `now`: without an Activation Date KMIP makes a key that may not be
   * used before Activate (KMIP 1.4 §3.22, D6). `never` leaves the date out.
   */
  readonly activation?: Date | 'now' | 'never' | undefined;
  /** From then on it only decrypts. */
  readonly deactivation?: Date | undefined;
  /** Further attributes. */
  readonly attributes?: readonly Attribute[] | undefined;
}

/** A symmetric key in the clear. Wipe it when done: `using key = await kms.get(uid)`. */
export interface KeyMaterial extends Disposable {
  readonly algorithm: string;
  readonly lengthBits: number;
  readonly key: SecretKey;
}

export interface CipherOptions {
  /** Default: those of the key; AES without any: GCM, with a tag of 16 bytes and an IV that the gateway draws. */
  readonly parameters?: CryptographicParameters | undefined;
  /** Authenticated with the data and not encrypted: Decrypt must bring the same. */
  readonly additionalData?: Uint8Array | undefined;
}
export interface EncryptOptions extends CipherOptions {
  /** Whoever chooses it answers for it: never twice with the same key (D5). */
  readonly iv?: Uint8Array | undefined;
}

/** What Encrypt gives and Decrypt takes. Under `l3:` addresses everything is in `data`. */
export interface Ciphertext {
  readonly data: Uint8Array;
  readonly iv?: Uint8Array;
  readonly tag?: Uint8Array;
}

export interface LocateOptions {
  readonly name?: string | undefined;
  /** Default: objects of every type. */
  readonly objectType?: keyof typeof ObjectType | undefined;
  readonly state?: keyof typeof State | undefined;
  /** Further attributes that must be the same. */
  readonly attributes?: readonly Attribute[] | undefined;
  readonly maximumItems?: number | undefined;
  readonly offsetItems?: number | undefined;
}

export interface RevokeOptions {
  readonly message?: string | undefined;
  /** With the reasons KeyCompromise and CACompromise. */
  readonly compromisedAt?: Date | undefined;
}

/** The attributes of an object, in JavaScript values. */
export class ObjectAttributes {
  readonly all: readonly Attribute[];

  constructor(all: readonly Attribute[]) {
    this.all = all;
  }

  /** The first instance of a standard attribute; undefined when the object has none. */
  get<N extends AttributeName>(name: N): AttributeValueOf<N> | undefined {
    const found = this.all.find((each) => each.attributeName === name);
    return found === undefined ? undefined : attributeValue(found, name);
  }

  /** `Active`, `Deactivated`, …; undefined when State was not asked for. */
  get state(): string | undefined {
    const state = this.get('State');
    return state === undefined ? undefined : enumName(State, state);
  }

  /** The values of all its Names. */
  get names(): readonly string[] {
    return this.all
      .filter(({ attributeName }) => attributeName === 'Name')
      .map((each) => attributeValue(each, 'Name').nameValue);
  }
}

export const nameAttribute = (name: string): Attribute =>
  attribute('Name', { nameValue: name, nameType: NameType.UninterpretedTextString });

export const secondsOf = (date: Date): number => Math.floor(date.getTime() / 1000);

/** A client whose clock runs ahead of the gateway's would make keys that are not Active yet. */
const CLOCK_SKEW_S = 60;
const nowForAnyClock = (): number => secondsOf(new Date()) - CLOCK_SKEW_S;

/** KMIP 1.4 §4.1 */
export function createCall(options: CreateOptions = {}): Call<ResponseOf<typeof Operation.Create>> {
  const { name, algorithm = 'AES', lengthBits = 256, activation = 'now', deactivation } = options;
  const usage = options.usage ?? ['Encrypt', 'Decrypt'];
  const attributes = [
    attribute('Cryptographic Algorithm', CryptographicAlgorithm[algorithm]),
    attribute('Cryptographic Length', lengthBits),
    attribute(
      'Cryptographic Usage Mask',
      usage.reduce((mask, use) => mask | CryptographicUsageMask[use], 0),
    ),
  ];
  if (name !== undefined) attributes.push(nameAttribute(name));
  if (activation !== 'never')
    attributes.push(
      attribute('Activation Date', activation === 'now' ? nowForAnyClock() : secondsOf(activation)),
    );
  if (deactivation !== undefined) attributes.push(attribute('Deactivation Date', secondsOf(deactivation)));
  attributes.push(...(options.attributes ?? []));
  return call(Operation.Create, {
    objectType: ObjectType.SymmetricKey,
    templateAttribute: { attribute: attributes },
  });
}

/** KMIP 1.4 §4.11. @throws OpenKcmError INVALID_REQUEST when the object is no symmetric key. */
export function keyIn({ object }: ResponseOf<typeof Operation.Get>): KeyMaterial {
  const keyBlock = object.objectType === ObjectType.SymmetricKey ? object.keyBlock : undefined;
  const keyValue = keyBlock?.keyValue;
  const material =
    keyValue === undefined || keyValue instanceof Uint8Array ? undefined : keyValue.keyMaterial;
  if (!(material instanceof Uint8Array)) {
    throw new OpenKcmError('INVALID_REQUEST', 'Get: the object is no symmetric key in the clear', {
      operation: 'Get',
      hint: 'ask for it by request(Operation.Get, …), which gives every kind of object as it is',
    });
  }
  const lengthBits = material.length * 8;
  const key = SecretKey.take(material);
  return {
    algorithm: enumName(CryptographicAlgorithm, keyBlock?.cryptographicAlgorithm ?? 0),
    lengthBits,
    key,
    [Symbol.dispose]: () => key.wipe(),
  };
}

/** KMIP 1.4 §4.29 */
export function encryptCall(
  uniqueIdentifier: string,
  data: Uint8Array,
  { iv, additionalData, parameters }: EncryptOptions,
): Call<ResponseOf<typeof Operation.Encrypt>> {
  return call(Operation.Encrypt, {
    uniqueIdentifier,
    ...(parameters === undefined ? {} : { cryptographicParameters: parameters }),
    data,
    ...(iv === undefined ? {} : { ivCounterNonce: iv }),
    ...(additionalData === undefined ? {} : { authenticatedEncryptionAdditionalData: additionalData }),
  });
}

export function ciphertextIn(answer: ResponseOf<typeof Operation.Encrypt>): Ciphertext {
  const { data = new Uint8Array(), ivCounterNonce: iv, authenticatedEncryptionTag: tag } = answer;
  return { data, ...(iv === undefined ? {} : { iv }), ...(tag === undefined ? {} : { tag }) };
}

/** KMIP 1.4 §4.30 */
export function decryptCall(
  uniqueIdentifier: string,
  { data, iv, tag }: Ciphertext,
  { additionalData, parameters }: CipherOptions,
): Call<ResponseOf<typeof Operation.Decrypt>> {
  return call(Operation.Decrypt, {
    uniqueIdentifier,
    ...(parameters === undefined ? {} : { cryptographicParameters: parameters }),
    data,
    ...(iv === undefined ? {} : { ivCounterNonce: iv }),
    ...(additionalData === undefined ? {} : { authenticatedEncryptionAdditionalData: additionalData }),
    ...(tag === undefined ? {} : { authenticatedEncryptionTag: tag }),
  });
}

/** KMIP 1.4 §4.9 */
export function locateCall(options: LocateOptions): Call<ResponseOf<typeof Operation.Locate>> {
  const { name, objectType, state, maximumItems, offsetItems } = options;
  const wanted: Attribute[] = [];
  if (objectType !== undefined) wanted.push(attribute('Object Type', ObjectType[objectType]));
  if (name !== undefined) wanted.push(nameAttribute(name));
  if (state !== undefined) wanted.push(attribute('State', State[state]));
  return call(Operation.Locate, {
    ...(maximumItems === undefined ? {} : { maximumItems }),
    ...(offsetItems === undefined ? {} : { offsetItems }),
    attribute: [...wanted, ...(options.attributes ?? [])],
  });
}

/** KMIP 1.4 §4.20 */
export function revokeCall(
  uniqueIdentifier: string,
  reason: keyof typeof RevocationReasonCode,
  { message, compromisedAt }: RevokeOptions,
): Call<ResponseOf<typeof Operation.Revoke>> {
  return call(Operation.Revoke, {
    uniqueIdentifier,
    revocationReason: {
      revocationReasonCode: RevocationReasonCode[reason],
      ...(message === undefined ? {} : { revocationMessage: message }),
    },
    ...(compromisedAt === undefined ? {} : { compromiseOccurrenceDate: secondsOf(compromisedAt) }),
  });
}
