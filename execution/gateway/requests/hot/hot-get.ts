/** Get of an L4 in the clear, as Raw (KMIP 1.4 §4.11). */
import { KeyFormatType, Tag } from '../../../kmip/index.ts';
import type { HeldKey } from '../../keys/key-cache.ts';
import {
  bytesHead,
  enumerationHead,
  fieldBytes,
  integerHead,
  NUMBER_BYTES,
  structureHead,
  textHead,
} from '../../ttlv-writer.ts';
import type { Requester, Services } from '../context.ts';
import type { Correlations } from '../correlation.ts';
import type { Exchange } from './exchange.ts';
import { plainOf } from './plain.ts';

const OBJECT_TYPE = enumerationHead(Tag.ObjectType);
const UNIQUE_IDENTIFIER = textHead(Tag.UniqueIdentifier);
const SYMMETRIC_KEY = structureHead(Tag.SymmetricKey);
const KEY_BLOCK = structureHead(Tag.KeyBlock);
const KEY_FORMAT_TYPE = enumerationHead(Tag.KeyFormatType);
const KEY_VALUE = structureHead(Tag.KeyValue);
const KEY_MATERIAL = bytesHead(Tag.KeyMaterial);
const ALGORITHM = enumerationHead(Tag.CryptographicAlgorithm);
const LENGTH = integerHead(Tag.CryptographicLength);

/** Whether it was answered. No key leaves without an entry in the trail. */
export function answerGet(
  exchange: Exchange,
  { audit }: Services,
  correlations: Correlations,
  { object, key }: HeldKey,
  requester: Requester,
): boolean {
  if (!plainOf(object).leaves || audit.isFull) return false;
  const { objectType, cryptographicAlgorithm, cryptographicLength } = object;
  if (cryptographicAlgorithm === undefined || cryptographicLength === undefined) return false;
  const { bytes, scan, writer } = exchange;
  const { uidAt, uidLength } = scan;
  const keyValueBytes = fieldBytes(key.sizeBytes);
  const keyBlockBytes = NUMBER_BYTES + 8 + keyValueBytes + 2 * NUMBER_BYTES;
  if (!exchange.begin(NUMBER_BYTES + fieldBytes(uidLength) + 8 + 8 + keyBlockBytes)) return false;
  writer.number(OBJECT_TYPE, objectType);
  writer.copy(UNIQUE_IDENTIFIER, bytes, uidAt, uidLength);
  writer.start(SYMMETRIC_KEY, 8 + keyBlockBytes);
  writer.start(KEY_BLOCK, keyBlockBytes);
  writer.number(KEY_FORMAT_TYPE, KeyFormatType.Raw);
  writer.start(KEY_VALUE, keyValueBytes);
  exchange.isSecret = true;
  key.use((secret) => writer.copy(KEY_MATERIAL, secret, 0, secret.length));
  writer.number(ALGORITHM, cryptographicAlgorithm);
  writer.number(LENGTH, cryptographicLength);
  audit.noteRead(object.uid, requester, correlations.nextNumber());
  return true;
}
