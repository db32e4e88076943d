/** Encrypt and Decrypt at the gateway in every mode, and in parts: where a stream runs, and what ends it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCorrelationId } from '../../../../contracts/index.ts';
import { StreamTable } from '../../../cipher/index.ts';
import { generateKeyPair, SecretBytes } from '../../../envelope/index.ts';
import {
  BlockCipherMode,
  KmipError,
  Operation,
  operationSchemas,
  PaddingMethod,
  type RequestOf,
  type ResponseOf,
  ResultReason,
  V1_4,
} from '../../../kmip/index.ts';
import { MeshOperation } from '../../../mesh/index.ts';
import { type ManagedObject, make, State } from '../../../objects/index.ts';
import { Audit } from '../../audit.ts';
import {
  anIdentity,
  FakeCore,
  freshStore,
  granted,
  REGION,
  silent,
  wrappedObject,
} from '../../fixture.test.ts';
import { IvBudget } from '../../keys/iv-budget.ts';
import { KeyCache } from '../../keys/key-cache.ts';
import { KeyRing } from '../../keys/key-ring.ts';
import { LeaseBook } from '../../keys/lease-book.ts';
import { CoreLink } from '../../link/core-link.ts';
import { Tenants } from '../../tenants.ts';
import { Lent, type RequestContext, Staged } from '../context.ts';
import { planItem } from '../plan.ts';

type Cipher = typeof Operation.Encrypt | typeof Operation.Decrypt;

/** A gateway that holds one AES key of acme. */
async function setUp() {
  const store = freshStore();
  const core = new FakeCore();
  const l3 = SecretBytes.random(32);
  const object = wrappedObject(l3, 1, SecretBytes.random(32));
  store.objects.apply(object);
  core.answers[MeshOperation.Lease] = (request) =>
    granted(request, new Map([[1, l3]]), { ttlMs: 60_000, graceMs: 0 });
  const link = new CoreLink({ open: core.open, logger: silent });
  link.markUp();
  const cache = new KeyCache();
  const leases = new LeaseBook({
    region: REGION,
    link,
    tenants: new Tenants(store.registry),
    keyPair: await generateKeyPair(),
    logger: silent,
    onEnded: (tenant, service) => cache.dropService(tenant, service),
    currency: { isCurrent: true, appliedHead: 0, sync: async () => undefined, observeHead: () => undefined },
  });
  const streams = new StreamTable();
  const services = {
    region: REGION,
    store,
    ring: new KeyRing({ region: REGION, store, cache, leases, logger: silent }),
    leases,
    ivBudget: new IvBudget(store),
    audit: new Audit(store, silent),
    announcer: { kick: () => undefined },
    backlogLimit: 10,
    streams,
    allowWeak: false,
  };
  const contextOf = (identity = anIdentity('a')): RequestContext => ({
    services,
    requester: { identity, peer: '127.0.0.1:1' },
    version: V1_4,
    nowS: object.dates.initial,
    correlationId: parseCorrelationId('gw-1'),
    lent: new Lent(),
    staged: undefined,
  });
  /** Runs a request here; undefined when it belongs to the core. */
  async function ask(
    operation: Cipher,
    payload: RequestOf<Cipher>,
    context = contextOf(),
  ): Promise<ResponseOf<typeof Operation.Encrypt> | undefined> {
    const schemas = operationSchemas[operation];
    const item = { operation, payload: operationSchemas[Operation.Decrypt].request.write(payload, V1_4) };
    const plan = planItem(item, undefined, context);
    if (plan.route === 'core') return undefined;
    return schemas.response.read((await plan.run()).payload, V1_4);
  }
  const change = (to: Partial<ManagedObject>) => {
    store.objects.apply({ ...object, ...to, revision: 2 });
    cache.drop(object.uid);
  };
  return { object, streams, leases, contextOf, ask, change };
}

function isKmip(reason: number) {
  return (error: unknown) => error instanceof KmipError && error.resultReason === reason;
}

const data = Buffer.from('some data that is longer than one block');

describe('Encrypt and Decrypt at the gateway', () => {
  it('serve every mode of AES', async () => {
    const { object, ask } = await setUp();
    const { CBC, ECB, PCBC, CFB, OFB, CTR, CCM, GCM, XTS } = BlockCipherMode;
    for (const blockCipherMode of [CBC, ECB, PCBC, CFB, OFB, CTR, CCM, GCM, XTS]) {
      const isPadded = blockCipherMode === CBC || blockCipherMode === ECB || blockCipherMode === PCBC;
      const cryptographicParameters = {
        blockCipherMode,
        ...(isPadded ? { paddingMethod: PaddingMethod.PKCS5 } : {}),
      };
      const common = { uniqueIdentifier: object.uid, cryptographicParameters };
      const sent = await ask(Operation.Encrypt, { ...common, data });
      const back = await ask(Operation.Decrypt, { ...common, ...sent, ...common });
      assert.deepEqual(Buffer.from(back?.data ?? []), data, `mode ${blockCipherMode}`);
    }
  });

  it('go on in parts where they began', async () => {
    const { object, ask, streams } = await setUp();
    const { uid: uniqueIdentifier } = object;
    const first = await ask(Operation.Encrypt, { uniqueIdentifier, data, initIndicator: true });
    assert.equal(streams.size, 1);
    assert.equal(first?.data?.length, data.length);
    const correlationValue = first?.correlationValue;
    const second = await ask(Operation.Encrypt, { uniqueIdentifier, data, correlationValue });
    assert.deepEqual(second?.correlationValue, correlationValue);
    // The key need not be named again.
    const last = await ask(Operation.Encrypt, { correlationValue, finalIndicator: true });
    assert.equal(streams.size, 0);

    const whole = Buffer.concat([first?.data ?? data, second?.data ?? data]);
    const authenticatedEncryptionTag = last?.authenticatedEncryptionTag;
    assert.ok(authenticatedEncryptionTag);
    const opening = await ask(Operation.Decrypt, {
      uniqueIdentifier,
      data: whole.subarray(0, 7),
      ivCounterNonce: first?.ivCounterNonce,
      authenticatedEncryptionTag,
      initIndicator: true,
    });
    assert.equal(opening?.data, undefined, 'nothing before the tag is right');
    const opened = await ask(Operation.Decrypt, {
      uniqueIdentifier,
      data: whole.subarray(7),
      correlationValue: opening?.correlationValue,
      finalIndicator: true,
    });
    assert.deepEqual(Buffer.from(opened?.data ?? []), Buffer.concat([data, data]));

    // One that began at the core stays there, though the key is here.
    const strange = await ask(Operation.Encrypt, { uniqueIdentifier, data, correlationValue });
    assert.equal(strange, undefined);
  });

  it('stop when the key may not be used any more, or the tenant is closed', async () => {
    const { object, ask, change, streams, leases } = await setUp();
    const begin = { uniqueIdentifier: object.uid, data, initIndicator: true };
    const other = await ask(Operation.Encrypt, begin);
    const revoked = await ask(Operation.Encrypt, begin);
    change({ state: State.Compromised });
    const next = { uniqueIdentifier: object.uid, data, correlationValue: revoked?.correlationValue };
    await assert.rejects(ask(Operation.Encrypt, next), isKmip(ResultReason.PermissionDenied));
    leases.drop(object.tenant, undefined, 'LINK_CLOSED');
    streams.dropTenant(object.tenant);
    const closed = { ...next, correlationValue: other?.correlationValue };
    assert.equal(await ask(Operation.Encrypt, closed), undefined, 'nobody knows it any more');
  });

  it("stop when Usage Limits come to the key: their count is the core's", async () => {
    const { object, ask, change } = await setUp();
    const begun = await ask(Operation.Encrypt, { uniqueIdentifier: object.uid, data, initIndicator: true });
    change({ attributes: [make.text('Usage Limits', 'any')] });
    const next = { uniqueIdentifier: object.uid, data, correlationValue: begun?.correlationValue };
    assert.equal(await ask(Operation.Encrypt, next), undefined);
  });

  it("are their owner's, and end with an error", async () => {
    const { object, ask, contextOf, streams } = await setUp();
    const { uid: uniqueIdentifier } = object;
    const begun = await ask(Operation.Encrypt, { uniqueIdentifier, data, initIndicator: true });
    const next = { uniqueIdentifier, data, correlationValue: begun?.correlationValue };
    const stranger = contextOf(anIdentity('b'));
    await assert.rejects(ask(Operation.Encrypt, next, stranger), isKmip(ResultReason.ItemNotFound));
    await assert.rejects(ask(Operation.Decrypt, next), isKmip(ResultReason.ItemNotFound));
    assert.equal(streams.size, 1);
    const cbc = { cryptographicParameters: { blockCipherMode: BlockCipherMode.CBC } };
    const open = await ask(Operation.Encrypt, { uniqueIdentifier, data, initIndicator: true, ...cbc });
    const last = { uniqueIdentifier, correlationValue: open?.correlationValue, finalIndicator: true };
    await assert.rejects(ask(Operation.Encrypt, last), isKmip(ResultReason.InvalidField));
    assert.equal(streams.size, 1);
    streams.clear();
  });

  it('end with a batch that is undone, and go on after one that is not', async () => {
    const { object, ask, contextOf, streams } = await setUp();
    const { uid: uniqueIdentifier } = object;
    const begun = await ask(Operation.Encrypt, { uniqueIdentifier, data, initIndicator: true });
    const next = { uniqueIdentifier, data, correlationValue: begun?.correlationValue };
    const stands = { ...contextOf(), staged: new Staged() };
    await ask(Operation.Encrypt, next, stands);
    await ask(Operation.Encrypt, next, stands);
    await assert.rejects(ask(Operation.Encrypt, next), isKmip(ResultReason.ItemNotFound));
    stands.staged.settle();
    await ask(Operation.Encrypt, next);
    const undone = { ...contextOf(), staged: new Staged() };
    await ask(Operation.Encrypt, next, undone);
    undone.staged.discard();
    assert.equal(streams.size, 0);
  });
});
