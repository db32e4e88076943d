/** The life of links through the public doors: REST on one side, a region's operator over a real broker on the other. */
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { HandlerOutcome } from '../../orbital/index.ts';
import { testWorld } from '../../testkit/governance.ts';
import { createKeystoreRegistry, type KeystoreRegistry } from '../keystores/registry.ts';
import { SECOND_TOKEN, until, type World } from '../test-world.ts';

/** These tests wait for what comes of a probe, and for what is looked for as often. */
const PROMPT = { probeEveryMs: 1_000 };
let world: World;

/** The keystore as CMK sees it; a test can make its calls hang or fail. */
const real = createKeystoreRegistry();
let beforeDataKey: (() => Promise<void>) | undefined;
const keystores: KeystoreRegistry = (record) => {
  const provider = real(record);
  return {
    ...provider,
    generateDataKey: async (reference) => {
      await beforeDataKey?.();
      return await provider.generateDataKey(reference);
    },
  };
};

before(async () => {
  world = await testWorld({
    regions: ['north', 'south'],
    link: PROMPT,
    deps: { keystores, sealClaimMs: 300 },
  });
});
after(() => world.close());

const region = (index: number) => {
  const found = world.regions[index];
  assert.ok(found);
  return found;
};
const keyReference = async (tenant: string, alias = 'main'): Promise<string> => {
  const { items } = await world.must(200, 'GET', `/v1/tenants/${tenant}/keys`);
  return items.find((key: { alias: string }) => key.alias === alias).reference;
};

test('a tenant is pending, then active; a link goes to every region under epoch 1', async () => {
  await world.onboard('acme');
  const decision = await world.must(202, 'POST', '/v1/tenants/acme/link', { key: 'main' });
  assert.equal(decision.proposal.state, 'executed');
  assert.equal(decision.proposal.policy, 'development-quorum-one');
  assert.equal(decision.links.state, 'pending');
  assert.match(decision.links.regions[0].waitsFor, /north to make the key pair of epoch 1/);

  const links = await world.linked('acme', 'active');
  for (const link of links.regions) {
    assert.equal(link.epoch, 1);
    assert.equal(link.waitsFor, null);
    const ttlMs = Date.parse(link.expiresAt) - Date.parse(link.provedAt);
    assert.equal(ttlMs, 86_400_000);
  }
  assert.equal(region(0).tenants.get('acme')?.open, 1);
  assert.equal(
    (await world.call('POST', '/v1/tenants/acme/link', { key: 'main' })).body.code,
    'ALREADY_LINKED',
  );
});

test('unlinking closes every region, and linking again carries the old secret beside a fresh one', async () => {
  const first = region(0).tenants.get('acme')?.standsOn.secret;
  await world.must(202, 'POST', '/v1/tenants/acme/unlink', { reason: 'an exercise' });
  const closed = await world.linked('acme', 'closed');
  assert.equal(closed.regions[0].reason, 'an exercise');
  assert.equal(closed.regions[0].gatewaysTold, 1);
  assert.equal(region(0).tenants.get('acme')?.closed, 1);
  assert.equal(
    (await world.call('POST', '/v1/tenants/acme/unlink', { reason: 'again' })).body.code,
    'NOT_LINKED',
  );

  await world.must(202, 'POST', '/v1/tenants/acme/link', { key: 'main' });
  const links = await world.linked('acme', 'active');
  assert.deepEqual(
    links.regions.map((link: { epoch: number }) => link.epoch),
    [2, 2],
  );
  const now = region(0).tenants.get('acme')?.standsOn;
  assert.equal(now?.epoch, 2);
  assert.notEqual(now?.secret, first);
});

test('switching to another key opens a new epoch, and closes the old one without an UNLINK', async () => {
  await world.must(201, 'POST', '/v1/tenants/acme/keys', { keystore: 'soft', alias: 'second', create: true });
  const unlinks = region(0).applied.filter((kind) => kind === 'UNLINK').length;
  await world.must(202, 'POST', '/v1/tenants/acme/link', { key: 'second' });
  await until(
    'epoch 3',
    async () => region(1).tenants.get('acme')?.open === 3 && region(0).tenants.get('acme')?.open === 3,
  );
  const links = await world.linked('acme', 'active');
  assert.equal(links.regions[0].key, 'second');
  assert.equal(region(0).applied.filter((kind) => kind === 'UNLINK').length, unlinks);
  const rows = await world.query(`SELECT state, reason FROM links WHERE tenant = 'acme' AND epoch = 2`);
  assert.deepEqual(rows[0], { state: 'closed', reason: 'epoch 3 took its place' });
});

test('UNLINK wins over a link that is being made, and what the keystore makes later goes nowhere', async () => {
  await world.onboard('mid-flight');
  const held = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  beforeDataKey = async () => {
    reached.resolve();
    await held.promise;
  };
  await world.must(202, 'POST', '/v1/tenants/mid-flight/link', { key: 'main' });
  await reached.promise;
  await world.must(202, 'POST', '/v1/tenants/mid-flight/unlink', { reason: 'changed our mind' });
  beforeDataKey = undefined;
  held.resolve();
  await world.linked('mid-flight', 'closed');
  await delay(400);
  assert.equal(region(0).tenants.get('mid-flight')?.open, 0);
  assert.deepEqual(
    await world.query(
      `SELECT count(*)::int AS sent FROM orbital_jobs WHERE kind = 'LINK' AND entity LIKE 'link:mid-flight%'`,
    ),
    [{ sent: 0 }],
  );
});

test('a late retry of an UNLINK stops no link that is being made since, and does no harm to one that lives', async () => {
  await world.onboard('retried');
  await world.must(202, 'POST', '/v1/tenants/retried/link', { key: 'main' });
  await world.linked('retried', 'active');
  region(0).interfere = (kind) =>
    kind === 'UNLINK' ? { failed: { code: 'INVALID_PAYLOAD', message: 'no', retryable: false } } : undefined;
  await world.must(202, 'POST', '/v1/tenants/retried/unlink', { reason: 'an exercise' });
  const job = await until('it has failed', async () => {
    const { items } = await world.must(200, 'GET', '/v1/jobs?tenant=retried&kind=UNLINK&state=failed');
    return items[0]?.id as string | undefined;
  });
  region(0).interfere = (kind) =>
    kind === 'LINK_PREPARE' ? { failed: { code: 'SEALED', message: 'not yet', retryable: true } } : undefined;
  await world.must(202, 'POST', '/v1/tenants/retried/link', { key: 'main' });
  const { status, body } = await world.call('POST', `/v1/jobs/${job}/retry`);
  assert.deepEqual([status, body.code], [409, 'JOB_NOT_RETRYABLE']);
  assert.match(body.detail, /epoch 2 of retried is being made in north/);
  region(0).interfere = undefined;
  const lives = () =>
    until('epoch 2 lives', async () => [0, 1].every((at) => region(at).tenants.get('retried')?.open === 2));
  await lives();
  const alive = async (): Promise<unknown> =>
    await world.query(
      `SELECT region, state FROM links WHERE tenant = 'retried' AND epoch = 2 ORDER BY region`,
    );
  const both = [
    { region: 'north', state: 'active' },
    { region: 'south', state: 'active' },
  ];
  await until('governance knows', async () => JSON.stringify(await alive()) === JSON.stringify(both));
  await world.must(202, 'POST', `/v1/jobs/${job}/retry`);
  await until(
    'it has been done',
    async () => (await world.must(200, 'GET', `/v1/jobs/${job}`)).state === 'done',
  );
  await lives();
  assert.deepEqual(await alive(), both);
});

test('a crash between the keystore call and the LINK job is resumed from the row', async () => {
  await world.onboard('crashed');
  let calls = 0;
  beforeDataKey = async () => {
    calls += 1;
    await new Promise(() => undefined); // the process dies in there, for both regions
  };
  await world.must(202, 'POST', '/v1/tenants/crashed/link', { key: 'main' });
  await until('both regions are being sealed', async () => calls >= 2);
  const links = await world.must(200, 'GET', '/v1/tenants/crashed/links');
  assert.match(links.regions[0].waitsFor, /keystore/);
  beforeDataKey = undefined;
  // A new process on the same database: nothing but the rows tells it what to do.
  await world.restart();
  await world.linked('crashed', 'active');
  assert.equal(region(0).tenants.get('crashed')?.open, 1);
});

for (const told of [true, false])
  test(`whether or not a LINK was applied before an UNLINK overtook it, linking again finds the right old secret: ${told ? 'as the regions say' : 'by trying'}`, async () => {
    const tenant = told ? 'uncertain' : 'untold';
    await world.onboard(tenant);
    const [north, south] = [region(0), region(1)];
    north.saysWhatL2StandsOn = south.saysWhatL2StandsOn = told;
    // North never applies epoch 1; south does, and its answer is lost. CMK cannot tell them apart.
    const later = (kind: string, payload: unknown): HandlerOutcome | undefined =>
      kind === 'LINK' && (payload as { tenant: string }).tenant === tenant
        ? { failed: { code: 'UNAVAILABLE', message: 'later', retryable: true } }
        : undefined;
    north.interfere = later;
    south.answerInstead = later;
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
    await until('south has applied it', async () => south.tenants.get(tenant)?.standsOn.epoch === 1);
    await until('both were asked', async () => {
      const links = await world.must(200, 'GET', `/v1/tenants/${tenant}/links`);
      return links.regions.every((link: { state: string }) => link.state === 'linking');
    });
    await world.must(202, 'POST', `/v1/tenants/${tenant}/unlink`, { reason: 'overtaken' });
    await world.linked(tenant, 'closed');
    north.interfere = undefined;
    south.answerInstead = undefined;

    await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
    await world.linked(tenant, 'active');
    assert.equal(north.tenants.get(tenant)?.standsOn.epoch, 2);
    assert.equal(south.tenants.get(tenant)?.standsOn.epoch, 2);
    north.saysWhatL2StandsOn = south.saysWhatL2StandsOn = true;
    const { items } = await world.must(200, 'GET', `/v1/audit?tenant=${tenant}&limit=200`);
    const retries = items.filter((each: { action: string }) => each.action === 'link.retry');
    assert.equal(retries.length, told ? 0 : 1);
  });

test('a renewal proves the key afresh and moves the expiry', async () => {
  const before = await world.linked('acme', 'active');
  await world.query(`UPDATE links SET renew_at = now() WHERE tenant = 'acme' AND state = 'active'`);
  await until('a later expiry', async () => {
    const links = await world.must(200, 'GET', '/v1/tenants/acme/links');
    return links.regions.every(
      (link: { expiresAt: string }, at: number) => link.expiresAt > before.regions[at].expiresAt,
    );
  });
  assert.ok((region(0).tenants.get('acme')?.expiresAt ?? '') > before.regions[0].expiresAt);
});

test('no plaintext link secret is in any table', async () => {
  const tables = await world.query(`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`);
  const secrets = [...region(0).secrets, ...region(1).secrets];
  assert.ok(secrets.length >= 6);
  for (const { name } of tables) {
    const dump = JSON.stringify(
      await world.query(`SELECT to_jsonb(t)::text AS row FROM "${String(name)}" t`),
    );
    for (const secret of secrets)
      for (const form of [
        secret,
        Buffer.from(secret, 'hex').toString('base64url').slice(0, 42),
        Buffer.from(secret, 'hex').toString('base64').slice(0, 42),
      ])
        assert.ok(!dump.includes(form), `table ${String(name)} holds a link secret`);
  }
});

for (const [state, how] of [
  ['DISABLED', (reference: string) => world.keystore.setState(reference, 'disabled')],
  ['PENDING_DELETION', (reference: string) => world.keystore.setState(reference, 'pending-deletion')],
  ['NOT_FOUND', (reference: string) => world.keystore.deleteKey(reference)],
  ['FORBIDDEN', (reference: string) => world.keystore.setState(reference, 'forbidden')],
] as const)
  test(`kill switch: a key that is ${state} at its provider unlinks its tenant by itself`, async () => {
    const tenant = `kill-${state.toLowerCase().replaceAll('_', '-')}`;
    await world.onboard(tenant);
    await world.must(202, 'POST', `/v1/tenants/${tenant}/link`, { key: 'main' });
    await world.linked(tenant, 'active');
    await how(await keyReference(tenant));
    const closed = await world.linked(tenant, 'closed');
    assert.match(closed.regions[0].reason, new RegExp(`main is ${state}`));
    const { items } = await world.must(200, 'GET', `/v1/audit?tenant=${tenant}&limit=200`);
    const event = items.find((each: { action: string }) => each.action === 'link.close');
    assert.equal(event.actor, 'system:kill-switch');
    assert.equal(
      (await world.call('POST', `/v1/tenants/${tenant}/link`, { key: 'main' })).body.code,
      'KEY_NOT_USABLE',
    );
  });

test('a keystore that is away unlinks nobody, and a link waits for it', async () => {
  await world.onboard('patient');
  await rename(world.keystorePath, `${world.keystorePath}.away`);
  try {
    await world.must(202, 'POST', '/v1/tenants/patient/link', { key: 'main' });
    await until('the link says why it waits', async () => {
      const links = await world.must(200, 'GET', '/v1/tenants/patient/links');
      return links.regions[0].error === 'KEYSTORE_UNREACHABLE';
    });
    assert.equal((await world.must(200, 'GET', '/v1/tenants/acme/links')).state, 'active');
  } finally {
    await rename(`${world.keystorePath}.away`, world.keystorePath);
  }
  await world.linked('patient', 'active');
});

test('four eyes: under quorum two nothing happens until another operator approves', async () => {
  await world.onboard('careful', 'four-eyes');
  const { proposal } = await world.must(202, 'POST', '/v1/tenants/careful/link', { key: 'main' });
  assert.equal(proposal.state, 'pending');
  const path = `/v1/tenants/careful/proposals/${proposal.id}/approve`;
  assert.equal((await world.call('POST', path)).body.code, 'FOUR_EYES');
  assert.equal((await world.must(200, 'GET', '/v1/tenants/careful/links')).state, 'none');
  const approved = await world.call('POST', path, undefined, { authorization: `Bearer ${SECOND_TOKEN}` });
  assert.equal(approved.status, 202);
  assert.equal(approved.body.proposal.state, 'executed');
  await world.linked('careful', 'active');
});

test('a region that is ahead after a restore of our database never gets an epoch twice', async () => {
  await world.onboard('restored');
  await region(0).report({ links: [{ tenant: 'restored', epoch: 7, state: 'closed' }] });
  await until('CMK has heard it', async () => {
    const rows = await world.query(
      `SELECT last_epoch FROM tenant_regions WHERE tenant = 'restored' AND region = 'north'`,
    );
    return rows[0]?.['last_epoch'] === 7;
  });
  await world.must(202, 'POST', '/v1/tenants/restored/link', { key: 'main' });
  const links = await world.linked('restored', 'active');
  assert.deepEqual(
    links.regions.map((link: { epoch: number }) => link.epoch),
    [8, 1],
  );
});

test('every audit chain verifies', async () => {
  for (const query of ['', '?tenant=acme', '?tenant=mid-flight', '?tenant=kill-disabled']) {
    const verdict = await world.must(200, 'GET', `/v1/audit/verify${query}`);
    assert.equal(verdict.ok, true, query);
    assert.ok(verdict.events > 0);
  }
});
