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
  SecretWipedError,
  WrapSession,
} from '../../envelope/index.ts';
import { KeychainError } from '../errors.ts';

export interface ServiceKeyVersion {
  readonly version: number;
  /** `encrypt`: the one active version, for both directions; `decrypt`: older ones. */
  readonly use: 'encrypt' | 'decrypt';
  readonly key: SecretBytes;
}

export class ServiceKeys {
  readonly tenant: TenantId;
  readonly service: ServiceName;
  readonly active: ServiceKeyVersion;
  /** Oldest first. */
  readonly versions: readonly ServiceKeyVersion[];
  readonly #sessions: ReadonlyMap<number, WrapSession>;

  /** Takes over the keys. `activeVersion` must be among them. */
  constructor(tenant: TenantId, service: ServiceName, activeVersion: number, keys: readonly ParentKey[]) {
    this.tenant = tenant;
    this.service = service;
    this.versions = keys.map(({ version, key }) => ({
      version,
      use: version === activeVersion ? 'encrypt' : 'decrypt',
      key,
    }));
    this.#sessions = new Map(keys.map((parent) => [parent.version, new WrapSession(parent)]));
    const active = this.byVersion(activeVersion);
    if (active === undefined) throw new KeychainError('RECORD_REJECTED', 'the active L3 version is missing');
    this.active = active;
  }

  byVersion(version: number): ServiceKeyVersion | undefined {
    return this.versions.find((entry) => entry.version === version);
  }

  /** Under the active version. @throws SecretWipedError; EnvelopeError TOO_LARGE. */
  wrap(plaintext: SecretBytes | Uint8Array, context: EnvelopeContext): Uint8Array {
    const session = this.#sessions.get(this.active.version);
    if (session === undefined) throw new SecretWipedError();
    return session.wrap(plaintext, context);
  }

  /** Under whichever version the header names. @throws EnvelopeError; SecretWipedError. */
  unwrap(envelope: Uint8Array, context: EnvelopeContext): SecretBytes {
    const session =
      this.#sessions.get(parseHeader(envelope).parentVersion) ?? this.#sessions.get(this.active.version);
    if (session === undefined) throw new SecretWipedError();
    return session.unwrap(envelope, context);
  }

  /** Locked memory that the versions and the subkeys derived from them take. */
  get footprintBytes(): number {
    let sum = 0;
    for (const session of this.#sessions.values()) sum += session.footprintBytes;
    return sum;
  }

  get isWiped(): boolean {
    return this.active.key.isWiped;
  }
  wipe(): void {
    for (const session of this.#sessions.values()) session.wipe();
    for (const { key } of this.versions) key.wipe();
  }
}
