/** The hot path and the general one on the same bytes: where both answer, they say the same. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCorrelationId } from '../../../../contracts/index.ts';
import { StreamTable } from '../../../cipher/index.ts';
import { generateKeyPair, SecretBytes } from '../../../envelope/index.ts';
import {
  attribute,
  BatchErrorContinuationOption,
  BlockCipherMode,
  CryptographicAlgorithm,
  CryptographicUsageMask,
  decodeResponse,
  encodeRequest,
  Operation,
  operationSchemas,
  ResultStatus,
  V1_4,
} from '../../../kmip/index.ts';
import { MeshOperation } from '../../../mesh/index.ts';
import { type ManagedObject, make, State, served } from '../../../objects/index.ts';
import { Audit } from '../../audit.ts';
import {
  anIdentity,
  FakeCore,
  freshStore,
  granted,
  OTHER_TENANT,
  REGION,
  silent,
  wrappedObject,
} from '../../fixture.test.ts';
import { IvBudget } from '../../keys/iv-budget.ts';
import { KeyCache } from '../../keys/key-cache.ts';
import { KeyRing } from '../../keys/key-ring.ts';
import { LeaseBook } from '../../keys/lease-book.ts';
import { Announcer } from '../../link/announcer.ts';
import { CoreLink } from '../../link/core-link.ts';
import { PushApplier } from '../../link/push-applier.ts';
import { createMetrics } from '../../metrics.ts';
import type { Store } from '../../store/store.ts';
import { Tenants } from '../../tenants.ts';
import type { Requester } from '../context.ts';
import { RequestHandler } from '../handler.ts';
import { Tunnel } from '../tunnel.ts';
import { HotPath } from './hot-path.ts';
import { newScan, scanRequest } from './scan.ts';

const { Encrypt, Decrypt, Get, Activate, Query } = Operation;
const requester: Requester = { identity: anIdentity('a'), peer: '127.0.0.1:1' };

let store: Store;
let audit: Audit;
let handler: RequestHandler;
let hot: HotPath;
let spent: (uid: string) => number;
/** By what is special about each. */
const objects = new Map<string, ManagedObject>();

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

before(async () => {
  store = freshStore();
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
  audit = new Audit(store, silent);
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
    backlogLimit: 10,
    streams: new StreamTable(),
    allowWeak: false,
  };
  handler = new RequestHandler({
    services,
    tunnel: new Tunnel({ link, announcer, applier }),
    metrics,
    logger: silent,
  });
  hot = new HotPath({ services, metrics, nextCorrelationId: () => parseCorrelationId('hot-1') });
  spent = (uid) => ivBudget.spentOf(uid);
});
after(() => store.close());

const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined });
/** None in three of four. */
const seldom = <T>(...values: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.constantFrom(...values));
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

const request = fc.record({
  operation: fc.constantFrom(Encrypt, Encrypt, Decrypt, Decrypt, Get, Activate, Query),
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
  continuation: seldom(...Object.values(BatchErrorContinuationOption)),
  maximumResponseSize: seldom(100, 10_000),
  damage: fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    fc.record({ at: fc.nat(), bit: fc.nat({ max: 7 }), cut: fc.constantFrom(0, 0, 8, 3) }),
  ),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

function encoded(wanted: Request): Uint8Array {
  const { operation, kind, minor, id, continuation, maximumResponseSize, damage } = wanted;
  const version = { major: 1, minor };
  const uid = kind === 'absent' ? undefined : (objects.get(kind)?.uid ?? kind);
  const payload = payloadOf(wanted, uid);
  const whole = encodeRequest({
    header: {
      protocolVersion: version,
      maximumResponseSize,
      batchErrorContinuationOption: continuation,
      batchCount: 1,
    },
    items: [{ operation, uniqueBatchItemId: id, payload }],
  });
  if (damage === undefined) return whole;
  const damaged = Buffer.from(whole.subarray(0, whole.length - damage.cut));
  const at = damage.at % damaged.length;
  damaged[at] = (damaged[at] ?? 0) ^ (1 << damage.bit);
  return damaged;
}

/** In the newest version: what an older one does not know is to be refused, and not hidden. */
function payloadOf({ operation, data, sealed, iv, aad, parameters }: Request, uid: string | undefined) {
  const common = {
    uniqueIdentifier: uid,
    cryptographicParameters: parameters,
    data,
    ivCounterNonce: iv,
    authenticatedEncryptionAdditionalData: aad,
  };
  if (operation === Encrypt) return operationSchemas[Encrypt].request.write(common, V1_4);
  if (operation === Decrypt) {
    const valid = sealed && uid !== undefined ? sealedWith(uid, data ?? new Uint8Array(5), aad) : common;
    return operationSchemas[Decrypt].request.write({ ...common, ...valid }, V1_4);
  }
  if (operation === Get) return operationSchemas[Get].request.write({ uniqueIdentifier: uid }, V1_4);
  if (operation === Activate)
    return operationSchemas[Activate].request.write({ uniqueIdentifier: uid }, V1_4);
  return operationSchemas[Query].request.write({ queryFunction: [1] }, V1_4);
}

/** What Decrypt wants. */
function sealedWith(uid: string, data: Uint8Array, aad: Uint8Array | undefined) {
  const payload = operationSchemas[Encrypt].request.write(
    { uniqueIdentifier: uid, data, authenticatedEncryptionAdditionalData: aad },
    V1_4,
  );
  const message = encodeRequest({
    header: { protocolVersion: V1_4, batchCount: 1 },
    items: [{ operation: Encrypt, payload }],
  });
  // Under an L3 the general path has a promise; what the hot path makes there the general one is to open.
  const answer = hot.answer(message, requester) ?? handler.handleGenerally(message, requester);
  if (answer instanceof Promise) return {};
  const [item] = decodeResponse(answer).items;
  if (item?.resultStatus !== ResultStatus.Success || item.payload === undefined) return {};
  const {
    data: text,
    ivCounterNonce,
    authenticatedEncryptionTag,
  } = operationSchemas[Encrypt].response.read(item.payload, V1_4);
  return { data: text, ivCounterNonce, authenticatedEncryptionTag };
}

/** Both answers may have been given in different seconds. */
const TIME_STAMP_AT = 64;
function withoutTime(answer: Uint8Array): Buffer {
  return Buffer.from(answer).fill(0, TIME_STAMP_AT, TIME_STAMP_AT + 8);
}

function isEncrypt(answer: Uint8Array): boolean {
  return decodeResponse(answer).items[0]?.operation === Encrypt;
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

describe('the hot path', () => {
  it('gives the answers of the general path, or none', async () => {
    let answered = 0;
    let asked = 0;
    await fc.assert(
      fc.asyncProperty(request, async (wanted) => {
        const message = encoded(wanted);
        const uid = objects.get(wanted.kind)?.uid ?? '';
        const before = spent(uid);
        const quick = hot.answer(message, requester);
        asked += 1;
        if (quick === undefined) {
          assert.equal(spent(uid), before, 'what is left to the other path has had no effect');
          return;
        }
        answered += 1;
        const general = await handler.handleGenerally(message, requester);
        if (isEncrypt(quick)) assert.deepEqual(withoutRandom(quick), withoutRandom(general));
        else assert.deepEqual(withoutTime(quick), withoutTime(general));
      }),
      { numRuns: 5_000 },
    );
    assert.ok(answered > asked / 40, `${answered} of ${asked} were answered`);
  });

  for (const minor of [2, 3, 4]) {
    it(`encrypts for clients of KMIP 1.${minor} what the general path decrypts, and back`, () => {
      const uid = objects.get('plain')?.uid ?? '';
      const version = { major: 1, minor };
      const ask = (operation: typeof Encrypt | typeof Decrypt, more: object): Uint8Array => {
        const schema = operationSchemas[operation].request;
        const payload = schema.write({ uniqueIdentifier: uid, ...more }, version);
        return encodeRequest({
          header: { protocolVersion: version, batchCount: 1 },
          items: [{ operation, payload }],
        });
      };
      for (const size of [0, 1, 15, 16, 17, 4_096, 16_384]) {
        const data = Buffer.alloc(size, 7);
        const answer = hot.answer(ask(Encrypt, { data }), requester);
        assert.ok(answer);
        const payload = decodeResponse(answer).items[0]?.payload;
        assert.ok(payload);
        const { uniqueIdentifier: _, ...sealed } = operationSchemas[Encrypt].response.read(payload, version);
        const back = ask(Decrypt, sealed);
        for (const opened of [hot.answer(back, requester), handler.handleGenerally(back, requester)]) {
          assert.ok(opened instanceof Uint8Array);
          const found = decodeResponse(opened).items[0]?.payload;
          assert.ok(found);
          assert.deepEqual(
            Buffer.from(operationSchemas[Decrypt].response.read(found, version).data ?? []),
            data,
          );
        }
      }
    });
  }

  it('gives out a key that has been given out before, and leaves an entry in the trail', async () => {
    for (const minor of [0, 1, 2, 3, 4]) {
      const version = { major: 1, minor };
      const ask = (kind: string): Uint8Array =>
        encodeRequest({
          header: { protocolVersion: version, batchCount: 1 },
          items: [
            {
              operation: Get,
              payload: operationSchemas[Get].request.write(
                { uniqueIdentifier: objects.get(kind)?.uid ?? kind },
                version,
              ),
            },
          ],
        });
      await audit.flush();
      const events = store.audit.size;
      const answer = hot.answer(ask('served'), requester);
      assert.ok(answer);
      await audit.flush();
      assert.equal(store.audit.size, events + 1);
      const general = handler.handleGenerally(ask('served'), requester);
      assert.ok(general instanceof Uint8Array);
      assert.deepEqual(withoutTime(answer), withoutTime(general));
      for (const other of ['plain', 'sensitive', 'kept', 'archived', 'foreign', 'l3:orders'])
        assert.equal(hot.answer(ask(other), requester), undefined, other);
    }
  });

  it('leaves to the general path whom it may not serve', () => {
    const uid = objects.get('plain')?.uid ?? '';
    const payload = operationSchemas[Encrypt].request.write(
      { uniqueIdentifier: uid, data: new Uint8Array(4) },
      V1_4,
    );
    const message = encodeRequest({
      header: { protocolVersion: V1_4, batchCount: 1 },
      items: [{ operation: Encrypt, payload }],
    });
    const { identity } = requester;
    for (const other of [
      { ...identity, tenant: OTHER_TENANT },
      { ...identity, services: [] },
      { ...identity, operations: ['Decrypt'] },
    ]) {
      assert.equal(hot.answer(message, { identity: other, peer: 'p' }), undefined);
    }
    assert.ok(hot.answer(message, { identity: { ...identity, operations: ['Encrypt'] }, peer: 'p' }));
  });

  it('reads within the message, whatever the message claims', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), request, fc.nat(), (noise, wanted, cut) => {
        const scan = newScan();
        const message = Buffer.from(encoded(wanted));
        for (const one of [Buffer.from(noise), message.subarray(0, cut % (message.length + 1))]) {
          if (!scanRequest(one, scan)) continue;
          for (const [at, length] of [
            [scan.uidAt, scan.uidLength],
            [scan.dataAt, scan.dataLength],
            [scan.ivAt, scan.ivLength],
            [scan.aadAt, scan.aadLength],
            [scan.tagAt, scan.tagLength],
            [scan.idAt, scan.idLength],
          ] as const) {
            assert.ok(length < 0 || at + length <= one.length);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
