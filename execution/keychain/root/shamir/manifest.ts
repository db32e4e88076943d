/**
 * The manifest of a set of shares: who holds which, how many are needed, and the SHA-256 of each share, plain and
 * encrypted, so that a wrong share is caught before it is combined. Signed by the region's ceremony key; it holds no
 * secret, since a share is 32 random bytes that no digest gives away.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { SealBinding } from '../seal-provider.ts';
import { bindingBytes } from '../seals/blob.ts';
import { ShareError } from './errors.ts';
import { HolderName } from './share.ts';
import { MAX_SHARES, MIN_THRESHOLD } from './split.ts';

const FORMAT = 'openkcm/share-manifest/v1';
/** What is signed begins with this, so that the signature can mean nothing else. */
const SIGNATURE_LABEL = `${FORMAT}\n`;

const closed = { additionalProperties: false } as const;
const Label = Type.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$' });
const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** X25519, as `age-keygen` prints it. */
export const AgeRecipient = Type.String({ pattern: '^age1[02-9ac-hj-np-z]{58}$' });

export const ManifestEntry = Type.Object(
  {
    index: Type.Integer({ minimum: 1, maximum: MAX_SHARES }),
    holder: HolderName,
    recipient: AgeRecipient,
    /** Of the share's 33 bytes. */
    shareSha256: Digest,
    /** Of the encrypted file, as it is handed out. */
    encryptedSha256: Digest,
  },
  closed,
);
export type ManifestEntry = Static<typeof ManifestEntry>;

export const ShareManifest = Type.Object(
  {
    format: Type.Literal(FORMAT),
    setId: Type.String({ pattern: '^[0-9a-f-]{36}$' }),
    cluster: Label,
    region: Label,
    regionFingerprint: Digest,
    threshold: Type.Integer({ minimum: MIN_THRESHOLD, maximum: MAX_SHARES }),
    createdAt: Type.String({ pattern: '^[0-9]{4}-[0-9T:.-]{10,20}Z$' }),
    shares: Type.Array(ManifestEntry, { minItems: MIN_THRESHOLD, maxItems: MAX_SHARES }),
    /** The region's ceremony key, Ed25519, SPKI in base64. Its fingerprint is what holders compare. */
    ceremonyKey: Type.String({ pattern: '^[A-Za-z0-9+/]{59}=$' }),
  },
  closed,
);
export type ShareManifest = Static<typeof ShareManifest>;

export const SignedManifest = Type.Object(
  { manifest: ShareManifest, signature: Type.String({ pattern: '^[A-Za-z0-9+/]{86}==$' }) },
  closed,
);
export type SignedManifest = Static<typeof SignedManifest>;

export function signManifest(
  manifest: Omit<ShareManifest, 'format' | 'ceremonyKey'>,
  privateKey: KeyObject,
): SignedManifest {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const whole: ShareManifest = { format: FORMAT, ...manifest, ceremonyKey: publicKey.toString('base64') };
  return { manifest: whole, signature: sign(null, signedBytes(whole), privateKey).toString('base64') };
}

/**
 * A manifest that is whole, signed by the key that it names, and of this region. Whether that key is the region's is
 * for people to compare, by `ceremonyFingerprint`.
 * @throws ShareError MANIFEST_REJECTED
 */
export function verifyManifest(value: unknown, binding: SealBinding): ShareManifest {
  if (!Value.Check(SignedManifest, value)) throw new ShareError('MANIFEST_REJECTED');
  const { manifest, signature } = value;
  const key = publicKeyOf(manifest.ceremonyKey);
  const isWhole =
    key?.asymmetricKeyType === 'ed25519' &&
    verify(null, signedBytes(manifest), key, Buffer.from(signature, 'base64')) &&
    manifest.cluster === binding.cluster &&
    manifest.region === binding.region &&
    manifest.regionFingerprint === regionFingerprint(binding) &&
    manifest.threshold <= manifest.shares.length &&
    manifest.shares.every(({ index }, at) => index === at + 1);
  if (!isWhole) throw new ShareError('MANIFEST_REJECTED');
  return manifest;
}

/** Hex SHA-256 over cluster and region. */
export function regionFingerprint(binding: SealBinding): string {
  return sha256(bindingBytes(binding));
}

/** Hex SHA-256 of the public ceremony key, for people to compare. */
export function ceremonyFingerprint({ ceremonyKey }: Pick<ShareManifest, 'ceremonyKey'>): string {
  return sha256(Buffer.from(ceremonyKey, 'base64'));
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** In an order of our own: a manifest that was stored and read back may have its fields in another. */
function signedBytes(manifest: ShareManifest): Buffer {
  const {
    setId,
    cluster,
    region,
    regionFingerprint: fingerprint,
    threshold,
    createdAt,
    ceremonyKey,
  } = manifest;
  const shares = manifest.shares.map((entry) => [
    entry.index,
    entry.holder,
    entry.recipient,
    entry.shareSha256,
    entry.encryptedSha256,
  ]);
  const fields = [setId, cluster, region, fingerprint, threshold, createdAt, ceremonyKey, shares];
  return Buffer.from(SIGNATURE_LABEL + JSON.stringify(fields), 'utf8');
}

function publicKeyOf(spki: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki, 'base64'), type: 'spki', format: 'der' });
  } catch {
    return undefined;
  }
}
