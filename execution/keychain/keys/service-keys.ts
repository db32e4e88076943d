/**
 * A service's L3 versions in plain, as the core borrows them from the keychain's memory. They are wiped without
 * notice when the link closes or expires: use them before the next `await`, and ask again after it.
 */
import type { ServiceName, TenantId } from '../../../contracts/index.ts';
import {
  type EnvelopeContext,
  type ParentKey,
  parseHeader,
  type SecretBytes,
  WrapSession,
} from '../../envelope/index.ts';
import { KeychainError } from '../errors.ts';

export interface ServiceKeyVersion {
  readonly version: number;
  /** `encrypt`: the one active version, for both directions; `decrypt`: older ones. */
  readonly use: 'encrypt' | 'decrypt';
  readonly key: SecretBytes;
}

interface Held extends ServiceKeyVersion {
  readonly session: WrapSession;
}

export class ServiceKeys {
  readonly tenant: TenantId;
  readonly service: ServiceName;
  #held: ReadonlyMap<number, Held>;
  #active: Held;

  /** Takes over the keys. `activeVersion` must be among them. */
  constructor(tenant: TenantId, service: ServiceName, activeVersion: number, keys: readonly ParentKey[]) {
    this.tenant = tenant;
    this.service = service;
    this.#held = new Map();
    this.#active = this.#take(activeVersion, keys, new Set());
  }

  /**
   * The key was rotated, or versions of it were destroyed: what lives on stays as it is in memory, which a key with a
   * thousand versions is thankful for. Takes over the added keys.
   */
  update(activeVersion: number, added: readonly ParentKey[], living: ReadonlySet<number>): void {
    this.#active = this.#take(activeVersion, added, living);
  }

  #take(activeVersion: number, added: readonly ParentKey[], living: ReadonlySet<number>): Held {
    const next = new Map<number, Held>();
    const use = (version: number) => (version === activeVersion ? 'encrypt' : 'decrypt');
    for (const [version, held] of this.#held) {
      if (living.has(version)) next.set(version, { ...held, use: use(version) });
      else wipeHeld(held);
    }
    for (const parent of added) {
      const { version, key } = parent;
      next.set(version, { version, use: use(version), key, session: new WrapSession(parent) });
    }
    this.#held = new Map([...next].sort(([a], [b]) => a - b));
    const active = next.get(activeVersion);
    if (active === undefined) throw new KeychainError('RECORD_REJECTED', 'the active L3 version is missing');
    return active;
  }

  get active(): ServiceKeyVersion {
    return this.#active;
  }
  /** Oldest first. */
  get versions(): readonly ServiceKeyVersion[] {
    return [...this.#held.values()];
  }

  byVersion(version: number): ServiceKeyVersion | undefined {
    return this.#held.get(version);
  }

  /** Under the active version. @throws SecretWipedError; EnvelopeError TOO_LARGE. */
  wrap(plaintext: SecretBytes | Uint8Array, context: EnvelopeContext): Uint8Array {
    return this.#active.session.wrap(plaintext, context);
  }

  /** Under whichever version the header names. @throws EnvelopeError; SecretWipedError. */
  unwrap(envelope: Uint8Array, context: EnvelopeContext): SecretBytes {
    const { session } = this.#held.get(parseHeader(envelope).parentVersion) ?? this.#active;
    return session.unwrap(envelope, context);
  }

  /** Locked memory that the versions and the subkeys derived from them take. */
  get footprintBytes(): number {
    let sum = 0;
    for (const { session } of this.#held.values()) sum += session.footprintBytes;
    return sum;
  }

  get isWiped(): boolean {
    return this.#active.key.isWiped;
  }
  wipe(): void {
    for (const held of this.#held.values()) wipeHeld(held);
  }
}

function wipeHeld({ session, key }: Held): void {
  session.wipe();
  key.wipe();
}
