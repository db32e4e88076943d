/**
 * A tenant's manifest: which versions of which keys exist, in what state, and at which revision each is wrapped. It is
 * authenticated under the IVK, and it alone says what a reader expects of a record (D4): a key record that is
 * swapped, or rolled back to an earlier wrapping, does not open, since the manifest has moved on.
 */
import { type KeyState, keyStates, type TenantId } from '../../../contracts/index.ts';
import type { EnvelopeContext } from '../../envelope/index.ts';
import { KeychainError, openingRecord } from '../errors.ts';
import type { RootOfTrust } from '../root/root-of-trust.ts';
import { L2 } from '../stores/key-store.ts';
import { activeOf, type KeyHistory, type KeyVersion } from './key-history.ts';

export interface Manifest {
  /** The highest epoch whose closure was recorded here: link rows put back from before it are refused. */
  readonly closedEpoch: number;
  /** The half of the tenant's wrapping key that stays in the region: new with every epoch that opens. */
  readonly regionalSecret: { readonly version: number; readonly revision: number };
  readonly l2: KeyHistory;
  readonly services: Readonly<Record<string, KeyHistory>>;
  /**
   * By service, `L2` among them: the version up to which a key must be replaced. It stood on the regional secret alone
   * once, so that an old backup may open it without any link (D1).
   */
  readonly exposed: Readonly<Record<string, number>>;
  /** By service, `L2` among them: seconds after which a new version follows, where governance has said so; 0: never. */
  readonly rotateAfterS: Readonly<Record<string, number>>;
}

/** An envelope takes 1 MiB; the rest is room for its own bytes. Some 20,000 versions. */
const MAX_MANIFEST_BYTES = 1_000_000;
/** Ordinary growth ends here, so that an emergency, a link and a destruction always have room. */
const MAX_GROWN_BYTES = 900_000;

export function manifestContext(region: string, tenant: TenantId, counter: number): EnvelopeContext {
  return { region, tenant, service: '', level: 'manifest', objectId: tenant, version: counter, revision: 1 };
}

/** @throws KeychainError LIMIT_REACHED when all its versions together are too many. */
export function encodeManifest(manifest: Manifest): Buffer {
  const { closedEpoch, regionalSecret, l2, services, exposed, rotateAfterS } = manifest;
  const histories = Object.entries(services).map(([name, history]) => [name, history.map(toTuple)] as const);
  const stored: StoredManifest = {
    format: 2,
    closedEpoch,
    regionalSecret: [regionalSecret.version, regionalSecret.revision],
    l2: l2.map(toTuple),
    services: Object.fromEntries(histories),
    exposed,
    rotateAfterS,
  };
  const bytes = Buffer.from(JSON.stringify(stored), 'utf8');
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new KeychainError(
      'LIMIT_REACHED',
      `a manifest of ${MAX_MANIFEST_BYTES} bytes: destroy old versions`,
    );
  return bytes;
}

/** @throws KeychainError LIMIT_REACHED where a new version must not be made but in an emergency. */
export function assertRoomToGrow(manifest: Manifest): void {
  if (encodeManifest(manifest).length > MAX_GROWN_BYTES)
    throw new KeychainError('LIMIT_REACHED', `a manifest of ${MAX_GROWN_BYTES} bytes: destroy old versions`);
}

/** @throws KeychainError RECORD_REJECTED unless it is this tenant's manifest of exactly this counter. */
export function openManifest(
  root: RootOfTrust,
  region: string,
  tenant: TenantId,
  counter: number,
  envelope: Uint8Array,
): Manifest {
  return openingRecord(`manifest of ${tenant}`, () => {
    using plain = root.open(envelope, manifestContext(region, tenant, counter));
    return plain.use(decodeManifest);
  });
}

/** The versions of a service's L3; undefined when it has none. Names come from outside, `__proto__` among them. */
export function historyOf(manifest: Manifest, service: string): KeyHistory | undefined {
  return Object.hasOwn(manifest.services, service) ? manifest.services[service] : undefined;
}

export function withService(manifest: Manifest, service: string, history: KeyHistory): Manifest {
  return { ...manifest, services: { ...manifest.services, [service]: history } };
}

/** version, revision, index of the state in `keyStates`, parent, made and activated in milliseconds since the epoch. */
type Tuple = readonly [number, number, number, number, number, number];

interface StoredManifest {
  readonly format: 2;
  readonly closedEpoch: number;
  readonly regionalSecret: readonly [number, number];
  readonly l2: readonly Tuple[];
  readonly services: Readonly<Record<string, readonly Tuple[]>>;
  readonly exposed: Readonly<Record<string, number>>;
  readonly rotateAfterS: Manifest['rotateAfterS'];
}
/** As releases before rotation wrote it: without times, and with one regional secret for ever. */
interface FirstManifest {
  readonly closedEpoch: number;
  readonly l2: readonly FirstVersion[];
  readonly services: Readonly<Record<string, readonly FirstVersion[]>>;
}
type FirstVersion = Pick<KeyVersion, 'version' | 'revision' | 'state' | 'parent'>;
type AnyStored = StoredManifest | FirstManifest;

/** Of bytes that are authentic: what this program wrote, in this release or an earlier one. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as AnyStored;
  if (!('format' in stored)) return decodeFirst(stored);
  const { closedEpoch, regionalSecret, l2, services, exposed, rotateAfterS } = stored;
  const [version, revision] = regionalSecret;
  const histories = Object.entries(services).map(([name, tuples]) => [name, tuples.map(fromTuple)] as const);
  return {
    closedEpoch,
    regionalSecret: { version, revision },
    l2: l2.map(fromTuple),
    services: Object.fromEntries(histories),
    exposed,
    rotateAfterS,
  };
}

function decodeFirst({ closedEpoch, l2, services }: FirstManifest): Manifest {
  const timed = (entry: FirstVersion): KeyVersion => ({ ...entry, createdAtMs: 0, activatedAtMs: 0 });
  const histories = Object.entries(services).map(([name, entries]) => [name, entries.map(timed)] as const);
  return {
    closedEpoch,
    regionalSecret: { version: 1, revision: 1 },
    l2: l2.map(timed),
    services: Object.fromEntries(histories),
    exposed: {},
    rotateAfterS: {},
  };
}

function toTuple(entry: KeyVersion): Tuple {
  const { version, revision, state, parent, createdAtMs, activatedAtMs } = entry;
  return [version, revision, keyStates.indexOf(state), parent, createdAtMs, activatedAtMs];
}

function fromTuple([version, revision, index, parent, createdAtMs, activatedAtMs]: Tuple): KeyVersion {
  return { version, revision, state: stateAt(index), parent, createdAtMs, activatedAtMs };
}

function stateAt(index: number): KeyState {
  const state = keyStates[index];
  if (state === undefined) throw new KeychainError('RECORD_REJECTED', `key state ${index}`);
  return state;
}

/** A version that is made under an exposed L2 is as exposed as that one is, and replaced after it. */
export function stillExposed(manifest: Manifest, service: string): Manifest {
  const history = historyOf(manifest, service);
  const isUnder = activeOf(manifest.l2).version <= numberFor(manifest.exposed, L2);
  if (!isUnder || history === undefined) return manifest;
  return { ...manifest, exposed: { ...manifest.exposed, [service]: history.at(-1)?.version ?? 0 } };
}

/** The number that `numbers` has for a service; 0 where it has none. */
export function numberFor(numbers: Readonly<Record<string, number>>, service: string): number {
  return Object.hasOwn(numbers, service) ? (numbers[service] ?? 0) : 0;
}
