/**
 * A message of the mesh whose payload ends with a list, and the entries of that list as they are stored: TTLV that is put
 * in without being read and written again.
 */
import { MeshCodecError } from './fields.ts';
import { MAX_MESH_MESSAGE_BYTES } from './limits.ts';

const HEADER_BYTES = 8;
/** Of the batch item, before its payload: a mesh request has no Unique Batch Item ID. */
const OPERATION_BYTES = 16;

/**
 * `message`: as `encodeMeshRequest` gives it. The parts become the last fields of its payload.
 *
 * @throws MeshCodecError past MAX_MESH_MESSAGE_BYTES
 */
export function withEncoded(message: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 0) return message;
  const whole = Buffer.concat([message, ...parts]);
  if (whole.length > MAX_MESH_MESSAGE_BYTES) {
    throw new MeshCodecError(`a message of the mesh has at most ${MAX_MESH_MESSAGE_BYTES} bytes`);
  }
  const added = whole.length - message.length;
  const itemAt = 2 * HEADER_BYTES + whole.readUInt32BE(HEADER_BYTES + 4);
  for (const at of [0, itemAt, itemAt + HEADER_BYTES + OPERATION_BYTES])
    whole.writeUInt32BE(whole.readUInt32BE(at + 4) + added, at + 4);
  return whole;
}
