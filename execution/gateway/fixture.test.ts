/** For the tests of this folder: a store in a temporary directory, objects, and a core made of the mesh's own codecs. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  parseApplicationName,
  parseKeyFingerprint,
  parseRegionId,
  parseServiceName,
  parseTenantId,
} from '../../contracts/index.ts';
import { createLogger } from '../../platform/log.ts';
import { temporaryDirectory } from '../../testkit/directories.ts';
import { l3Parent, objectContext, type SecretBytes, seal, sealLeasedKeys } from '../envelope/index.ts';
import {
  attribute,
  CryptographicAlgorithm,
  KmipClientError,
  KmipError,
  NameType,
  ObjectType,
} from '../kmip/index.ts';
import {
  decodeMeshRequest,
  encodeMeshFailure,
  encodeMeshResponse,
  type GatewayIdentity,
  type LeaseRequest,
  type LeaseResponse,
  type MeshOperation,
  type MeshRequest,
  type MeshResponse,
  meshPayload,
  RECENT_VERSIONS,
} from '../mesh/index.ts';
import { type ManagedObject, nowSeconds, State } from '../objects/index.ts';
import type { Carrier } from './link/core-link.ts';
import { Store } from './store/store.ts';

export const REGION = parseRegionId('eu-west-1');
export const TENANT = parseTenantId('acme');
export const OTHER_TENANT = parseTenantId('rival');
export const SERVICE = parseServiceName('orders');
export const silent = createLogger({ name: 'test', level: 'silent' });

export function storePath(): string {
  return join(temporaryDirectory('gateway'), 'gateway.sqlite');
}

export function freshStore(path = storePath()): Store {
  return Store.open(path, REGION);
}

export interface ObjectOptions {
  readonly uid?: string;
  readonly tenant?: ManagedObject['tenant'];
  readonly name?: string;
  readonly revision?: number;
  readonly wrapped?: Uint8Array | null;
}

export function anObject(options: ObjectOptions = {}): ManagedObject {
  const nowS = nowSeconds();
  const name = options.name;
  return {
    uid: options.uid ?? randomUUID(),
    tenant: options.tenant ?? TENANT,
    service: SERVICE,
    objectType: ObjectType.SymmetricKey,
    state: State.Active,
    dates: { initial: nowS, lastChange: nowS, activation: nowS },
    usageMask: 12,
    cryptographicAlgorithm: CryptographicAlgorithm.AES,
    cryptographicLength: 256,
    wrapped: options.wrapped === undefined ? Buffer.alloc(100, 1) : options.wrapped,
    attributes:
      name === undefined
        ? []
        : [attribute('Name', { nameValue: name, nameType: NameType.UninterpretedTextString })],
    revision: options.revision ?? 1,
  };
}

export function anIdentity(digit: string, tenant = TENANT): GatewayIdentity {
  return {
    fingerprint: parseKeyFingerprint(digit.repeat(64)),
    tenant,
    application: parseApplicationName('app'),
    services: [SERVICE],
    operations: null,
  };
}

/** An object whose key the given L3 really wrapped. */
export function wrappedObject(l3: SecretBytes, version: number, key: SecretBytes): ManagedObject {
  const object = anObject();
  const wrapped = seal(
    l3Parent(object.tenant, object.service, version, l3),
    key,
    objectContext(REGION, object.tenant, object.service, object.uid),
  );
  return { ...object, wrapped };
}

type Answers = {
  [O in MeshOperation]?: (request: MeshRequest<O>) => MeshResponse<O> | Promise<MeshResponse<O>>;
};

/** Answers what a gateway asks, over a carrier that can be cut. */
export class FakeCore {
  answers: Answers = {};
  isCut = false;
  readonly asked: MeshOperation[] = [];

  /** Closing a carrier rejects what is under way on it. */
  readonly open = (): Carrier => {
    const closed = Promise.withResolvers<never>();
    closed.promise.catch(() => undefined);
    return {
      send: (message) => Promise.race([this.#send(message), closed.promise]),
      close: () => closed.reject(new KmipClientError('KMIP_CLOSED', 'closed')),
    };
  };

  count(operation: MeshOperation): number {
    return this.asked.filter((one) => one === operation).length;
  }

  async #send(message: Uint8Array): Promise<Uint8Array> {
    if (this.isCut) throw new KmipClientError('KMIP_CONNECT_FAILED', 'cut');
    const { item, operation } = decodeMeshRequest(message);
    this.asked.push(operation);
    try {
      return await this.#answer(operation, item);
    } catch (error) {
      return encodeMeshFailure(item, error);
    }
  }

  async #answer<O extends MeshOperation>(
    operation: O,
    item: Parameters<typeof meshPayload>[1],
  ): Promise<Uint8Array> {
    const answer = this.answers[operation];
    if (answer === undefined) throw KmipError.operationNotSupported('no answer was prepared');
    const response = await answer(meshPayload(operation, item));
    return encodeMeshResponse(operation, item, response);
  }
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
export async function granted(
  request: LeaseRequest,
  keys: ReadonlyMap<number, SecretBytes>,
  { ttlMs, graceMs, head = 0, activeVersion = Math.max(...keys.keys()), wraps = 2 ** 26 }: Terms,
): Promise<LeaseResponse> {
  const { tenant, service, recipientPublicKey, held, wanted } = request;
  const living = [...keys.keys()].sort((a, b) => a - b);
  const recent = living.filter((version) => version !== activeVersion).slice(-RECENT_VERSIONS);
  const chosen = [...keys]
    .filter(([version]) => version === activeVersion || recent.includes(version) || wanted.includes(version))
    .filter(([version]) => !held.includes(version))
    .map(([version, key]) => ({ version, key }));
  const sealed =
    chosen.length === 0
      ? { keys: [] }
      : await sealLeasedKeys(recipientPublicKey, { region: REGION, tenant, service }, chosen);
  const hasEnough = request.wraps?.version === activeVersion && request.wraps.left >= wraps / 2;
  return {
    outcome: 'granted',
    activeVersion,
    living,
    etag: etagOf(living, activeVersion),
    ...sealed,
    wrapBudget: hasEnough ? 0 : wraps,
    isSpent: wraps === 0,
    ttlMs,
    graceMs,
    head,
  };
}

export function etagOf(living: readonly number[], activeVersion = Math.max(...living)): string {
  return `${activeVersion} of ${living.join()}`;
}
