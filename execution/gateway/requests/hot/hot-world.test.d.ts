import fc from 'fast-check';
import { type ManagedObject } from '../../../objects/index.ts';
import { Audit } from '../../audit.ts';
import { type GatewayMetrics } from '../../metrics.ts';
import type { Store } from '../../store/store.ts';
import type { Requester, Services } from '../context.ts';
import { RequestHandler } from '../handler.ts';
import { HotPath } from './hot-path.ts';
export declare const requester: Requester;
export interface HotWorld {
  readonly store: Store;
  readonly audit: Audit;
  readonly services: Services;
  readonly metrics: GatewayMetrics;
  readonly handler: RequestHandler;
  readonly hot: HotPath;
  readonly objects: ReadonlyMap<string, ManagedObject>;
  spentOf(uid: string): number;
}
export declare function hotWorld(whenAuditFull?: 'refuse' | 'drop', maxNoted?: number): Promise<HotWorld>;
export declare const request: fc.Arbitrary<{
  operation: 1 | 10 | 18 | 31 | 32 | 24;
  minor: 0 | 1 | 3 | 2 | 4;
  kind: string;
  data: Uint8Array<ArrayBufferLike> | undefined;
  sealed: boolean;
  iv: Uint8Array<ArrayBuffer> | undefined;
  aad: Uint8Array<ArrayBufferLike> | undefined;
  parameters:
    | {
        blockCipherMode?: never;
      }
    | {
        blockCipherMode: 9;
      }
    | undefined;
  id: Uint8Array<ArrayBufferLike> | undefined;
  template: readonly {
    readonly attributeName: string;
    readonly attributeValue: import('../../../kmip/index.ts').Ttlv;
    readonly attributeIndex?: number | undefined;
  }[];
  objectType: number;
  continuation: 1 | 3 | 2 | undefined;
  maximumResponseSize: number | undefined;
  damage:
    | {
        at: number;
        bit: number;
        cut: 0 | 3 | 8;
      }
    | undefined;
}>;
export type HotRequest = typeof request extends fc.Arbitrary<infer T> ? T : never;
export declare function encoded(world: HotWorld, wanted: HotRequest): Uint8Array;
/** Asks the hot path alone, with the message in the midst of others, as it lies in what a connection has read. */
export declare function askHot({ hot }: HotWorld, message: Uint8Array, at: number): Uint8Array | undefined;
/** Whether the hot path has answered; then the general one has given the same answer. */
export declare function isAnsweredAlike(world: HotWorld, wanted: HotRequest): Promise<boolean>;
export declare function createdIn(answer: Uint8Array): string;
export declare function withoutTime(answer: Uint8Array): Buffer;
