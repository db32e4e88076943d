// A region whose MasterKey its holders unseal: over mutual TLS, share by share, over restarts, re-shared, and moved to a
// real token and back. PostgreSQL and SoftHSM are real.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseServiceName, parseTenantId } from '../../../contracts/index.ts';
import { writePrivate } from '../../../platform/config-file.ts';
import { createLogger } from '../../../platform/log.ts';
import { createCa } from '../../../platform/pki.ts';
import { temporaryDirectory } from '../../../testkit/directories.ts';
import { testDatabase } from '../../../testkit/postgres.ts';
import { startSoftHsm } from '../../../testkit/softhsm.ts';
import { liveSecretCount } from '../../envelope/index.ts';
import type { Ceremony } from '../../keychain/index.ts';
import { verifyAudit } from '../audit/verify.ts';
import type { CoreConfig } from '../config.ts';
import { initialiseInCeremony, initialiseRegion } from '../init.ts';
import {
  type AdminAnswer,
  askAdmin,
  decryptShares,
  type TestHolder,
  testHolders,
} from '../testing/holders.ts';
import { type TestIdentity, TestRegion } from '../testing/region.ts';

const tenant = parseTenantId('acme');
const service = parseServiceName('payments');
const quiet = createLogger({ name: 'test', level: 'silent' });
/** Longer than three holders' requests take on a machine that is busy with other tests. */
const PROGRESS_TTL_MS = 6_000;

interface SealAnswer {
  readonly state: string;
  readonly seal: string;
  readonly shares?: { readonly provided: { index: number }[]; readonly threshold: number };
  readonly change?: { readonly id: string; readonly isConfirmed: boolean };
}
interface Begun {
  readonly change: { readonly id: string };
  readonly ceremony?: Pick<Ceremony, 'signed' | 'shares'>;
}
interface Refusal {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

describe('a region of shares', () => {
  let region: TestRegion;
  let operator: TestIdentity;
  let holders: TestHolder[];
  let shares: string[];
  let l3: Buffer;

  before(async () => {
    holders = await testHolders('alice', 'bob', 'carol', 'dave', 'erin');
    const directory = temporaryDirectory('shamir');
    region = await TestRegion.create((await testDatabase()).url, directory, async (config) => {
      config.seal = { kind: 'shamir', progressTtlMs: PROGRESS_TTL_MS };
      const { created } = await initialiseInCeremony(
        config,
        quiet,
        { holders, threshold: 3 },
        async (ceremony) => {
          shares = await decryptShares(holders, ceremony.shares);
        },
      );
      assert.ok(created);
    });
    operator = await region.identity('operator');
    region.config.admin = {
      host: '127.0.0.1',
      port: 0,
      operators: [{ name: 'olivia', fingerprint: operator.fingerprint }],
    };
    await region.start();
  });
  after(() => region.stop());

  function ask<T>(method: string, path: string, body?: unknown): Promise<AdminAnswer<T>> {
    return askAdmin<T>(region.core.adminPort ?? 0, region.ca.certificatePem, operator, method, path, body);
  }
  const present = (share: string | undefined) => ask<SealAnswer>('POST', '/unseal/share', { share });
  async function refused(
    status: number,
    code: string,
    answer: Promise<AdminAnswer<unknown>>,
  ): Promise<string> {
    const { status: found, body } = await answer;
    const { error } = body as Refusal;
    assert.equal(error?.code, code, JSON.stringify(body));
    assert.equal(found, status);
    assert.ok(error.hint.length > 0);
    return error.message;
  }
  async function restart(change: Partial<CoreConfig> = {}): Promise<void> {
    await region.stop();
    Object.assign(region.config, change);
    await region.start();
  }
  async function keyNow(): Promise<Buffer> {
    const keys = await region.core.keychain.serviceKeys(tenant, service);
    return keys.active.key.use((bytes) => Buffer.from(bytes));
  }
  async function health(): Promise<{ status: number; body: { status: string; seal: string } }> {
    const response = await fetch(`${region.core.healthUrl}/healthz`);
    return { status: response.status, body: (await response.json()) as { status: string; seal: string } };
  }
  async function auditedEvents(): Promise<{ event: string; reason: string | null; body: string }[]> {
    return await region.core.db
      .selectFrom('core.audit_events')
      .select(['event', 'reason', 'body'])
      .orderBy('seq')
      .execute();
  }

  test('strangers are cut off before HTTP, and the trail says why', async () => {
    const port = region.core.adminPort ?? 0;
    const { certificatePem } = region.ca;
    const stranger = await region.identity('stranger');
    const foreign = await region.identity('foreign', await createCa({ commonName: 'my own', days: 1 }));
    for (const identity of [undefined, stranger, foreign]) {
      await assert.rejects(askAdmin(port, certificatePem, identity, 'GET', '/seal'));
    }
    const reasons = async () => (await auditedEvents()).map(({ reason }) => reason).sort();
    // The connection is cut before the trail is written.
    for (let waitedMs = 0; (await reasons()).length < 3 && waitedMs < 5_000; waitedMs += 20) await delay(20);
    assert.deepEqual(await reasons(), ['NOT_REGISTERED', 'NO_CERTIFICATE', 'UNTRUSTED_ISSUER']);
  });

  test('it starts sealed and says so; two shares are not enough, the third opens it', async () => {
    assert.equal(region.core.keychain.sealState, 'sealed');
    assert.equal(region.core.keychain.sealReason, 'SHARES_NEEDED');
    const { status, body } = await health();
    assert.deepEqual([status, body.status, body.seal], [503, 'sealed', 'sealed']);
    await assert.rejects(region.job('TENANT_PROVISION', { tenant: 'acme' }), { code: 'SEALED' });

    const before = liveSecretCount();
    assert.equal((await present(shares[0])).body.state, 'sealed');
    assert.equal((await present(shares[1])).body.state, 'sealed');
    const { body: view } = await ask<SealAnswer>('GET', '/seal');
    assert.deepEqual(
      view.shares?.provided.map(({ index }) => index),
      [1, 2],
    );
    assert.equal(region.core.keychain.sealState, 'sealed');
    assert.match(await refused(422, 'DUPLICATE_SHARE', present(shares[1])), /share 2 \(bob\)/);
    const third = await present(shares[4]);
    assert.equal(third.status, 200);
    assert.equal(third.body.state, 'unsealed');
    // MasterKey and IVK; no share and no unseal key.
    assert.equal(liveSecretCount(), before + 2);
    assert.equal((await health()).status, 200);
    await refused(409, 'ALREADY_UNSEALED', present(shares[2]));

    await region.job('TENANT_PROVISION', { tenant: 'acme' });
    await region.job('SERVICE_PROVISION', { tenant: 'acme', service: 'payments' });
    l3 = await keyNow();
  });

  test('after a restart it is sealed again; what was presented is forgotten when time is up', async () => {
    await restart();
    assert.equal(region.core.keychain.sealState, 'sealed');
    await present(shares[0]);
    await present(shares[1]);
    await delay(PROGRESS_TTL_MS + 200);
    const { body } = await ask<SealAnswer>('GET', '/seal');
    assert.deepEqual(body.shares?.provided, []);
    assert.equal((await present(shares[2])).body.state, 'sealed');
    assert.equal((await present(shares[0])).body.state, 'sealed');
    assert.equal((await present(shares[3])).body.state, 'unsealed');
    assert.deepEqual(await keyNow(), l3);
  });

  test('requests that are none of ours are refused, and quote nothing', async () => {
    for (const body of [
      {},
      { share: 1 },
      { share: 'x'.repeat(5_000) },
      { share: 'x', more: 1 },
      'text',
      null,
    ]) {
      const message = await refused(400, 'INVALID_REQUEST', ask('POST', '/unseal/share', body));
      assert.doesNotMatch(message, /xx/);
    }
    await refused(413, 'TOO_LARGE', ask('POST', '/unseal/share', { share: 'x'.repeat(100_000) }));
    await refused(404, 'NOT_FOUND', ask('GET', '/metrics'));
    await refused(400, 'INVALID_REQUEST', ask('POST', '/seal/changes/x/confirm'));
    await refused(404, 'CHANGE_UNKNOWN', ask('POST', `/seal/changes/${crypto.randomUUID()}/confirm`));
    await refused(409, 'WRONG_TARGET', ask('POST', '/seal/changes', { purpose: 'migrate' }));
    await refused(400, 'HOLDERS_NEEDED', ask('POST', '/seal/changes', { purpose: 'reshare' }));
    const plan = { threshold: 1, holders: holders.map(({ name, recipient }) => ({ name, recipient })) };
    await refused(400, 'INVALID_PLAN', ask('POST', '/seal/changes', { purpose: 'reshare', plan }));
  });

  test('re-sharing: only a threshold of the old holders can, and then the old shares are worthless', async () => {
    const newHolders = await testHolders('frank', 'grace', 'heidi');
    const plan = { threshold: 2, holders: newHolders.map(({ name, recipient }) => ({ name, recipient })) };
    const begin = () => ask<Begun>('POST', '/seal/changes', { purpose: 'reshare', plan });
    const { body: dropped } = await begin();
    const { body: begun } = await begin();
    await refused(404, 'CHANGE_UNKNOWN', ask('POST', `/seal/changes/${dropped.change.id}/confirm`));
    assert.ok(begun.ceremony !== undefined);
    const newShares = await decryptShares(newHolders, begun.ceremony.shares);
    const path = `/seal/changes/${begun.change.id}`;
    const approve = (share: string | undefined) =>
      ask<{ isDone: boolean }>('POST', `${path}/share`, { share });
    await refused(409, 'CHANGE_UNCONFIRMED', approve(shares[0]));
    assert.equal((await ask<{ isDone: boolean }>('POST', `${path}/confirm`)).body.isDone, false);
    await refused(409, 'CHANGE_PENDING', begin());
    await refused(422, 'OTHER_SET', approve(newShares[0]));
    assert.equal((await approve(shares[4])).body.isDone, false);
    assert.equal((await approve(shares[1])).body.isDone, false);
    assert.match(await refused(422, 'DUPLICATE_SHARE', approve(shares[1])), /share 2 \(bob\)/);
    const last = await approve(shares[3]);
    assert.equal(last.body.isDone, true, JSON.stringify(last.body));
    assert.deepEqual(await keyNow(), l3, 'a region that serves goes on');

    await restart();
    assert.match(await refused(422, 'OTHER_SET', present(shares[0])), /share 1 \(alice\)/);
    await present(newShares[2]);
    assert.equal((await present(newShares[0])).body.state, 'unsealed');
    assert.deepEqual(await keyNow(), l3);
    shares = newShares;
    holders = newHolders;
  });

  test('a change that is cancelled or forgotten leaves no key behind', async () => {
    const plan = { threshold: 2, holders: holders.map(({ name, recipient }) => ({ name, recipient })) };
    const begin = () => ask<Begun>('POST', '/seal/changes', { purpose: 'reshare', plan });
    const held = liveSecretCount();
    const { body: first } = await begin();
    assert.equal(liveSecretCount(), held + 1);
    assert.equal((await ask('DELETE', `/seal/changes/${first.change.id}`)).status, 200);
    assert.equal(liveSecretCount(), held);
    const { body: second } = await begin();
    await ask('POST', `/seal/changes/${second.change.id}/confirm`);
    await ask('POST', `/seal/changes/${second.change.id}/share`, { share: shares[0] });
    assert.equal(liveSecretCount(), held + 2);
    await delay(PROGRESS_TTL_MS + 200);
    assert.equal(liveSecretCount(), held);
    await refused(
      404,
      'CHANGE_UNKNOWN',
      ask('POST', `/seal/changes/${second.change.id}/share`, { share: shares[1] }),
    );
  });

  test('to a token, over a restart, and back to shares: the tenant keeps its L3 bit for bit', async () => {
    const token = await startSoftHsm();
    const { module, tokenLabel, pinFile } = token;
    const shamir = region.config.seal;
    const pkcs11 = { kind: 'pkcs11', module, tokenLabel, pinFile, keyLabel: 'unseal' } as const;
    await restart({ seal: pkcs11 });
    assert.equal(region.core.keychain.sealState, 'sealed', 'the database is still under shares');
    const wrappings = async () => ({
      root: await region.core.db.selectFrom('keychain.root').selectAll().executeTakeFirstOrThrow(),
      below: JSON.stringify([
        await region.core.db.selectFrom('keychain.ivks').select(['version', 'wrapped']).execute(),
        await region.core.db.selectFrom('keychain.tenants').selectAll().execute(),
        await region.core.db.selectFrom('keychain.keys').selectAll().execute(),
      ]),
    });
    const underShares = await wrappings();
    const { body: begun } = await ask<Begun>('POST', '/seal/changes', { purpose: 'migrate' });
    const path = `/seal/changes/${begun.change.id}`;
    await ask('POST', `${path}/confirm`);
    await ask('POST', `${path}/share`, { share: shares[0] });
    const done = await ask<{ isDone: boolean }>('POST', `${path}/share`, { share: shares[1] });
    assert.equal(done.body.isDone, true, JSON.stringify(done.body));
    assert.equal(region.core.keychain.sealState, 'unsealed');
    assert.deepEqual(await keyNow(), l3);
    const underToken = await wrappings();
    assert.equal(underToken.below, underShares.below, 'nothing below the MasterKey is touched');
    assert.ok(!underToken.root.sealed_unseal_key.equals(underShares.root.sealed_unseal_key));

    await restart();
    assert.equal(region.core.keychain.sealState, 'unsealed', 'it opens by itself');
    assert.equal(region.core.keychain.sealKind, 'pkcs11');
    assert.deepEqual(await keyNow(), l3);
    await refused(409, 'ALREADY_UNSEALED', present(shares[0]));

    await restart({ seal: shamir, previousSeal: pkcs11 });
    assert.equal(region.core.keychain.sealState, 'unsealed', 'by its previous seal');
    const plan = { threshold: 2, holders: holders.map(({ name, recipient }) => ({ name, recipient })) };
    const { body: back } = await ask<Begun>('POST', '/seal/changes', { purpose: 'migrate', plan });
    const again = await decryptShares(holders, back.ceremony?.shares ?? []);
    const moved = await ask<{ isDone: boolean }>('POST', `/seal/changes/${back.change.id}/confirm`);
    assert.equal(moved.body.isDone, true, JSON.stringify(moved.body));
    assert.equal((await ask<SealAnswer>('GET', '/seal')).body.seal, 'shamir');
    delete region.config.previousSeal;
    await restart();
    assert.equal(region.core.keychain.sealState, 'sealed');
    await refused(422, 'OTHER_SET', present(shares[0]));
    await present(again[0]);
    assert.equal((await present(again[1])).body.state, 'unsealed');
    assert.deepEqual(await keyNow(), l3);
    assert.equal((await wrappings()).below, underShares.below);
    shares = again;
  });

  test('an operator replaces the internal key; tenants notice nothing, the trail knows who it was', async () => {
    const made = await ask<{ version: number }>('POST', '/ivk/rotate', { compromised: false });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    assert.equal(made.body.version, 2);
    assert.deepEqual(await keyNow(), l3);
    const under = () =>
      region.core.db.selectFrom('keychain.link_heads').select('ivk').where('tenant', '=', tenant).execute();
    for (let waited = 0; (await under())[0]?.ivk !== 2 && waited < 5_000; waited += 50) await delay(50);
    assert.deepEqual(await under(), [{ ivk: 2 }], 'the region has sealed it anew by itself');
    assert.deepEqual(await keyNow(), l3);
    const event = (await auditedEvents()).find((each) => each.event === 'IVK_ROTATED');
    assert.match(event?.body ?? '', /olivia/);
    await restart();
    await refused(409, 'SEALED', ask('POST', '/ivk/rotate', { compromised: false }));
    await present(shares[0]);
    await present(shares[1]);
    assert.deepEqual(await keyNow(), l3);
  });

  test('the trail has every try, names shares and operators, and holds no share', async () => {
    const events = await auditedEvents();
    const names = new Set(events.map(({ event }) => event));
    for (const name of [
      'SHARE_ACCEPTED',
      'SHARE_REFUSED',
      'SHARES_FORGOTTEN',
      'UNSEALED',
      'SEAL_CHANGE_BEGUN',
      'SEAL_CHANGE_CANCELLED',
      'SEAL_CHANGE_FORGOTTEN',
      'SEAL_CHANGED',
    ]) {
      assert.ok(names.has(name), name);
    }
    const refusals = events.filter(({ event }) => event === 'SHARE_REFUSED');
    assert.ok(refusals.some(({ body, reason }) => reason === 'OTHER_SET' && /share 1 \(alice\)/.test(body)));
    assert.ok(refusals.every(({ body }) => body.includes('olivia')));
    const trail = JSON.stringify(events);
    for (const share of shares) assert.ok(!trail.includes((JSON.parse(share) as { share: string }).share));
    assert.equal(await verifyAudit(region.core.db), null);
  });

  test('a manifest that was tampered with in the database keeps it sealed, and running', async () => {
    const { sealed_unseal_key: blob } = await region.core.db
      .selectFrom('keychain.root')
      .select('sealed_unseal_key')
      .executeTakeFirstOrThrow();
    const tampered = Buffer.from(blob.toString().replace('"threshold":2', '"threshold":3'));
    const store = (bytes: Buffer) =>
      region.core.db.updateTable('keychain.root').set({ sealed_unseal_key: bytes }).execute();
    await store(tampered);
    await restart();
    assert.equal(region.core.keychain.sealReason, 'RECORD_REJECTED');
    await refused(503, 'RECORD_REJECTED', present(shares[0]));
    assert.equal((await health()).body.status, 'sealed');
    await store(blob);
    await present(shares[0]);
    assert.equal((await present(shares[1])).body.state, 'unsealed');
  });
});

describe('a region of a token that is away', () => {
  test('starts sealed, and opens by itself when the token is back', async () => {
    const { module, tokenLabel, pinFile } = await startSoftHsm();
    const seal = { kind: 'pkcs11', module, tokenLabel, pinFile, keyLabel: 'unseal' } as const;
    const region = await TestRegion.create(
      (await testDatabase()).url,
      temporaryDirectory('token'),
      async (config) => {
        config.seal = seal;
        await initialiseRegion(config, quiet);
        config.seal = { ...seal, pinFile: join(temporaryDirectory('pin'), 'pin') };
      },
    );
    try {
      await region.start();
      assert.equal(region.core.keychain.sealReason, 'SEAL_REJECTED', 'there is no PIN');
      const { seal: broken } = region.config;
      assert.ok(broken.kind === 'pkcs11');
      await writePrivate(broken.pinFile, await readFile(pinFile));
      for (let waited = 0; region.core.keychain.sealState === 'sealed' && waited < 5_000; waited += 50)
        await delay(50);
      assert.equal(region.core.keychain.sealState, 'unsealed');
    } finally {
      await region.stop();
    }
  });
});
