/**
 * A tenant's manifest: which versions of which keys exist, in what state, and at which revision each is wrapped. It is
 * authenticated under the IVK, and it alone says what a reader expects of a record (D4): a key record that is
 * swapped, or rolled back to an earlier wrapping, does not open, since the manifest has moved on.
 */
import type { EnvelopeContext } from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import type { RootOfTrust } from '../root/root-of-trust.ts';

/** NIST SP 800-57 key states, as far as L2 and L3 pass through them: one version is active, older ones only decrypt. */
export type KeyState = 'active' | 'deactivated';

export interface KeyVersion {
  readonly version: number;
  readonly revision: number;
  readonly state: KeyState;
  /** What wraps it: for L2 the link epoch (0: the regional secret alone), for L3 the L2 version. */
  readonly parent: number;
}

export interface Manifest {
  /** The highest epoch whose closure was recorded here: link rows put back from before it are refused. */
  readonly closedEpoch: number;
  readonly l2: readonly KeyVersion[];
  readonly services: Readonly<Record<string, readonly KeyVersion[]>>;
}

export function sealManifest(
  root: RootOfTrust,
  region: string,
  tenant: string,
  counter: number,
  manifest: Manifest,
): Buffer {
  return root.seal(Buffer.from(JSON.stringify(manifest), 'utf8'), contextOf(region, tenant, counter));
}

/** @throws KeychainError RECORD_REJECTED unless it is this tenant's manifest of exactly this counter. */
export function openManifest(
  root: RootOfTrust,
  region: string,
  tenant: string,
  counter: number,
  envelope: Uint8Array,
): Manifest {
  return openingRecord(`manifest of ${tenant}`, () => {
    using plain = root.open(envelope, contextOf(region, tenant, counter));
    // Authentic under the IVK, so it is what this program wrote.
    return plain.use((bytes) => JSON.parse(Buffer.from(bytes).toString('utf8')) as Manifest);
  });
}

function contextOf(region: string, tenant: string, counter: number): EnvelopeContext {
  return { region, tenant, service: '', level: 'manifest', objectId: tenant, version: counter, revision: 1 };
}

/** The versions of a service's L3; undefined when it has none. Names come from outside, `__proto__` among them. */
export function versionsOf(manifest: Manifest, service: string): readonly KeyVersion[] | undefined {
  return Object.hasOwn(manifest.services, service) ? manifest.services[service] : undefined;
}

export function activeOf(versions: readonly KeyVersion[]): KeyVersion {
  const active = versions.find((entry) => entry.state === 'active');
  if (active === undefined) throw new KeychainError('RECORD_REJECTED', 'a key has no active version');
  return active;
}

/** `versions` with a new active one, wrapped by `parent`; those before it only decrypt from now on. */
export function withNewVersion(
  versions: readonly KeyVersion[],
  parent: number,
  maxVersions: number,
): { versions: readonly KeyVersion[]; added: KeyVersion } {
  if (versions.length >= maxVersions)
    throw new KeychainError('LIMIT_REACHED', `${maxVersions} versions of one key`);
  const version = versions.reduce((highest, entry) => Math.max(highest, entry.version), 0) + 1;
  const added: KeyVersion = { version, revision: 1, state: 'active', parent };
  const older = versions.map((entry): KeyVersion => ({ ...entry, state: 'deactivated' }));
  return { versions: [...older, added], added };
}
