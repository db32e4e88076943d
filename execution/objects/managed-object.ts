/**
 * A managed object as gateway and core both hold it: its attributes in the clear, its material only as an envelope
 * that the service's L3 wrapped. What KMIP calls attributes that follow from these fields (State, Digest, dates …)
 * is computed from them in `attribute-view.ts`, so that nothing is stored twice.
 */
import type { ServiceName, TenantId } from '../../contracts/index.ts';
import type { Attribute, KeyWrappingData } from '../kmip/index.ts';

/** KMIP 1.4 §3.22, by their enumeration values. */
export const State = {
  PreActive: 1,
  Active: 2,
  Deactivated: 3,
  Compromised: 4,
  Destroyed: 5,
  DestroyedCompromised: 6,
} as const;
export type State = (typeof State)[keyof typeof State];

/** All instants are whole seconds since the epoch, UTC, as KMIP's Date-Time. */
export interface ObjectDates {
  readonly initial: number;
  readonly lastChange: number;
  readonly activation?: number;
  readonly processStart?: number;
  readonly protectStop?: number;
  readonly deactivation?: number;
  readonly compromiseOccurrence?: number;
  readonly compromise?: number;
  readonly destroy?: number;
  readonly archive?: number;
  readonly originalCreation?: number;
}

/** What makes an object a part of a split key (KMIP 1.4 §2.2.5). Its material is the part. */
export interface SplitKeyPart {
  readonly parts: number;
  /** From 1 to `parts`. */
  readonly identifier: number;
  readonly threshold: number;
  /** KMIP 1.4 §9.1.3.2.8. */
  readonly method: number;
  readonly primeFieldSize?: bigint;
  /** Bytes of the whole key's material, where it was split here. */
  readonly secretBytes?: number;
}

export interface ManagedObject {
  readonly uid: string;
  readonly tenant: TenantId;
  readonly service: ServiceName;
  /** KMIP 1.4 §9.1.3.2.12. */
  readonly objectType: number;
  readonly state: State;
  readonly dates: ObjectDates;
  /** KMIP 1.4 §3.19, a bit mask. */
  readonly usageMask: number;
  readonly cryptographicAlgorithm?: number;
  /** Bits. */
  readonly cryptographicLength?: number;
  readonly revocationReason?: { readonly code: number; readonly message?: string };
  /** KMIP 1.4 §9.1.3.2.3: how the material below is to be read (Raw, PKCS#8, …). */
  readonly keyFormatType?: number;
  /** KMIP 1.4 §9.1.3.2.2: the form of an EC public key's point, where the client named it. */
  readonly keyCompressionType?: number;
  /** Certificate Type, Secret Data Type, Opaque Data Type or PGP Key Version, where the object type has one. */
  readonly subtype?: number;
  readonly splitKey?: SplitKeyPart;
  /** How the material is wrapped: such a key is held as it was registered (KMIP 1.4 §2.1.5), and no gateway uses it. */
  readonly keyWrappingData?: KeyWrappingData;
  /** SHA-256 of the plain material, taken when it was made or registered (KMIP 1.4 §3.17). */
  readonly digest?: Uint8Array;
  /**
   * Envelope under the service's L3 (D4); null once destroyed, and where the client keeps the key value elsewhere
   * (Key Value Present is false, KMIP 1.4 §3.41).
   */
  readonly wrapped: Uint8Array | null;
  /** Every attribute that a client set and that no field above holds: Name, Link, Object Group, x-*, y-* … */
  readonly attributes: readonly Attribute[];
  /** Grows with every change; a push with a lower one is old news. */
  readonly revision: number;
}
