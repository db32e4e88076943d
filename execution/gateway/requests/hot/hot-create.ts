/**
 * Create of a plain AES key (KMIP 1.4 §4.1): the request is read in one pass, and so are the key's record and the answer
 * written. The one wait is that for the commit (D6). What it makes is what operations/create.ts makes.
 */
import { randomUUID } from 'node:crypto';
import type { ServiceName } from '../../../../contracts/index.ts';
import { SecretBytes } from '../../../envelope/index.ts';
import {
  type Attribute,
  CryptographicAlgorithm,
  encodeTtlv,
  ItemType,
  KeyFormatType,
  ObjectType,
  Operation,
  operationName,
  structureItem,
  Tag,
} from '../../../kmip/index.ts';
import {
  forgetEncoding,
  type ManagedObject,
  make,
  materialDigest,
  nameAttribute,
  nowSeconds,
  ownGenerator,
  rememberEncoding,
  State,
  stateAt,
  VendorTag,
} from '../../../objects/index.ts';
import type { Lease } from '../../keys/held-lease.ts';
import type { GatewayMetrics } from '../../metrics.ts';
import { GatewayRefusal } from '../../refusals.ts';
import {
  bytesHead,
  dateHead,
  enumerationHead,
  fieldBytes,
  head,
  integerHead,
  NUMBER_BYTES,
  structureHead,
  textHead,
  Writer,
} from '../../ttlv-writer.ts';
import { Lent, type RequestContext, type Requester, type Services } from '../context.ts';
import type { Correlations } from '../correlation.ts';
import { store } from '../operations/create.ts';
import { answerBytes, beginAnswer } from './answer.ts';
import type { Scan } from './scan.ts';
import { type CreateScan, Kept, newCreateScan, scanCreate } from './scan-create.ts';

const MANAGED_OBJECT = structureHead(VendorTag.ManagedObject);
const UNIQUE_IDENTIFIER = textHead(Tag.UniqueIdentifier);
const TENANT = textHead(VendorTag.Tenant);
const SERVICE = textHead(VendorTag.Service);
const REVISION = head(VendorTag.Revision, ItemType.LongInteger);
const OBJECT_TYPE = enumerationHead(Tag.ObjectType);
const STATE = enumerationHead(Tag.State);
const INITIAL_DATE = dateHead(Tag.InitialDate);
const LAST_CHANGE_DATE = dateHead(Tag.LastChangeDate);
const ACTIVATION_DATE = dateHead(Tag.ActivationDate);
const ORIGINAL_CREATION_DATE = dateHead(Tag.OriginalCreationDate);
const USAGE_MASK = integerHead(Tag.CryptographicUsageMask);
const ALGORITHM = enumerationHead(Tag.CryptographicAlgorithm);
const LENGTH = integerHead(Tag.CryptographicLength);
const KEY_FORMAT_TYPE = enumerationHead(Tag.KeyFormatType);
const DIGEST = bytesHead(VendorTag.MaterialDigest);
const ENVELOPE = bytesHead(VendorTag.KeyEnvelope);

/** More than any record of this kind takes: texts are bounded, and so are their number. */
const MAX_RECORD_BYTES = 8_192;

const alwaysSensitive = make.boolean('Always Sensitive', true);
const neverExtractable = make.boolean('Never Extractable', true);
const encoded = new Map(
  [ownGenerator, alwaysSensitive, neverExtractable].map((one) => [one, encodedAttribute(one)]),
);

function encodedAttribute({ attributeName, attributeValue }: Attribute): Uint8Array {
  return encodeTtlv(
    structureItem(Tag.Attribute, [
      { tag: Tag.AttributeName, type: ItemType.TextString, value: attributeName },
      { ...attributeValue, tag: Tag.AttributeValue },
    ]),
  );
}

export interface HotCreateOptions {
  readonly services: Services;
  readonly metrics: GatewayMetrics;
  readonly correlations: Correlations;
  /** The answer to a Create that could not be made durable. */
  readonly failed: (message: Uint8Array, error: unknown, requester: Requester) => Uint8Array;
}

export class HotCreate {
  readonly #options: HotCreateOptions;
  readonly #create: CreateScan = newCreateScan();
  readonly #record = new Writer(Buffer.alloc(MAX_RECORD_BYTES));
  readonly #answer = new Writer(Buffer.alloc(0));

  constructor(options: HotCreateOptions) {
    this.#options = options;
  }

  /** The answer once the key is durable; undefined when the request is not for here, and nothing has happened then. */
  answer(bytes: Buffer, scan: Scan, requester: Requester): Promise<Uint8Array> | undefined {
    const startedAtMs = performance.now();
    const { services, metrics, correlations, failed } = this.#options;
    const { tenant, services: allowed, operations } = requester.identity;
    const [service] = allowed;
    if (service === undefined) return undefined;
    if (operations !== null && !operations.includes(operationName(Operation.Create))) return undefined;
    if (!scanCreate(bytes, scan, this.#create)) return undefined;
    // The general path says which of the two it is.
    if (services.store.keys.backlog >= services.backlogLimit || services.audit.isFull) return undefined;
    const lease = services.leases.current(tenant, service);
    if (lease === undefined) return undefined;
    const nowS = nowSeconds();
    const key = SecretBytes.random(this.#create.lengthBits / 8);
    let object: ManagedObject;
    try {
      object = this.#object(bytes, requester, service, key, lease, nowS);
    } catch (error) {
      key.wipe();
      // Nothing was spent where nothing is left to wrap with; the general path says so.
      if (error instanceof GatewayRefusal) return undefined;
      throw error;
    }
    const answer = this.#answered(bytes, scan, object.uid, nowS);
    const context: RequestContext = {
      services,
      requester,
      version: { major: 1, minor: scan.minor },
      nowS,
      correlationId: correlations.next(),
      lent: new Lent(),
      staged: undefined,
    };
    return store([object], context).then(
      () => {
        forgetEncoding(object);
        services.ring.keep(object, key);
        metrics.hot.took(Operation.Create, performance.now() - startedAtMs);
        return answer;
      },
      (error: unknown) => {
        key.wipe();
        return failed(bytes, error, requester);
      },
    );
  }

  #object(
    bytes: Buffer,
    { identity: { tenant } }: Requester,
    service: ServiceName,
    key: SecretBytes,
    lease: Lease,
    nowS: number,
  ): ManagedObject {
    const create = this.#create;
    const { lengthBits, usageMask, activationS } = create;
    const uid = randomUUID();
    const dates = {
      initial: nowS,
      lastChange: nowS,
      ...(activationS < 0 ? {} : { activation: activationS }),
      originalCreation: nowS,
    };
    const added = [
      ownGenerator,
      ...(create.sensitive === 1 ? [alwaysSensitive] : []),
      ...(create.extractable === 0 ? [neverExtractable] : []),
    ];
    const object: ManagedObject = {
      objectType: ObjectType.SymmetricKey,
      state: stateAt(State.PreActive, dates, nowS),
      dates,
      usageMask,
      cryptographicAlgorithm: CryptographicAlgorithm.AES,
      cryptographicLength: lengthBits,
      attributes: [...this.#kept(bytes), ...added],
      uid,
      tenant,
      service,
      keyFormatType: KeyFormatType.Raw,
      digest: key.use(materialDigest),
      wrapped: this.#options.services.ring.wrap(uid, key, lease),
      revision: 1,
    };
    rememberEncoding(object, this.#recordOf(object, bytes, added));
    return object;
  }

  /** As the general path keeps them: in the client's order. */
  #kept(bytes: Buffer): Attribute[] {
    const create = this.#create;
    const attributes: Attribute[] = [];
    for (let i = 0; i < create.kept; i++) {
      switch (create.keptKinds[i]) {
        case Kept.Name: {
          const { nameAt, nameLength, nameType } = create;
          attributes.push(nameAttribute(bytes.toString('latin1', nameAt, nameAt + nameLength), nameType));
          break;
        }
        case Kept.Sensitive:
          attributes.push(make.boolean('Sensitive', create.sensitive === 1));
          break;
        case Kept.Extractable:
          attributes.push(make.boolean('Extractable', create.extractable === 1));
          break;
        default: {
          const { groupAt, groupLength } = create;
          attributes.push(
            make.text('Object Group', bytes.toString('latin1', groupAt, groupAt + groupLength)),
          );
        }
      }
    }
    return attributes;
  }

  /** What `encodeObject` would give (execution/objects/codec.ts), field by field. */
  #recordOf(object: ManagedObject, bytes: Buffer, added: readonly Attribute[]): Uint8Array {
    const create = this.#create;
    const { dates, digest, wrapped } = object;
    if (digest === undefined || wrapped === null) throw new TypeError('a new key has both');
    const record = this.#record;
    record.at = 0;
    record.start(MANAGED_OBJECT, 0);
    record.text(UNIQUE_IDENTIFIER, object.uid);
    record.text(TENANT, object.tenant);
    record.text(SERVICE, object.service);
    record.long(REVISION, object.revision);
    record.number(OBJECT_TYPE, object.objectType);
    record.number(STATE, object.state);
    record.long(INITIAL_DATE, dates.initial);
    record.long(LAST_CHANGE_DATE, dates.lastChange);
    if (dates.activation !== undefined) record.long(ACTIVATION_DATE, dates.activation);
    record.long(ORIGINAL_CREATION_DATE, dates.initial);
    record.number(USAGE_MASK, object.usageMask);
    record.number(ALGORITHM, CryptographicAlgorithm.AES);
    record.number(LENGTH, create.lengthBits);
    record.number(KEY_FORMAT_TYPE, KeyFormatType.Raw);
    record.copy(DIGEST, digest, 0, digest.length);
    record.copy(ENVELOPE, wrapped, 0, wrapped.length);
    for (let i = 0; i < create.kept; i++)
      record.rawFrom(bytes, create.keptAt[i] ?? 0, create.keptLengths[i] ?? 0);
    for (const attribute of added) record.raw(encoded.get(attribute) ?? encodedAttribute(attribute));
    const size = record.at;
    record.at = 4;
    record.word(size - 8);
    return Uint8Array.from(record.out.subarray(0, size));
  }

  #answered(bytes: Buffer, scan: Scan, uid: string, nowS: number): Buffer {
    const fieldsBytes = NUMBER_BYTES + fieldBytes(uid.length);
    const answer = this.#answer;
    answer.place(Buffer.allocUnsafe(answerBytes(scan, fieldsBytes)), 0);
    beginAnswer(answer, bytes, scan, fieldsBytes, nowS);
    answer.number(OBJECT_TYPE, ObjectType.SymmetricKey);
    answer.text(UNIQUE_IDENTIFIER, uid);
    return answer.out;
  }
}
