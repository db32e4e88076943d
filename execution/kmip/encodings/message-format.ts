/** The three encodings of a message and their media types (KMIP Profiles 1.4 §5.3.4). */
import { decodeTtlv } from '../ttlv/decode.ts';
import { encodeTtlv } from '../ttlv/encode.ts';
import type { Ttlv } from '../ttlv/item.ts';
import type { TtlvLimits } from '../ttlv/limits.ts';
import { decodeJson, encodeJson } from './json.ts';
import { decodeXml, encodeXml } from './xml.ts';

export type MessageEncoding = 'ttlv' | 'xml' | 'json';

export type MessageFormat = {
  readonly encoding: MessageEncoding;
  /** What is sent as Content-Type; the first one that is understood. */
  readonly mediaTypes: readonly [string, ...string[]];
  readonly decode: (bytes: Uint8Array, limits?: Partial<TtlvLimits>) => Ttlv;
  readonly encode: (tree: Ttlv, limits?: Partial<TtlvLimits>) => Uint8Array;
};

export const messageFormats: Readonly<Record<MessageEncoding, MessageFormat>> = {
  ttlv: {
    encoding: 'ttlv',
    mediaTypes: ['application/octet-stream'],
    decode: decodeTtlv,
    encode: encodeTtlv,
  },
  xml: {
    encoding: 'xml',
    mediaTypes: ['text/xml', 'application/xml'],
    decode: decodeXml,
    encode: (tree, limits) => Buffer.from(encodeXml(tree, limits)),
  },
  json: {
    encoding: 'json',
    mediaTypes: ['application/json'],
    decode: decodeJson,
    encode: (tree, limits) => Buffer.from(encodeJson(tree, limits)),
  },
};

const byMediaType = new Map(
  Object.values(messageFormats).flatMap((format) => format.mediaTypes.map((type) => [type, format] as const)),
);

/** The format that a Content-Type names; undefined for others, and for text in another character set than UTF-8. */
export function formatOfContentType(contentType: string | undefined): MessageFormat | undefined {
  const [mediaType = '', ...parameters] = (contentType ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase());
  const isUtf8 = parameters.every(
    (each) => !each.startsWith('charset') || /^charset="?(?:utf-8|us-ascii)"?$/.test(each),
  );
  return isUtf8 ? byMediaType.get(mediaType) : undefined;
}
