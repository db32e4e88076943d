/**
 * Numbers of key versions, compactly: living versions of one key are mostly neighbours, and there may be thousands. A
 * Byte String of runs, each its first and its last number (4 bytes each, big-endian), ascending, with a gap between.
 */
import { type Codec, ItemType } from '../kmip/index.ts';
import { MeshCodecError } from './fields.ts';
import { MAX_LIVING_VERSIONS } from './limits.ts';

const NUMBER_BYTES = 4;
const RUN_BYTES = 2 * NUMBER_BYTES;

/** The runs of a list, which comes out ascending and without repetitions. @throws RangeError: a mistake of the caller. */
export function encodeVersions(versions: readonly number[]): Uint8Array {
  const sorted = [...new Set(versions)].sort((a, b) => a - b);
  const runs: { first: number; last: number }[] = [];
  for (const version of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && version === run.last + 1) run.last = version;
    else runs.push({ first: version, last: version });
  }
  const bytes = Buffer.alloc(runs.length * RUN_BYTES);
  for (const [index, { first, last }] of runs.entries()) {
    bytes.writeUInt32BE(first, index * RUN_BYTES);
    bytes.writeUInt32BE(last, index * RUN_BYTES + NUMBER_BYTES);
  }
  return bytes;
}

/** @throws MeshCodecError */
function decodeVersions(bytes: Uint8Array): readonly number[] {
  if (bytes.byteLength % RUN_BYTES !== 0) throw new MeshCodecError('a list of versions is cut off');
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const versions: number[] = [];
  let before = -1;
  for (let at = 0; at < buffer.length; at += RUN_BYTES) {
    const first = buffer.readUInt32BE(at);
    const last = buffer.readUInt32BE(at + NUMBER_BYTES);
    if (first < 1 || first <= before + 1 || last < first) {
      throw new MeshCodecError('a list of versions is out of order');
    }
    // Asked before the run is written out: eight bytes can name four billion versions.
    if (versions.length + (last - first + 1) > MAX_LIVING_VERSIONS) {
      throw new MeshCodecError(`more than ${MAX_LIVING_VERSIONS} versions`);
    }
    for (let version = first; version <= last; version++) versions.push(version);
    before = last;
  }
  return versions;
}

/** An ascending list of at most MAX_LIVING_VERSIONS numbers from 1. */
export const versionList: Codec<readonly number[]> = {
  decode(item) {
    if (item.type !== ItemType.ByteString) throw new MeshCodecError('a list of versions is a Byte String');
    return decodeVersions(item.value);
  },
  encode: (tag, versions) => ({ tag, type: ItemType.ByteString, value: encodeVersions(versions) }),
};
