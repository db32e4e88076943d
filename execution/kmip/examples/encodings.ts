/** One message in three encodings: what a protocol analyser, a log viewer or a test needs. */
import {
  decodeJson,
  decodeTtlv,
  decodeXml,
  encodeJson,
  encodeTtlv,
  encodeXml,
  readRequest,
} from '../index.ts';

/** From any encoding to all of them; and the operations that it asks for, if it is a request. */
export function translate(message: Uint8Array | string): {
  ttlv: Uint8Array;
  xml: string;
  json: string;
} {
  const tree = treeOf(message);
  return { ttlv: encodeTtlv(tree), xml: encodeXml(tree), json: encodeJson(tree) };
}

export function operationsIn(message: Uint8Array | string): readonly number[] {
  return readRequest(treeOf(message)).items.map(({ operation }) => operation);
}

function treeOf(message: Uint8Array | string) {
  if (typeof message !== 'string') return decodeTtlv(message);
  return message.trimStart().startsWith('<') ? decodeXml(message) : decodeJson(message);
}
