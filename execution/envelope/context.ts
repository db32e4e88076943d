/**
 * What a wrapped thing is bound to (D4). The reader computes the context from what it asked for and never reads it
 * back from the record, so that a record put in another one's place, or an older one put back, does not open.
 */

export interface EnvelopeContext {
  readonly region: string;
  /** Empty for what belongs to the region as a whole. */
  readonly tenant: string;
  /** Empty above L3. */
  readonly service: string;
  /** What kind of thing it is: `master-key`, `ivk`, `L2`, `L3`, `L4` … */
  readonly level: string;
  readonly objectId: string;
  /** Which material, from 1. */
  readonly version: number;
  /** How many times this same material has been wrapped, from 1. */
  readonly revision: number;
}

const LABEL = 'openkcm/context/v1';
const MAX_FIELD_BYTES = 512;

/**
 * Label and the five texts as UTF-8, each after its length (two bytes, big-endian), then version and revision as
 * eight bytes each, big-endian. @throws RangeError when a field is out of bounds: a mistake of the caller.
 */
export function encodeContext(context: EnvelopeContext): Buffer {
  const texts = [LABEL, context.region, context.tenant, context.service, context.level, context.objectId].map(
    (text) => Buffer.from(text, 'utf8'),
  );
  const out = Buffer.alloc(texts.reduce((size, text) => size + 2 + text.length, 16));
  let at = 0;
  for (const text of texts) {
    if (text.length > MAX_FIELD_BYTES)
      throw new RangeError(`a context field has at most ${MAX_FIELD_BYTES} bytes`);
    at = out.writeUInt16BE(text.length, at);
    at += text.copy(out, at);
  }
  for (const number of [context.version, context.revision]) {
    if (!Number.isSafeInteger(number) || number < 0)
      throw new RangeError('version and revision are whole numbers');
    at = out.writeBigUInt64BE(BigInt(number), at);
  }
  return out;
}

/** An L4 or any other managed object, as gateway and core both wrap it under the service's L3. Its UID is its identity. */
export function objectContext(region: string, tenant: string, service: string, uid: string): EnvelopeContext {
  return { region, tenant, service, level: 'L4', objectId: uid, version: 1, revision: 1 };
}
