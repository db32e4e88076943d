/**
 * A key ceremony (D2): the unseal key is split, each share is encrypted to its holder's age recipient, and a signed
 * manifest says what was handed out. No plain share leaves this function.
 */
import { type KeyObject, randomUUID } from 'node:crypto';
import { armor, Encrypter } from 'age-encryption';
import { Value } from 'typebox/value';
import type { SecretBytes } from '../../../envelope/index.ts';
import { KeychainError } from '../../errors.ts';
import type { SealBinding } from '../seal-provider.ts';
import { blobSchema, decodeBlob, encodeBlob } from '../seals/blob.ts';
import { ShareError } from './errors.ts';
import {
  AgeRecipient,
  regionFingerprint,
  type ShareManifest,
  SignedManifest,
  sha256,
  signManifest,
  verifyManifest,
} from './manifest.ts';
import { encodeShare, HolderName } from './share.ts';
import { checkBounds, splitKey } from './split.ts';

export const SHAMIR_SEAL_KIND = 'shamir';

export interface Holder {
  readonly name: string;
  /** `age1…` */
  readonly recipient: string;
}

export interface CeremonyPlan {
  /** One share each, in this order. */
  readonly holders: readonly Holder[];
  readonly threshold: number;
}

export interface EncryptedShare {
  readonly index: number;
  readonly holder: string;
  /** An armoured age file. */
  readonly file: string;
}

export interface Ceremony {
  readonly signed: SignedManifest;
  readonly shares: readonly EncryptedShare[];
  /** What the region keeps: the manifest. The shares themselves are with their holders, and nowhere else. */
  readonly blob: Uint8Array;
}

const Blob = blobSchema(SHAMIR_SEAL_KIND, { signed: SignedManifest });

/** @throws ShareError INVALID_PLAN */
export async function holdCeremony(
  unsealKey: SecretBytes,
  binding: SealBinding,
  plan: CeremonyPlan,
  ceremonyKey: KeyObject,
): Promise<Ceremony> {
  checkPlan(plan);
  const { cluster, region } = binding;
  const { holders, threshold } = plan;
  const setId = randomUUID();
  const plain = await splitKey(unsealKey, holders.length, threshold);
  try {
    const shares: EncryptedShare[] = [];
    const entries: ShareManifest['shares'] = [];
    for (const [at, { name: holder, recipient }] of holders.entries()) {
      const bytes = plain[at];
      if (bytes === undefined) throw new RangeError('fewer shares than holders');
      const index = at + 1;
      const text = encodeShare({ cluster, region, setId, index, holder, bytes });
      const file = await encryptTo(recipient, text).finally(() => text.fill(0));
      shares.push({ index, holder, file });
      entries.push({
        index,
        holder,
        recipient,
        shareSha256: bytes.use(sha256),
        encryptedSha256: sha256(file),
      });
    }
    const signed = signManifest(
      {
        setId,
        cluster,
        region,
        regionFingerprint: regionFingerprint(binding),
        threshold,
        createdAt: new Date().toISOString(),
        shares: entries,
      },
      ceremonyKey,
    );
    return { signed, shares, blob: encodeBlob(SHAMIR_SEAL_KIND, { signed }) };
  } finally {
    for (const share of plain) share.wipe();
  }
}

/** The manifest of the shares that open the region. @throws KeychainError SEAL_REJECTED, RECORD_REJECTED. */
export function readManifest(blob: Uint8Array, binding: SealBinding): ShareManifest {
  const { signed } = decodeBlob(Blob, blob);
  try {
    return verifyManifest(signed, binding);
  } catch (cause) {
    throw new KeychainError('RECORD_REJECTED', 'manifest of the shares', { cause });
  }
}

/** @throws ShareError INVALID_PLAN */
export function checkPlan({ holders, threshold }: CeremonyPlan): void {
  checkBounds(holders.length, threshold);
  const seen = new Set<string>();
  for (const { name, recipient } of holders) {
    if (!Value.Check(HolderName, name))
      throw new ShareError('INVALID_PLAN', 'a name has up to 64 of A-Z a-z 0-9 . _ @ -');
    if (!Value.Check(AgeRecipient, recipient)) {
      throw new ShareError('INVALID_PLAN', `${name} has no X25519 recipient of age (age1…)`);
    }
    // Two shares with one holder would be a threshold that is one lower than it says.
    for (const what of [name.toLowerCase(), recipient]) {
      if (seen.has(what)) throw new ShareError('INVALID_PLAN', `${name} is there twice`);
      seen.add(what);
    }
  }
}

async function encryptTo(recipient: string, text: Uint8Array): Promise<string> {
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    throw new ShareError('INVALID_PLAN', `${recipient} is mistyped`, { cause });
  }
  return armor.encode(await encrypter.encrypt(text));
}

/** The seal of a region by shares has no way to open by itself. */
export function sharesNeeded(manifest: ShareManifest, provided: number): KeychainError {
  return new KeychainError('SHARES_NEEDED', `${provided} of ${manifest.threshold}`);
}
