/**
 * Where a batch item runs: D9's table, asked with the level that this gateway's own index gives, and the few local
 * operations bound to their decoded payloads.
 */
import {
  childOf,
  ItemType,
  isKnownOperation,
  KmipError,
  knows,
  Operation,
  operationName,
  operationSchemas,
  operationSince,
  type RequestItem,
  Tag,
} from '../../kmip/index.ts';
import { MeshOperation } from '../../mesh/index.ts';
import { answerDiscoverVersions, answerQuery, type ManagedObject } from '../../objects/index.ts';
import { isL3Address, isL4Create, type Level, routeOf } from '../../routing/index.ts';
import { GatewayRefusal } from '../refusals.ts';
import { findOwn, type LocalResult, type RequestContext } from './context.ts';
import { decrypt, decryptUnderL3, encrypt, encryptUnderL3 } from './operations/cipher.ts';
import { create } from './operations/create.ts';
import { canGetLocally, get } from './operations/get.ts';

export interface LocalPlan {
  readonly route: 'local';
  readonly run: () => LocalResult | Promise<LocalResult>;
}
export type Plan = LocalPlan | { readonly route: 'core' };

const CORE: Plan = { route: 'core' };

/**
 * @throws KmipError, GatewayRefusal: the item fails here, whoever would have run it.
 */
export function planItem(
  item: RequestItem,
  idPlaceholder: string | undefined,
  context: RequestContext,
): Plan {
  const { operation } = item;
  requireKnown(operation, context);
  requirePermitted(operation, context);
  switch (operation) {
    case Operation.Create:
      return planCreate(item, context);
    case Operation.Get:
    case Operation.Encrypt:
    case Operation.Decrypt:
      return planUse(operation, item, idPlaceholder, context);
    case Operation.Query:
    case Operation.DiscoverVersions:
      return planSelf(operation, item, context);
    default:
      return planByTable(operation, levelOf(uidIn(item) ?? idPlaceholder, undefined));
  }
}

const meshOperations: readonly number[] = Object.values(MeshOperation);

function planByTable(operation: number, level: Level): Plan {
  const route = routeOf(operation, level);
  if (route === 'core') return CORE;
  if (route === 'refuse' && level === 'L3') throw new GatewayRefusal('L3_NOT_READABLE');
  if (route === 'refuse' && meshOperations.includes(operation)) throw new GatewayRefusal('MESH_OPERATION');
  throw KmipError.operationNotSupported(
    `${operationName(operation)} is not served; ask Query for the operations that are`,
  );
}

function planCreate(item: RequestItem, context: RequestContext): Plan {
  const request = operationSchemas[Operation.Create].request.read(item.payload, context.version);
  const level = isL4Create(request) ? 'L4' : 'none';
  if (routeOf(Operation.Create, level) !== 'local') return CORE;
  return { route: 'local', run: () => create(request, context) };
}

type Use = typeof Operation.Get | typeof Operation.Encrypt | typeof Operation.Decrypt;

function planUse(
  operation: Use,
  item: RequestItem,
  idPlaceholder: string | undefined,
  context: RequestContext,
): Plan {
  const uid = uidIn(item) ?? uidOfStream(item, context) ?? idPlaceholder;
  const object = uid === undefined || isL3Address(uid) ? undefined : findOwn(context, uid);
  const level = levelOf(uid, object);
  const route = routeOf(operation, level);
  if (route === 'refuse') throw new GatewayRefusal('L3_NOT_READABLE');
  if (route === 'core' || uid === undefined) return CORE;
  // Limits on usage are spent in blocks of the core: such a key works there.
  if (object?.attributes.some(({ attributeName }) => attributeName === 'Usage Limits')) return CORE;
  const { version } = context;
  switch (operation) {
    case Operation.Get: {
      const request = operationSchemas[Operation.Get].request.read(item.payload, version);
      if (object === undefined || !canGetLocally(request, object, context)) return CORE;
      return { route, run: () => get(request, object, context) };
    }
    case Operation.Encrypt: {
      const request = operationSchemas[Operation.Encrypt].request.read(item.payload, version);
      if (beganElsewhere(request, context)) return CORE;
      if (object === undefined) return { route, run: () => encryptUnderL3(request, uid, context) };
      return { route, run: () => encrypt(request, object, context) };
    }
    case Operation.Decrypt: {
      const request = operationSchemas[Operation.Decrypt].request.read(item.payload, version);
      if (beganElsewhere(request, context)) return CORE;
      if (object === undefined) return { route, run: () => decryptUnderL3(request, uid, context) };
      return { route, run: () => decrypt(request, object, context) };
    }
  }
}

/** The key that a later part of an operation need not name again, where the operation began here. */
function uidOfStream({ payload }: RequestItem, { services }: RequestContext): string | undefined {
  const value = childOf(payload, Tag.CorrelationValue);
  return value?.type === ItemType.ByteString ? services.streams.uidOf(value.value) : undefined;
}

/**
 * An operation in parts ends where it began: one of the core stays there, though its key may have come here meanwhile. One
 * that neither knows is the core's to refuse.
 */
function beganElsewhere(
  { correlationValue }: { readonly correlationValue?: Uint8Array | undefined },
  { services }: RequestContext,
): boolean {
  return correlationValue !== undefined && !services.streams.has(correlationValue);
}

function planSelf(
  operation: typeof Operation.Query | typeof Operation.DiscoverVersions,
  item: RequestItem,
  { version }: RequestContext,
): Plan {
  if (operation === Operation.Query) {
    const schemas = operationSchemas[Operation.Query];
    const request = schemas.request.read(item.payload, version);
    return {
      route: 'local',
      run: () => ({ payload: schemas.response.write(answerQuery(request, version), version) }),
    };
  }
  const schemas = operationSchemas[Operation.DiscoverVersions];
  const request = schemas.request.read(item.payload, version);
  return {
    route: 'local',
    run: () => ({ payload: schemas.response.write(answerDiscoverVersions(request), version) }),
  };
}

function levelOf(uid: string | undefined, object: ManagedObject | undefined): Level {
  if (uid === undefined) return 'none';
  if (isL3Address(uid)) return 'L3';
  return object === undefined ? 'unknown' : 'L4';
}

/** The Unique Identifier that a payload starts with, in every operation that has one. */
export function uidIn({ payload }: RequestItem): string | undefined {
  const uid = childOf(payload, Tag.UniqueIdentifier);
  return uid?.type === ItemType.TextString ? uid.value : undefined;
}

function requirePermitted(operation: number, { requester }: RequestContext): void {
  const { operations } = requester.identity;
  if (operations === null || !isKnownOperation(operation)) return;
  if (!operations.includes(operationName(operation))) throw new GatewayRefusal('OPERATION_NOT_PERMITTED');
}

/** §6.1: a client is answered in its own version, which has the operations that it has. */
function requireKnown(operation: number, { version }: RequestContext): void {
  const since = operationSince(operation);
  if (since === undefined || knows(version, since)) return;
  throw KmipError.operationNotSupported(
    `${operationName(operation)} came with KMIP 1.${since}; ask for it in that version or a later one`,
  );
}
