/**
 * A share as its holder has it once it is decrypted: one line of JSON that says where it belongs, so that a wrong one
 * can be named. What it says of itself is checked against the manifest; only its bytes are secret.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { SecretBytes } from '../../../envelope/index.ts';
import { ShareError } from './errors.ts';
import { MAX_SHARES, SHARE_BYTES } from './split.ts';

export const MAX_SHARE_TEXT_BYTES = 2048;
const FORMAT = 'openkcm/share/v1';

export interface ShareHead {
  readonly cluster: string;
  readonly region: string;
  readonly setId: string;
  /** From 1, as in the manifest. */
  readonly index: number;
  readonly holder: string;
}

export interface Share extends ShareHead {
  readonly bytes: SecretBytes;
}

/** A holder's name: it stands in logs, file names and manifests. */
export const HolderName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$' });
const Label = Type.String({ minLength: 1, maxLength: 63 });
const ShareText = Type.Object(
  {
    format: Type.Literal(FORMAT),
    cluster: Label,
    region: Label,
    setId: Type.String({ pattern: '^[0-9a-f-]{36}$' }),
    index: Type.Integer({ minimum: 1, maximum: MAX_SHARES }),
    holder: HolderName,
    share: Type.String({ pattern: '^[A-Za-z0-9_-]{44}$' }),
  },
  { additionalProperties: false },
);

/** To be encrypted to the holder at once; the caller overwrites it. */
export function encodeShare({ cluster, region, setId, index, holder, bytes }: Share): Uint8Array {
  const share = bytes.use((plain) =>
    Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString('base64url'),
  );
  const text = JSON.stringify({ format: FORMAT, cluster, region, setId, index, holder, share });
  return new TextEncoder().encode(`${text}\n`);
}

/** The caller wipes the bytes. @throws ShareError MALFORMED_SHARE, which quotes nothing. */
export function decodeShare(text: string): Share {
  const value = parsed(text);
  if (!Value.Check(ShareText, value)) throw new ShareError('MALFORMED_SHARE');
  const bytes = SecretBytes.take(Buffer.from(value.share, 'base64url'));
  if (bytes.sizeBytes !== SHARE_BYTES) {
    bytes.wipe();
    throw new ShareError('MALFORMED_SHARE');
  }
  const { cluster, region, setId, index, holder } = value;
  return { cluster, region, setId, index, holder, bytes };
}

/** How people are told which share is meant. */
export function nameShare({ index, holder }: Pick<ShareHead, 'index' | 'holder'>): string {
  return `share ${index} (${holder})`;
}

function parsed(text: string): unknown {
  if (text.length > MAX_SHARE_TEXT_BYTES) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
