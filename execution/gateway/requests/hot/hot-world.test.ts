/**
 * A gateway's request handling without its network, for tests of the hot path: objects of every kind that it must tell
 * apart, requests for them, valid, strange and damaged, and the comparison of its answers with those of the general path.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { StreamTable } from '../../../cipher/index.ts';
import { generateKeyPair, SecretBytes } from '../../../envelope/index.ts';
import {
  type Attribute,
  attribute,
  BatchErrorContinuationOption,
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  decodeResponse,
  encodeRequest,
  NameType,
  ObjectType,
  Operation,
  operationSchemas,
  ResultStatus,
  UsageLimitsUnit,
  V1_4,
} from '../../../kmip/index.ts';
import { MeshOperation } from '../../../mesh/index.ts';
import {
  decodeObject,
  encodeObject,
  type ManagedObject,
  make,
  nameAttribute,
  State,
  served,
} from '../../../objects/index.ts';
import { Audit } from '../../audit.ts';
import {
  anIdentity,
  FakeCore,
  freshStore,
  granted,
  OTHER_TENANT,
  REGION,
  silent,
  TENANT,
  wrappedObject,
} from '../../fixture.test.ts';
import { IvBudget } from '../../keys/iv-budget.ts';
import { KeyCache } from '../../keys/key-cache.ts';
import { KeyRing } from '../../keys/key-ring.ts';
import { LeaseBook } from '../../keys/lease-book.ts';
import { Announcer } from '../../link/announcer.ts';
import { CoreLink } from '../../link/core-link.ts';
import { PushApplier } from '../../link/push-applier.ts';
import { createMetrics, type GatewayMetrics } from '../../metrics.ts';
import type { Store } from '../../store/store.ts';
import { Tenants } from '../../tenants.ts';
import type { Requester, Services } from '../context.ts';
import { Correlations } from '../correlation.ts';
import { RequestHandler } from '../handler.ts';
import { Tunnel } from '../tunnel.ts';
import { HotPath } from './hot-path.ts';

const { Create, Encrypt, Decrypt, Get, Activate, Query } = Operation;
export const requester: Requester = { identity: anIdentity('a'), peer: '127.0.0.1:1' };

/** By what is special about each. */
const kinds: Readonly<Record<string, (plain: ManagedObject) => ManagedObject>> = {
  plain: (plain) => plain,
  deactivated: (plain) => ({ ...plain, state: State.Deactivated }),
  preActive: ({ dates: { activation: _, ...dates }, ...plain }) => ({
    ...plain,
    state: State.PreActive,
    dates,
  }),
  maskless: (plain) => ({ ...plain, usageMask: CryptographicUsageMask.WrapKey }),
  encryptOnly: (plain) => ({ ...plain, usageMask: CryptographicUsageMask.Encrypt }),
  archived: (plain) => ({ ...plain, dates: { ...plain.dates, archive: plain.dates.initial } }),
  stopped: (plain) => ({ ...plain, dates: { ...plain.dates, protectStop: plain.dates.initial - 10 } }),
  withMode: (plain) => ({
    ...plain,
    attributes: [attribute('Cryptographic Parameters', { blockCipherMode: BlockCipherMode.CBC })],
  }),
  double: (plain) => ({ ...plain, cryptographicLength: 512 }),
  foreign: (plain) => ({ ...plain, tenant: OTHER_TENANT }),
  served: (plain) => served(plain),
  servedToo: (plain) => served({ ...plain, state: State.Compromised }),
  sensitive: (plain) => served({ ...plain, attributes: [make.boolean('Sensitive', true)] }),
  kept: (plain) => served({ ...plain, attributes: [make.boolean('Extractable', false)] }),
  hmac: (plain) => ({ ...plain, cryptographicAlgorithm: CryptographicAlgorithm.HMAC_SHA256 }),
};

export interface HotWorld {
  readonly store: Store;
  readonly audit: Audit;
  readonly services: Services;
  readonly metrics: GatewayMetrics;
  readonly handler: RequestHandler;
  readonly hot: HotPath;
  readonly objects: ReadonlyMap<string, ManagedObject>;
  /** New keys by UID, as they were stored. */
  readonly records: Map<string, Buffer>;
  spentOf(uid: string): number;
  close(): void;
}

export async function hotWorld(whenAuditFull?: 'refuse' | 'drop', maxNoted?: number): Promise<HotWorld> {
  const objects = new Map<string, ManagedObject>();
  // Nothing of it is to last: a flush to a real disk for each key would be most of the time.
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'okcm-hot-'));
  const store = freshStore(join(directory, 'gateway.sqlite'));
  const records = new Map<string, Buffer>();
  const { insertNew } = store.objects;
  store.objects.insertNew = (object) => {
    records.set(object.uid, Buffer.from(encodeObject(object)));
    insertNew.call(store.objects, object);
  };
  const core = new FakeCore();
  const l3 = SecretBytes.random(32);
  const link = new CoreLink({ open: core.open, logger: silent });
  link.markUp();
  const cache = new KeyCache();
  core.answers[MeshOperation.Lease] = (request) =>
    granted(request, new Map([[1, l3]]), { ttlMs: 600_000, graceMs: 600_000 });
  const tenants = new Tenants(store.registry);
  const leases = new LeaseBook({
    region: REGION,
    link,
    tenants,
    keyPair: await generateKeyPair(),
    logger: silent,
    onEnded: (tenant, service) => cache.dropService(tenant, service),
    currency: { isCurrent: true, appliedHead: 0, sync: async () => undefined, observeHead: () => undefined },
  });
  const ring = new KeyRing({ region: REGION, store, cache, leases, logger: silent });
  const audit = new Audit(store, silent, {
    whenFull: whenAuditFull,
    maxNoted,
    onLost: (event) => metrics.auditLost.inc({ event }),
  });
  const ivBudget = new IvBudget(store);
  for (const [kind, change] of Object.entries(kinds)) {
    // Two keys in one, as XTS takes them.
    const key = SecretBytes.random(kind === 'double' ? 64 : 32);
    const object = change(wrappedObject(l3, 1, key));
    store.objects.apply(object);
    await leases.acquire(object.tenant, object.service);
    cache.put(object, key);
    objects.set(kind, object);
  }
  const effects = {
    tenantClosed: () => undefined,
    serviceFlushed: () => undefined,
    serviceRotated: () => undefined,
    objectChanged: () => undefined,
    identityRemoved: () => undefined,
    issuersChanged: () => undefined,
  };
  core.isCut = true;
  const announcer = new Announcer({ link, store, audit, logger: silent, onChanged: () => undefined });
  const applier = new PushApplier({
    store,
    tenants,
    identities: {
      put: () => undefined,
      remove: () => undefined,
      putIssuer: () => false,
      reload: () => undefined,
    } as never,
    logger: silent,
    effects,
  });
  const metrics = createMetrics(REGION, () => {
    throw new Error('nobody scrapes');
  });
  const services = {
    region: REGION,
    store,
    ring,
    leases,
    ivBudget,
    audit,
    announcer,
    backlogLimit: Number.MAX_SAFE_INTEGER,
    streams: new StreamTable(),
    allowWeak: false,
  };
  const handler = new RequestHandler({
    services,
    tunnel: new Tunnel({ link, announcer, applier }),
    metrics,
    logger: silent,
  });
  const hot = new HotPath({
    services,
    metrics,
    correlations: new Correlations(),
    failed: (message, error) => {
      throw error instanceof Error ? error : new Error(`${message.length} bytes failed`);
    },
  });
  return {
    store,
    audit,
    services,
    metrics,
    handler,
    hot,
    objects,
    records,
    spentOf: (uid) => ivBudget.spentOf(uid),
    close: () => {
      audit.close();
      leases.close();
      cache.clear();
      store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined });
/** None in three of four. */
const seldom = <T>(...values: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.constantFrom(...values));
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
/** Of a value that is most often the first. */
const mostly = <T>(first: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(first) }, fc.constantFrom(...others));

const NOW_S = Math.floor(Date.now() / 1000);
const { AES, DES3, HMAC_SHA256 } = CryptographicAlgorithm;
const text = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[ -~]{1,40}$/) },
  fc.constantFrom('', 'Schlüssel', 'a\u0000b', 'x'.repeat(300), '\u{1F511}', ' '),
);
/** What a template most often holds, what it may hold besides, and what it may not. */
const template: fc.Arbitrary<readonly Attribute[]> = fc
  .record({
    algorithm: mostly<number | undefined>(AES, DES3, HMAC_SHA256, undefined),
    length: mostly<number | undefined>(256, 128, 192, 128, 192, 112, 0, 100, undefined),
    mask: mostly<number | undefined>(12, 0, 4, 8, 0x7fff_ffff, -1, undefined),
    activation: seldom(NOW_S - 100, NOW_S + 100_000, 0, 2 ** 45),
    names: fc.oneof(
      { weight: 3, arbitrary: fc.array(text, { maxLength: 1 }) },
      fc.array(text, { maxLength: 3 }),
    ),
    nameType: mostly<number>(NameType.UninterpretedTextString, NameType.URI, 7),
    sensitive: seldom(true, false),
    extractable: seldom(true, false),
    group: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, text),
    more: seldom<Attribute>(
      make.text('x-note', 'mine'),
      make.text('y-note', 'yours'),
      make.text('Operation Policy Name', 'default'),
      make.text('Contact Information', 'me'),
      make.text('No Such Attribute', ''),
      make.date('Deactivation Date', NOW_S + 1_000),
      make.date('Protect Stop Date', NOW_S + 1_000),
      make.enumeration('State', 2),
      make.integer('Sensitive', 1),
      { ...make.text('Object Group', 'indexed'), attributeIndex: 0 },
      make.integer('Cryptographic Length', 128),
      attribute('Usage Limits', {
        usageLimitsTotal: 5n,
        usageLimitsCount: 5n,
        usageLimitsUnit: UsageLimitsUnit.Object,
      }),
    ),
    order: fc.nat(),
  })
  .map((wanted) => {
    const { algorithm, length, mask, activation, names, nameType, sensitive, extractable, group, more } =
      wanted;
    const attributes = [
      ...(algorithm === undefined ? [] : [make.enumeration('Cryptographic Algorithm', algorithm)]),
      ...(length === undefined ? [] : [make.integer('Cryptographic Length', length)]),
      ...(mask === undefined ? [] : [make.integer('Cryptographic Usage Mask', mask)]),
      ...(activation === undefined ? [] : [make.date('Activation Date', activation)]),
      ...names.map((name) => nameAttribute(name, nameType)),
      ...(sensitive === undefined ? [] : [make.boolean('Sensitive', sensitive)]),
      ...(extractable === undefined ? [] : [make.boolean('Extractable', extractable)]),
      ...(group === undefined ? [] : [make.text('Object Group', group)]),
      ...(more === undefined ? [] : [more]),
    ];
    // Some orders of all that there are: clients have theirs.
    const turn = wanted.order % (attributes.length + 1);
    return [...attributes.slice(turn), ...attributes.slice(0, turn)];
  });

export const request = fc.record({
  operation: fc.constantFrom(Encrypt, Encrypt, Decrypt, Decrypt, Get, Get, Create, Create, Activate, Query),
  minor: fc.constantFrom(4, 4, 4, 3, 2, 1, 0),
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('plain', 'served') },
    { weight: 2, arbitrary: fc.constantFrom(...Object.keys(kinds), 'absent', 'unknown', 'l3:orders') },
  ),
  data: maybe(bytes(100)),
  sealed: fc.boolean(),
  iv: seldom(new Uint8Array(12), new Uint8Array(16)),
  aad: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, bytes(40)),
  parameters: seldom({}, { blockCipherMode: BlockCipherMode.GCM }),
  id: maybe(bytes(12)),
  template,
  objectType: mostly<number>(ObjectType.SymmetricKey, ObjectType.SecretData, 99),
  continuation: seldom(...Object.values(BatchErrorContinuationOption)),
  maximumResponseSize: seldom(100, 10_000),
  damage: fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    fc.record({ at: fc.nat(), bit: fc.nat({ max: 7 }), cut: fc.constantFrom(0, 0, 8, 3) }),
  ),
});
export type HotRequest = typeof request extends fc.Arbitrary<infer T> ? T : never;

export function encoded(world: HotWorld, wanted: HotRequest): Uint8Array {
  const { operation, kind, minor, id, continuation, maximumResponseSize, damage } = wanted;
  const version = { major: 1, minor };
  const uid = kind === 'absent' ? undefined : (world.objects.get(kind)?.uid ?? kind);
  const whole = encodeRequest({
    header: {
      protocolVersion: version,
      maximumResponseSize,
      batchErrorContinuationOption: continuation,
      batchCount: 1,
    },
    items: [{ operation, uniqueBatchItemId: id, payload: payloadOf(world, wanted, uid) }],
  });
  if (damage === undefined) return whole;
  const damaged = Buffer.from(whole.subarray(0, whole.length - damage.cut));
  const at = damage.at % damaged.length;
  damaged[at] = (damaged[at] ?? 0) ^ (1 << damage.bit);
  return damaged;
}

/** In the newest version: what an older one does not know is to be refused, and not hidden. */
function payloadOf(world: HotWorld, wanted: HotRequest, uid: string | undefined) {
  const { operation, data, sealed, iv, aad, parameters, objectType, template: attributes } = wanted;
  const common = {
    uniqueIdentifier: uid,
    cryptographicParameters: parameters,
    data,
    ivCounterNonce: iv,
    authenticatedEncryptionAdditionalData: aad,
  };
  switch (operation) {
    case Create:
      return operationSchemas[Create].request.write(
        { objectType, templateAttribute: { attribute: attributes } },
        V1_4,
      );
    case Encrypt:
      return operationSchemas[Encrypt].request.write(common, V1_4);
    case Decrypt: {
      const valid = sealed && uid !== undefined ? sealedWith(world, uid, data ?? new Uint8Array(5), aad) : {};
      return operationSchemas[Decrypt].request.write({ ...common, ...valid }, V1_4);
    }
    case Get:
      return operationSchemas[Get].request.write({ uniqueIdentifier: uid }, V1_4);
    case Activate:
      return operationSchemas[Activate].request.write({ uniqueIdentifier: uid }, V1_4);
    default:
      return operationSchemas[Query].request.write({ queryFunction: [1] }, V1_4);
  }
}

/** What Decrypt wants. */
function sealedWith(world: HotWorld, uid: string, data: Uint8Array, aad: Uint8Array | undefined) {
  const payload = operationSchemas[Encrypt].request.write(
    { uniqueIdentifier: uid, data, authenticatedEncryptionAdditionalData: aad },
    V1_4,
  );
  const message = encodeRequest({
    header: { protocolVersion: V1_4, batchCount: 1 },
    items: [{ operation: Encrypt, payload }],
  });
  // Under an L3 the general path has a promise; what the hot path makes there the general one is to open.
  const answer = world.hot.answer(message, requester) ?? world.handler.handleGenerally(message, requester);
  if (answer instanceof Promise) return {};
  const [item] = decodeResponse(answer).items;
  if (item?.resultStatus !== ResultStatus.Success || item.payload === undefined) return {};
  const {
    data: sealed,
    ivCounterNonce,
    authenticatedEncryptionTag,
  } = operationSchemas[Encrypt].response.read(item.payload, V1_4);
  return { data: sealed, ivCounterNonce, authenticatedEncryptionTag };
}

/** Asks the hot path alone, with the message in the midst of others, as it lies in what a connection has read. */
export function askHot({ hot }: HotWorld, message: Uint8Array, at: number): Uint8Array | undefined {
  const plain = hot.plainAnswers(() => requester);
  const read = Buffer.alloc(at + message.length + 40, 0x42);
  read.set(message, at);
  const out = Buffer.alloc(200_000, 0xee);
  const end = plain.answer(read, at, at + message.length, out, at);
  plain.done(performance.now());
  if (end < 0) return undefined;
  assert.ok(out.subarray(0, at).every((byte) => byte === 0xee) && out.subarray(end).every((b) => b === 0xee));
  return Buffer.from(out.subarray(at, end));
}

/** Whether the hot path has answered; then the general one has given the same answer. */
export async function isAnsweredAlike(world: HotWorld, wanted: HotRequest): Promise<boolean> {
  const message = encoded(world, wanted);
  const uid = world.objects.get(wanted.kind)?.uid ?? '';
  const spent = world.spentOf(uid);
  const { noted } = world.audit;
  const quick = askHot(world, message, message.length % 7) ?? (await world.hot.create(message, requester));
  if (quick === undefined) {
    assert.equal(world.spentOf(uid), spent, 'what is left to the other path has had no effect');
    assert.equal(world.audit.noted, noted);
    return false;
  }
  switch (decodeResponse(quick).items[0]?.operation) {
    case Create: {
      const made = takeObject(world, quick);
      const general = await world.handler.handleGenerally(message, requester);
      assert.deepEqual(withoutUid(quick), withoutUid(general));
      assert.deepEqual(made, takeObject(world, general));
      break;
    }
    case Encrypt:
      assert.deepEqual(
        withoutRandom(quick),
        withoutRandom(await world.handler.handleGenerally(message, requester)),
      );
      break;
    default:
      assert.deepEqual(
        withoutTime(quick),
        withoutTime(await world.handler.handleGenerally(message, requester)),
      );
  }
  return true;
}

/** What a Create has made, but for what is random, and forgets it, so that its names are free again. */
function takeObject({ store, services, records }: HotWorld, answer: Uint8Array) {
  const uid = createdIn(answer);
  const row = store.objects.get(requester.identity.tenant, uid);
  assert.ok(row !== undefined && !row.announced);
  const { object } = row;
  // What was written field by field is what the codec writes of what it reads from it.
  assert.deepEqual(decodeObject(encodeObject({ ...object })), object);
  const held = services.ring.ready(object.tenant, uid);
  assert.ok(held !== undefined);
  const written = records.get(uid);
  records.delete(uid);
  assert.deepEqual(written, Buffer.from(encodeObject(held.object)));
  assert.deepEqual(written, Buffer.from(encodeObject(object)));
  assert.equal(held.key.sizeBytes * 8, object.cryptographicLength);
  const wrapped = object.wrapped?.length;
  store.transaction(() => store.objects.destroy(TENANT, uid));
  const { initial, lastChange, originalCreation, ...dates } = object.dates;
  assert.ok(initial === lastChange && initial === originalCreation);
  return { ...object, uid: '', digest: object.digest?.length, wrapped, dates };
}

export function createdIn(answer: Uint8Array): string {
  const payload = decodeResponse(answer).items[0]?.payload;
  assert.ok(payload, 'it was created');
  return operationSchemas[Create].response.read(payload, V1_4).uniqueIdentifier;
}

/** Both answers may have been given in different seconds. */
const TIME_STAMP_AT = 64;
export function withoutTime(answer: Uint8Array): Buffer {
  return Buffer.from(answer).fill(0, TIME_STAMP_AT, TIME_STAMP_AT + 8);
}

function withoutUid(answer: Uint8Array): Buffer {
  const plain = withoutTime(answer);
  const at = plain.indexOf(createdIn(answer));
  return plain.fill(0, at, at + 36);
}

/** Random values apart, answers to Encrypt have the same bytes; what was encrypted is opened again elsewhere. */
function withoutRandom(answer: Uint8Array) {
  const { header, items } = decodeResponse(answer);
  const [item] = items;
  assert.ok(item?.payload);
  const read = operationSchemas[Encrypt].response.read(item.payload, V1_4);
  return {
    header: { ...header, timeStamp: 0 },
    item: { ...item, payload: undefined },
    uid: read.uniqueIdentifier,
    // Under an L3 the envelope holds all three.
    sizes: [read.data?.length, read.ivCounterNonce?.length, read.authenticatedEncryptionTag?.length],
    length: answer.length,
  };
}
