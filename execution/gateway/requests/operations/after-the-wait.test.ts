/**
 * A request that waits for its key is judged by what the object is when the wait is over: a revocation that came in
 * between, with a sync that the lease needed, counts (KMIP 1.4 §3.22, D7).
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCorrelationId } from '../../../../contracts/index.ts';
import { StreamTable } from '../../../cipher/index.ts';
import { generateKeyPair, SecretBytes } from '../../../envelope/index.ts';
import {
  CryptographicUsageMask,
  EncodingOption,
  KmipError,
  ResultReason,
  V1_4,
  WrappingMethod,
} from '../../../kmip/index.ts';
import { decodeAuditEvents, MeshOperation } from '../../../mesh/index.ts';
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
import { Lent, type LocalResult, type RequestContext } from '../context.ts';
import { decrypt, encrypt } from './cipher.ts';
import { get } from './get.ts';

/** A gateway without a lease, whose core applies `change` to the object before it grants one. */
async function setUp(change: (object: ManagedObject) => ManagedObject) {
  const store = freshStore();
  const core = new FakeCore();
  const l3 = SecretBytes.random(32);
  const plain = wrappedObject(l3, 1, SecretBytes.random(32));
  const object: ManagedObject = {
    ...plain,
    usageMask:
      CryptographicUsageMask.Encrypt | CryptographicUsageMask.Decrypt | CryptographicUsageMask.WrapKey,
  };
  store.objects.apply(object);
  const link = new CoreLink({ open: core.open, logger: silent });
  link.markUp();
  const cache = new KeyCache();
  core.answers[MeshOperation.Lease] = (request) => {
    store.objects.apply({ ...change(object), revision: 2 });
    cache.drop(object.uid);
    return granted(request, new Map([[1, l3]]), { ttlMs: 60_000, graceMs: 0 });
  };
  const leases = new LeaseBook({
    region: REGION,
    link,
    tenants: new Tenants(store.registry),
    keyPair: await generateKeyPair(),
    logger: silent,
    onEnded: (tenant, service) => cache.dropService(tenant, service),
    currency: { isCurrent: true, appliedHead: 0, sync: async () => undefined, observeHead: () => undefined },
  });
  const ring = new KeyRing({ region: REGION, store, cache, leases, logger: silent });
  const audit = new Audit(store, silent);
  const context: RequestContext = {
    services: {
      region: REGION,
      store,
      ring,
      leases,
      ivBudget: new IvBudget(store),
      audit,
      announcer: { kick: () => undefined },
      backlogLimit: 10,
      streams: new StreamTable(),
      allowWeak: false,
    },
    requester: { identity: anIdentity('a'), peer: '127.0.0.1:1' },
    version: V1_4,
    nowS: object.dates.initial,
    correlationId: parseCorrelationId('gw-1'),
    lent: new Lent(),
    staged: undefined,
  };
  return { context, object, audit, store };
}

async function refusedWith(reason: number, run: () => LocalResult | Promise<LocalResult>): Promise<void> {
  await assert.rejects(
    async () => run(),
    (error) => error instanceof KmipError && error.resultReason === reason,
  );
}

const compromised = (object: ManagedObject): ManagedObject => ({
  ...object,
  state: State.Compromised,
  dates: { ...object.dates, compromise: object.dates.initial },
});
const withoutUses = (object: ManagedObject): ManagedObject => ({ ...object, usageMask: 0 });
const sensitive = (object: ManagedObject): ManagedObject => ({
  ...object,
  attributes: [make.boolean('Sensitive', true)],
});
const notExtractable = (object: ManagedObject): ManagedObject => ({
  ...object,
  attributes: [make.boolean('Extractable', false)],
});
const archived = (object: ManagedObject): ManagedObject => ({
  ...object,
  dates: { ...object.dates, archive: object.dates.initial },
});
const same = (object: ManagedObject): ManagedObject => object;

const data = Buffer.alloc(16);
const wrapping = (uniqueIdentifier: string) => ({
  keyWrappingSpecification: {
    wrappingMethod: WrappingMethod.Encrypt,
    encryptionKeyInformation: { uniqueIdentifier },
    encodingOption: EncodingOption.NoEncoding,
  },
});

describe('what has changed while a request waited for its key', () => {
  it('stops Encrypt and Decrypt', async () => {
    const first = await setUp(compromised);
    await refusedWith(ResultReason.PermissionDenied, () => encrypt({ data }, first.object, first.context));
    const second = await setUp(withoutUses);
    await refusedWith(ResultReason.PermissionDenied, () =>
      decrypt({ data, ivCounterNonce: Buffer.alloc(12) }, second.object, second.context),
    );
    const third = await setUp(archived);
    await refusedWith(ResultReason.ObjectArchived, () => encrypt({ data }, third.object, third.context));
  });

  it('stops Get, in the clear and wrapped', async () => {
    const first = await setUp(sensitive);
    await refusedWith(ResultReason.Sensitive, () => get({}, first.object, first.context));
    const second = await setUp(notExtractable);
    await refusedWith(ResultReason.NotExtractable, () =>
      get(wrapping('l3:orders'), second.object, second.context),
    );
    const third = await setUp(archived);
    await refusedWith(ResultReason.ObjectArchived, () => get({}, third.object, third.context));
  });

  it('stops a wrapping key', async () => {
    const { context, object } = await setUp(withoutUses);
    await refusedWith(ResultReason.PermissionDenied, () => get(wrapping(object.uid), object, context));
  });

  it('is nothing: the request is served, and a key given out is in the trail', async () => {
    const { context, object, audit, store } = await setUp(same);
    await encrypt({ data }, object, context);
    await get({}, object, context);
    await get(wrapping('l3:orders'), object, context);
    await audit.flush();
    const events = store.audit.oldest(10).encoded.flatMap(decodeAuditEvents);
    assert.deepEqual(
      events.map(({ event, uid }) => [event, uid]),
      [
        ['OBJECT_READ', object.uid],
        ['OBJECT_READ', object.uid],
      ],
    );
  });
});
