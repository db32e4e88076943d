/**
 * How leased L3 keys travel to a gateway (D3): one fresh lease key, sealed by HPKE to the gateway process's own key, and
 * each L3 version in an envelope under it. HPKE costs milliseconds and an envelope microseconds, and a service may have
 * thousands of versions. Neither side keeps the lease key, and no L3 leaves its slot but as ciphertext.
 */
import { hpkeInfo } from '../../contracts/sealing.ts';
import type { EnvelopeContext } from './context.ts';
import { KEY_BYTES, type ParentKey, ParentKind } from './envelope.ts';
import { EnvelopeError } from './errors.ts';
import { type HpkeMessage, openWith, sealTo } from './hpke.ts';
import { SecretBytes } from './secret.ts';
import { WrapSession } from './wrap-session.ts';

/** Whose lease it is. */
export interface LeasePlace {
  readonly region: string;
  readonly tenant: string;
  readonly service: string;
}

export interface SealedLease {
  /** The lease key. */
  readonly leaseKey: HpkeMessage;
  readonly keys: readonly { readonly version: number; readonly sealed: Uint8Array }[];
}

/**
 * Has read every key by the time it returns its promise, so that borrowed ones may be wiped from then on.
 * @throws SealingError when the public key is not usable; SecretWipedError.
 */
export async function sealLeasedKeys(
  publicKey: Uint8Array,
  place: LeasePlace,
  keys: readonly { readonly version: number; readonly key: SecretBytes }[],
): Promise<SealedLease> {
  using leaseKey = SecretBytes.random(KEY_BYTES);
  const sealed = sealAll(leaseKey, place, keys);
  return { leaseKey: await sealTo(publicKey, leaseKey, leaseInfo(place)), keys: sealed };
}

/**
 * The keys by version, which the caller wipes.
 * @throws SealingError, EnvelopeError: altered, or sealed for another key or place; nothing is left then.
 */
export async function openLeasedKeys(
  privateKey: SecretBytes,
  place: LeasePlace,
  lease: SealedLease,
): Promise<Map<number, SecretBytes>> {
  using leaseKey = await openWith(privateKey, lease.leaseKey, leaseInfo(place));
  if (leaseKey.sizeBytes !== KEY_BYTES) throw new EnvelopeError('MALFORMED', 'a lease key has 32 bytes');
  using session = new WrapSession(parentOf(place, leaseKey));
  const opened = new Map<number, SecretBytes>();
  try {
    for (const { version, sealed } of lease.keys) {
      const key = session.unwrap(sealed, contextOf(place, version));
      opened.get(version)?.wipe();
      opened.set(version, key);
      if (key.sizeBytes !== KEY_BYTES) throw new EnvelopeError('MALFORMED', 'an L3 has 32 bytes');
    }
    return opened;
  } catch (error) {
    for (const key of opened.values()) key.wipe();
    throw error;
  }
}

function sealAll(
  leaseKey: SecretBytes,
  place: LeasePlace,
  keys: readonly { readonly version: number; readonly key: SecretBytes }[],
): SealedLease['keys'] {
  using session = new WrapSession(parentOf(place, leaseKey));
  return keys.map(({ version, key }) => ({
    version,
    sealed: session.wrap(key, contextOf(place, version)),
  }));
}

function leaseInfo({ region, tenant, service }: LeasePlace): Uint8Array {
  return hpkeInfo('openkcm/l3-lease/v2', [region, tenant, service]);
}

/** A lease key has no versions: there is one for each lease. */
function parentOf({ tenant, service }: LeasePlace, key: SecretBytes): ParentKey {
  return { kind: ParentKind.Lease, id: `${tenant}/${service}`, version: 1, key };
}

function contextOf({ region, tenant, service }: LeasePlace, version: number): EnvelopeContext {
  return { region, tenant, service, level: 'leased-L3', objectId: service, version, revision: 1 };
}
