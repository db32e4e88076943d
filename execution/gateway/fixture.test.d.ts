import { type SecretBytes } from '../envelope/index.ts';
import {
  type GatewayIdentity,
  type LeaseRequest,
  type LeaseResponse,
  type MeshOperation,
  type MeshRequest,
  type MeshResponse,
} from '../mesh/index.ts';
import { type ManagedObject } from '../objects/index.ts';
import type { Carrier } from './link/core-link.ts';
import { Store } from './store/store.ts';
export declare const REGION: import('../../contracts/ids.ts').RegionId;
export declare const TENANT: import('../../contracts/ids.ts').TenantId;
export declare const OTHER_TENANT: import('../../contracts/ids.ts').TenantId;
export declare const SERVICE: import('../../contracts/ids.ts').ServiceName;
export declare const silent: import('pino').Logger;
export declare function storePath(): string;
export declare function freshStore(path?: string): Store;
export interface ObjectOptions {
  readonly uid?: string;
  readonly tenant?: ManagedObject['tenant'];
  readonly name?: string;
  readonly revision?: number;
  readonly wrapped?: Uint8Array | null;
}
export declare function anObject(options?: ObjectOptions): ManagedObject;
export declare function anIdentity(
  digit: string,
  tenant?: import('../../contracts/ids.ts').TenantId,
): GatewayIdentity;
/** An object whose key the given L3 really wrapped. */
export declare function wrappedObject(l3: SecretBytes, version: number, key: SecretBytes): ManagedObject;
type Answers = {
  [O in MeshOperation]?: (request: MeshRequest<O>) => MeshResponse<O> | Promise<MeshResponse<O>>;
};
/** Answers what a gateway asks, over a carrier that can be cut. */
export declare class FakeCore {
  #private;
  answers: Answers;
  isCut: boolean;
  readonly asked: MeshOperation[];
  readonly open: () => Carrier;
  count(operation: MeshOperation): number;
}
export interface Terms {
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly head?: number;
  /** Default: the youngest. */
  readonly activeVersion?: number;
  /** Wraps that a gateway gets which has less than half of it. */
  readonly wraps?: number;
}
/** A granted lease, sealed to whoever asked, as the core does it. */
export declare function granted(
  request: LeaseRequest,
  keys: ReadonlyMap<number, SecretBytes>,
  { ttlMs, graceMs, head, activeVersion, wraps }: Terms,
): Promise<LeaseResponse>;
export declare function etagOf(living: readonly number[], activeVersion?: number): string;
