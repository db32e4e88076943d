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
 * eight bytes each, big-endian; behind `before`, if it is given. @throws RangeError when a field is out of bounds: a
 * mistake of the caller.
 */
export function encodeContext(context: EnvelopeContext, before?: Uint8Array): Buffer {
  const { region, tenant, service, level, objectId, version, revision } = context;
  const texts = [LABEL, region, tenant, service, level, objectId];
  const start = before?.length ?? 0;
  let size = start + 16;
  for (const text of texts) {
    const bytes = Buffer.byteLength(text, 'utf8');
    if (bytes > MAX_FIELD_BYTES) throw new RangeError(`a context field has at most ${MAX_FIELD_BYTES} bytes`);
    size += 2 + bytes;
  }
  const out = Buffer.alloc(size);
  if (before !== undefined) out.set(before);
  let at = start;
  for (const text of texts) {
    const bytes = out.write(text, at + 2, 'utf8');
    at = out.writeUInt16BE(bytes, at) + bytes;
  }
  writeCount(out, revision, writeCount(out, version, at));
  return out;
}

function writeCount(out: Buffer, value: number, at: number): number {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError('version and revision are whole numbers');
  return out.writeUInt32BE(value >>> 0, out.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at));
}

/** An L4 or any other managed object, as gateway and core both wrap it under the service's L3. Its UID is its identity. */
export function objectContext(region: string, tenant: string, service: string, uid: string): EnvelopeContext {
  return { region, tenant, service, level: 'L4', objectId: uid, version: 1, revision: 1 };
}
